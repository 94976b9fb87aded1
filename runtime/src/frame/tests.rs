//! Frames as a user calls them: each case is a frame and the rows that must come out.

use super::engine::Rows;
use super::*;
use crate::show::Show;
use arrow::array::RecordBatch;

fn frame() -> DataFrame {
    DataFrame::from_columns([
        (
            "city",
            Series::from_iter([Some("Oslo"), Some("Bergen"), None, Some("Oslo"), Some("Århus")]),
        ),
        ("rain", Series::from_iter([Some(1.0), Some(8.0), Some(5.0), None, None])),
        ("days", Series::from_iter([1i64, 2, 3, 4, 5])),
    ])
}

/// Computes the frame, as one partition and as many, and compares its text.
fn check(frame: &DataFrame, want: &[&str]) {
    let rows = |batch: RecordBatch| {
        let options = arrow::util::display::FormatOptions::new().with_null("-");
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|c| arrow::util::display::ArrayFormatter::try_new(c, &options).unwrap())
            .collect();
        let names =
            batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(" ");
        let lines = (0..batch.num_rows())
            .map(|i| columns.iter().map(|c| c.value(i).to_string()).collect::<Vec<_>>().join(" "));
        std::iter::once(names).chain(lines).collect::<Vec<_>>()
    };
    let plan = frame.plan().unwrap();
    for order in [Rows::InOrder, Rows::Spread] {
        assert_eq!(rows(engine::collect::collect(plan, order).unwrap()), want);
    }
}

#[test]
fn steps_give_the_rows_a_user_expects() {
    let df = frame();
    check(&df.filter(col("rain").gt(2)), &["city rain days", "Bergen 8.0 2", "- 5.0 3"]);
    check(
        &df.filter(col("city").eq("Oslo")).select(["days", "city"]),
        &["days city", "1 Oslo", "4 Oslo"],
    );
    check(
        &df.select("days").with_column("twice", col("days") * 2).filter(col("twice").ge(8)),
        &["days twice", "4 8", "5 10"],
    );
    check(
        &df.with_column("days", -col("days")).select("days").filter(col("days").lt(-3)),
        &["days", "-4", "-5"],
    );
    check(
        &df.filter(col("rain").is_null() & col("days").neq(4)).select("city"),
        &["city", "Århus"],
    );
    check(&df.groupby("city").size(), &["city size", "Bergen 1", "Oslo 2", "Århus 1"]);
    check(&df.groupby("city").mean("rain"), &["city rain", "Bergen 8.0", "Oslo 1.0", "Århus -"]);
    check(
        &df.groupby("city").sum(["rain", "days"]),
        &["city rain days", "Bergen 8.0 2", "Oslo 1.0 5", "Århus 0.0 5"],
    );
    check(
        &df.groupby(["city", "days"]).count("rain").filter(col("rain").eq(0)),
        &["city days rain", "Oslo 4 0", "Århus 5 0"],
    );
    assert_eq!(
        (df.len().unwrap(), df.head(2).unwrap().len(), df.is_empty().unwrap()),
        (5, 2, false)
    );
}

#[test]
fn whole_numbers_of_any_kind_stay_whole() {
    let df =
        frame().with_column("rest", col("days") % 2usize).with_column("more", col("days") * 3u64);
    let t = df.compute().unwrap();
    assert_eq!(t.column("rest").unwrap().to_vec::<i64>().unwrap(), [1, 0, 1, 0, 1]);
    assert_eq!(t.column("more").unwrap().sum::<i64>().unwrap(), 45);
}

