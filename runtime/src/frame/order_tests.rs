//! What is easily lost: the order of rows where the engine is free to change it, and types that
//! turn out to be wider.

use super::*;
use crate::prelude::{Agg, Csv, Merge, Series, concat, sql};

fn ints(df: &DataFrame, column: &str) -> Vec<i64> {
    df.compute().unwrap().column(column).unwrap().to_vec().unwrap()
}

fn floats(df: &DataFrame, column: &str) -> Vec<Option<f64>> {
    df.compute().unwrap().column(column).unwrap().to_vec().unwrap()
}

/// Rows 0 to n in one partition, in batches of many lengths.
fn uneven(n: i64) -> DataFrame {
    let batch = DataFrame::from_columns([("x", Series::from_iter(0..n))])
        .compute()
        .unwrap()
        .batch()
        .clone();
    let (mut at, mut batches) = (0, Vec::new());
    for length in [10, 9000, 5, 20_000, 1, 300].into_iter().cycle() {
        let length = length.min(batch.num_rows() - at);
        if length == 0 {
            break;
        }
        batches.push(batch.slice(at, length));
        at += length;
    }
    DataFrame::from_result(plan::scan::held("test", batch.schema(), vec![batches], None))
}

#[test]
fn rows_stay_in_order_whoever_reads_them() {
    let n = 200_000;
    let all: Vec<i64> = (0..n).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let path = path.to_str().unwrap();
    uneven(n).with_columns([("y", col("x") * 7), ("z", col("x") * 11)]).to_parquet(path).unwrap();
    for df in [
        uneven(n),
        uneven(n).persist().unwrap(),
        read_parquet(path),
        DataFrame::from_columns([("x", Series::from_iter(0..n))]),
    ] {
        assert!(ints(&df, "x") == all);
        assert!(
            ints(&df.with_row_index("row"), "row") == all
                && ints(&df.with_row_index("row"), "x") == all
        );
        assert_eq!(
            df.tail(2).unwrap().column("x").unwrap().to_vec::<i64>().unwrap(),
            [n - 2, n - 1]
        );
        assert_eq!(
            df.filter(col("x").ge(60_000))
                .head(3)
                .unwrap()
                .column("x")
                .unwrap()
                .to_vec::<i64>()
                .unwrap(),
            [60_000, 60_001, 60_002]
        );
        let steps = df.with_column("d", col("x").diff(1));
        assert_eq!(
            (
                steps.col("d").min().compute().unwrap().as_i64(),
                steps.col("d").max().compute().unwrap().as_i64()
            ),
            (Some(1), Some(1))
        );
        assert_eq!(df.groupby("x").size().len().unwrap(), n as usize);
    }
    let two = concat([&uneven(n), &uneven(5)]);
    assert!(
        two.head(2).unwrap().column("x").unwrap().to_vec::<i64>().unwrap() == [0, 1]
            && ints(&two, "x")[n as usize..] == all[..5]
    );
    let mixed = DataFrame::from_columns([
        ("a", Series::from_iter([2i64, 1, 2, 1])),
        ("b", Series::from_iter([1i64, 9, 0, 3])),
    ]);
    let sorted = mixed.sort_values("a");
    assert_eq!(ints(&sql("select * from s order by a, b", [("s", &sorted)]), "b"), [3, 9, 0, 1]);
    assert_eq!(ints(&sorted, "b"), [9, 3, 1, 0]);
}

#[test]
fn types_that_get_wider_change_what_was_planned() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Csv::new().infer_rows(2).read(path.to_str().unwrap())
    };
    let rows: String = (0..3000).map(|i| format!("{i},,{i}\n")).collect();
    let sparse = || file("sparse.csv", &format!("i,n,v\n{rows}3000,7,x\n3001,7,2.5\n"));
    assert_eq!(sparse().col("n").sum().compute().unwrap().as_i64(), Some(14));
    assert_eq!(sparse().col("n").nunique().compute().unwrap().as_i64(), Some(1));
    assert!(sparse().col("v").mode().compute().unwrap().len() > 3000);
    assert_eq!(sparse().repartition(3).len().unwrap(), 3002);
    let late = file("late.csv", "a\n1\n2\n3.5\n");
    assert_eq!(floats(&late.repartition(2), "a"), [Some(1.0), Some(2.0), Some(3.5)]);
    let one = DataFrame::from_columns([("x", Series::from_iter([1i64]))]);
    let two = DataFrame::from_columns([
        ("x", Series::from_iter([2.5])),
        ("y", Series::from_iter([5i64])),
    ]);
    let both = concat([&one, &two]);
    assert_eq!(both.dtypes().unwrap(), [DType::Float64, DType::Int64]);
    assert_eq!(ints(&both.fillna(0), "y"), [0, 5]);
    assert_eq!(floats(&both.with_column("h", col("y") / 2), "h"), [None, Some(2.5)]);
}