#[test]
fn bad_steps_say_what_would_be_right() {
    let df = frame();
    let cases: [(DataFrame, &[&str]); 8] = [
        (df.select("rian"), &["select", "\"rian\"", "did you mean \"rain\"", "\"city\""]),
        (df.filter(col("Days").gt(1)), &["filter", "did you mean \"days\""]),
        (df.groupby("cty").size(), &["groupby", "did you mean \"city\""]),
        (df.groupby("city").sum("dayz"), &["groupby(..).sum", "did you mean \"days\""]),
        (df.groupby("city").sum("city"), &["duplicate column name \"city\""]),
        (df.select(["days", "days"]), &["select", "duplicate column name"]),
        (
            DataFrame::from_columns([
                ("a", Series::from_iter([1i64])),
                ("b", Series::from_iter([1i64, 2])),
            ]),
            &["\"b\" has 2 rows", "\"a\" has 1"],
        ),
        (df.select("rian").filter(col("nonsense").gt(1)), &["rian"]),
    ];
    for (frame, parts) in cases {
        let said = frame.compute().unwrap_err().to_string();
        assert!(parts.iter().all(|p| said.contains(p)), "{said} lacks one of {parts:?}");
        assert!(frame.show().data["text/plain"].contains("error"));
    }
}

#[test]
fn the_lazy_repr_tells_columns_types_partitions_and_tasks() {
    let many = DataFrame::from_columns([
        ("i", Series::from_iter(0..100_000i64)),
        ("s", Series::from_iter((0..100_000).map(|i| i.to_string()))),
    ]);
    let bundle = many.groupby("s").sum("i").show();
    for part in ["int64", "str", "partition", "task", "2 columns"] {
        assert!(
            bundle.data["text/html"].contains(part) && bundle.data["text/plain"].contains(part),
            "{part}"
        );
    }
    assert_eq!(many.npartitions(), crate::config::threads());
    let picture = many.groupby("s").sum("i").visualize().show();
    assert!(picture.data["image/svg+xml"].contains("groupby-chunk"));
}

#[test]
fn many_groups_are_the_same_on_any_number_of_partitions() {
    let n = 200_000i64;
    let df = DataFrame::from_columns([
        ("k", Series::from_iter((0..n).map(|i| i * 7919 % 50_021))),
        ("v", Series::from_iter(0..n)),
    ]);
    let sums = df.groupby("k").sum("v");
    let [one, many] = [Rows::InOrder, Rows::Spread]
        .map(|rows| engine::collect::collect(sums.plan().unwrap(), rows).unwrap());
    assert_eq!(one, many);
    assert_eq!(Table::new(many).column("v").unwrap().sum::<i64>().unwrap(), n * (n - 1) / 2);
}

#[test]
fn sql_reads_frames_and_tables() {
    let df = DataFrame::from_columns([
        ("Name", Series::from_iter(["a", "b", "a"])),
        ("n", Series::from_iter([1i64, 2, 3])),
    ]);
    let table = df.compute().unwrap();
    let sums =
        sql("SELECT Name, SUM(n) AS total FROM df GROUP BY Name ORDER BY Name", [("df", &df)])
            .compute();
    let sums = sums
        .or_else(|_| {
            sql(
                "select \"Name\", sum(n) as total from df group by \"Name\" order by \"Name\"",
                [("df", &df)],
            )
            .compute()
        })
        .unwrap();
    assert_eq!(sums.column("total").unwrap().to_vec::<i64>().unwrap(), [4, 2]);
    assert_eq!(sql("select Name from t where n = 2", [("t", &table)]).len().unwrap(), 1);
    let joined = sql(
        "select count(*) as c from x join y on x.n = y.n",
        [("x", df.clone()), ("y", (&table).into_frame())],
    );
    assert_eq!(joined.compute().unwrap().column("c").unwrap().to_vec::<i64>().unwrap(), [3]);
    for (query, part) in [
        ("select nothing from df", "nothing"),
        ("select from", "sql"),
        ("create table z as select 1", "sql"),
        ("select * from other", "other"),
    ] {
        let message = sql(query, [("df", &df)]).compute().unwrap_err().to_string();
        assert!(message.contains(part), "{query}: {message}");
    }
}

#[test]
fn what_users_expect_of_numbers_texts_and_days() {
    let df = DataFrame::from_columns([
        ("k", Series::from_iter(["c", "c", "c"])),
        ("x", Series::from_iter([3.0, f64::NAN, -0.0])),
        ("u", Series::from_iter([5u64, 1, u64::MAX])),
        ("n", Series::from_iter([55i64, 165, 250])),
        ("d", Series::from_iter(["2024-01-01 07:03", "2024-01-02T00:10:00Z", "2024-01-08 23:59"])),
    ]);
    let df = df.with_column("d", col("d").to_datetime(""));
    check(
        &df.groupby("k").agg([("top", "x", "max"), ("n", "x", "nunique")]),
        &["k top n", "c 3.0 2"],
    );
    check(&df.with_columns([("o", col("x") / col("x"))]).select("o"), &["o", "1.0", "-", "-"]);
    check(
        &df.filter(col("n").lt(200)).with_column("o", col("u") - 1).select("o"),
        &["o", "4", "0"],
    );
    let e = df.with_column("o", col("u") + 1).compute().unwrap_err().to_string();
    assert!(e.contains("18446744073709551615"), "{e}");
    check(&df.with_column("o", col("n").round(-2)).select("o"), &["o", "100", "200", "200"]);
    check(
        &df.with_column("o", col("k") + "!" + col("n")).select("o").filter(col("o").neq("c!250")),
        &["o", "c!55", "c!165"],
    );
    check(
        &df.resample("5D", "d").sum("n"),
        &["d n", "2024-01-01T00:00:00 220", "2024-01-06T00:00:00 250"],
    );
    let day = chrono::NaiveDate::from_ymd_opt(2024, 1, 2).unwrap();
    check(
        &df.filter(col("d").ge(day))
            .with_column("e", col("d") + chrono::Duration::days(1))
            .select("e"),
        &["e", "2024-01-03T00:10:00", "2024-01-09T23:59:00"],
    );
    assert_eq!(
        df.with_column("o", col("d").dt().date())
            .compute()
            .unwrap()
            .column("o")
            .unwrap()
            .to_vec::<chrono::NaiveDate>()
            .unwrap()[1],
        day
    );
    check(
        &DataFrame::from_columns([("y", Series::from_iter(["2024", "1999"]))])
            .with_column("y", col("y").to_datetime("%Y")),
        &["y", "2024-01-01T00:00:00", "1999-01-01T00:00:00"],
    );
    for (frame, parts) in [
        (df.with_column("o", col("x").cut([5.0, 1.0])), &["cut", "invalid bin edges"][..]),
        (
            df.with_column("o", (col("n") + 100_000_000_000_000i64).to_datetime_from("D")),
            &["out of range for a timestamp"],
        ),
        (
            df.resample("1 fortnight", "d").sum("n"),
            &["resample", "invalid frequency \"1 fortnight\""],
        ),
        (df.merge_asof(&df, "n", &["nothing"]), &["merge_asof", "\"nothing\""]),
        (df.filter(col("k").gt(3)), &["Cannot cast string 'c'"]),
    ] {
        let said = frame.compute().unwrap_err().to_string();
        assert!(parts.iter().all(|p| said.contains(p)), "{said} lacks one of {parts:?}");
    }
}

#[test]
fn what_is_no_number_in_a_file_is_missing() {
    use arrow::array::{ArrayRef, Float64Array, StringArray};
    let x: ArrayRef = std::sync::Arc::new(Float64Array::from(vec![
        Some(f64::NAN),
        Some(2.0),
        None,
        Some(-1.0),
        Some(f64::NAN),
    ]));
    let k: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["a", "a", "a", "b", "c"]));
    let batch = RecordBatch::try_from_iter([("x", x), ("k", k)]).unwrap();
    for parts in [1, 2, 5] {
        let df = DataFrame::from_batch(Ok(batch.clone())).repartition(parts);
        let groups = df.groupby("k").agg([
            ("n", "x", "count"),
            ("least", "x", "min"),
            ("most", "x", "max"),
            ("mean", "x", "mean"),
        ]);
        check(
            &groups,
            &["k n least most mean", "a 1 2.0 2.0 2.0", "b 1 -1.0 -1.0 -1.0", "c 0 - - -"],
        );
        assert_eq!(df.dropna().len().unwrap(), 2);
        assert_eq!(df.filter(col("x").isna()).len().unwrap(), 3);
        check(&df.select("x").fillna(0.5), &["x", "0.5", "2.0", "0.5", "-1.0", "0.5"]);
        assert!(
            df.col("x").max().compute().unwrap() == 2.0
                && df.col("x").count().compute().unwrap() == 2
        );
    }
}