#[test]
fn what_readers_of_pandas_books_try() {
    let df = DataFrame::from_columns([
        ("i", Series::from_iter([1i64, 3, 5])),
        ("s", Series::from_iter(["a==b", "ab", "b"])),
        ("g", Series::from_iter(["u", "u", "v"])),
        ("k", Series::from_iter(["p", "p", "q"])),
    ]);
    assert_eq!(ints(&df.query("i/2 > 1"), "i"), [3, 5]);
    assert_eq!(ints(&df.query("s == 'a==b'"), "i"), [1]);
    assert_eq!(df.eval("i", "i * 2").columns().unwrap(), ["i", "s", "g", "k"]);
    assert_eq!(floats(&df.eval("h", "i / 2"), "h"), [Some(0.5), Some(1.5), Some(2.5)]);
    let twice = (col("i") - col("i").shift(1).over("g")).cumsum().over("k");
    assert_eq!(ints(&df.with_column("o", twice.fillna(-1)), "o"), [-1, 2, -1]);
    let sizes = df
        .with_column("one", col("g").mask(col("g").notna(), "x"))
        .pivot_table("one", "k", "i", "size");
    assert_eq!((ints(&sizes, "p"), ints(&sizes, "q")), (vec![2], vec![1]));
    let x = DataFrame::from_columns([("x", Series::from_iter([Some(1.0), None, Some(3.0)]))]);
    assert_eq!(floats(&x.with_column("o", col("x").floordiv(0.1)), "o")[0], Some(9.0));
    assert_eq!(
        floats(&x.with_column("o", col("x").rolling(3).count()), "o"),
        [None, None, Some(2.0)]
    );
    let nearest = x.merge_asof(
        &DataFrame::from_columns([
            ("x", Series::from_iter([0.5])),
            ("q", Series::from_iter([7i64])),
        ]),
        "x",
        &[],
    );
    assert_eq!(floats(&nearest, "q"), [Some(7.0), None, Some(7.0)]);
    let texts = df.with_columns([
        ("f", col("s").str().fullmatch("a|ab")),
        ("all", col("s").str().findall("(a)|b").list().join("/")),
    ]);
    let texts = texts.compute().unwrap();
    assert_eq!(texts.column("f").unwrap().to_vec::<bool>().unwrap(), [false, true, false]);
    assert_eq!(texts.column("all").unwrap().to_vec::<String>().unwrap(), ["a/", "a/", ""]);
    let windows = [("a", col("i").cumsum()), ("b", col("i").astype(DType::Float64).cumsum())];
    assert_eq!(df.with_columns(windows).dtypes().unwrap()[4..], [DType::Int64, DType::Float64]);
    assert!(
        df.groupby(["g", "k"]).get_group("u").compute().unwrap_err().to_string().contains("2 keys")
    );
    assert!(
        df.rename([("i", "__rask_row__")])
            .compute()
            .unwrap_err()
            .to_string()
            .contains("__rask_row__")
    );
    // A step behind a wrong one passes its error on.
    assert!(
        df.select("nothing")
            .fillna(0)
            .sort_values("i")
            .compute()
            .unwrap_err()
            .to_string()
            .contains("\"nothing\"")
    );
    let unsure = Merge::new().left_on("i").join(&df, &df).compute().unwrap_err().to_string();
    assert!(unsure.contains("left_on names 1"), "{unsure}");
    assert_eq!(df.groupby("g").agg([("i", Agg::Sum)]).columns().unwrap(), ["g", "i"]);
}
