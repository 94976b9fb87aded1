//! CSV files as they are written, and read back.

use crate::prelude::*;

#[test]
fn what_is_written_reads_back_to_the_bit() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(9);
    let folder = tempfile::tempdir().unwrap();
    for round in 0..12 {
        let n = [0, 1, 7, 20_000][round % 4];
        let floats: Vec<Option<f64>> = (0..n)
            .map(|i| (i % 9 > 0).then(|| f64::from_bits(random.random())).filter(|f| !f.is_nan()))
            .collect();
        let ints: Vec<Option<i64>> = (0..n).map(|i| (i % 5 > 0).then(|| random.random())).collect();
        let letters = ["a", "b,", "\"", "\n", "\r", " ", "é", ";", "0"];
        let texts: Vec<Option<String>> = (0..n)
            .map(|i| {
                (i % 4 > 0).then(|| {
                    std::iter::once("t")
                        .chain((0..i % 6).map(|_| letters[random.random_range(0..9)]))
                        .collect()
                })
            })
            .collect();
        let bools: Vec<Option<bool>> =
            (0..n).map(|i| (i % 3 > 0).then(|| random.random())).collect();
        let df = DataFrame::from_columns([
            ("f", Series::from_iter(floats.clone())),
            ("i,\"", Series::from_iter(ints.clone())),
            ("t", Series::from_iter(texts.clone())),
            ("b", Series::from_iter(bools.clone())),
        ]);
        let ending = ["csv", "csv.gz", "csv.zst"][round % 3];
        for path in [format!("one{round}.{ending}"), format!("many{round}/*.{ending}")] {
            let path = folder.path().join(path).to_str().unwrap().to_owned();
            let csv = if round % 2 == 0 { Csv::new() } else { Csv::new().sep(';').quote_all(true) };
            let paths = csv.write(&df, &path).unwrap();
            assert!(paths.iter().all(|p| std::path::Path::new(p).exists()));
            let given = csv
                .dtype("f", DType::Float64)
                .dtype("i,\"", DType::Int64)
                .dtype("t", DType::Str)
                .dtype("b", DType::Bool);
            let back = given.read(&path).compute().unwrap();
            let bits = |v: Vec<Option<f64>>| {
                v.into_iter().map(|f| f.map(f64::to_bits)).collect::<Vec<_>>()
            };
            assert_eq!(bits(back.column("f").unwrap().to_vec().unwrap()), bits(floats.clone()));
            assert_eq!(back.column("i,\"").unwrap().to_vec::<Option<i64>>().unwrap(), ints);
            assert_eq!(
                (
                    super::tests::texts(&back, "t"),
                    back.column("b").unwrap().to_vec::<Option<bool>>().unwrap()
                ),
                (texts.clone(), bools.clone())
            );
        }
    }
}

#[test]
fn instants_names_and_formats_of_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = "day,when,x\n2000-01-01,2000-01-01 00:00:00,1.5\n1969-12-31,1969-12-31 23:59:59.999999,-2.25\n,,\n2024-02-29,2024-02-29 10:11:12.500,1e300\n";
    std::fs::write(path("in.csv"), text).unwrap();
    let df = read_csv(&path("in.csv"));
    assert_eq!(df.dtypes().unwrap(), [DType::Date, DType::Datetime, DType::Float64]);
    df.to_csv(&path("out.csv")).unwrap();
    assert_eq!(std::fs::read_to_string(path("out.csv")).unwrap(), text.replace("1e300", "1e+300"));
    let own = Csv::new()
        .sep('\t')
        .decimal(',')
        .float_decimals(1)
        .na_rep("-")
        .date_format("%d.%m.%Y")
        .write_header(false);
    own.write(&df.filter(col("x").gt(1) | col("x").is_null()), &path("own.tsv")).unwrap();
    assert_eq!(
        std::fs::read_to_string(path("own.tsv"))
            .unwrap()
            .lines()
            .next_back()
            .map(|l| l.split('\t').next().unwrap().to_owned())
            .as_deref(),
        Some("29.02.2024")
    );
    assert!(
        std::fs::read_to_string(path("own.tsv"))
            .unwrap()
            .starts_with("01.01.2000\t01.01.2000\t1,5\n-\t-\t-\n")
    );
    let names =
        Csv::new().name_function(|i| format!("p{}", i + 1)).write(&df, &path("n/*.csv")).unwrap();
    assert!(names[0].ends_with("n/p1.csv"));
}

#[test]
fn a_failed_write_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("in.csv"), "a,b\n1,2\n3,4,5\n").unwrap();
    std::fs::write(path("out.csv"), "old\n").unwrap();
    let df = read_csv(&path("in.csv"));
    let e = df.to_csv(&path("out.csv")).unwrap_err().to_string();
    assert!(e.contains("line 3 "), "{e}");
    assert!(df.to_csv(&path("out-*.csv")).is_err());
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(
        (left, std::fs::read_to_string(path("out.csv")).unwrap().as_str()),
        (vec!["in.csv".into(), "out.csv".into()], "old\n")
    );
    let e = df.to_csv("s3://bucket/x.csv").unwrap_err().to_string();
    assert!(e.contains("expected a local path"), "{e}");
    let twice = Csv::new()
        .name_function(|_| "same".to_owned())
        .write(&DataFrame::from_columns([("a", Series::from_iter(0..20_000i64))]), &path("*.csv"));
    assert!(twice.unwrap_err().to_string().contains("same file"));
}

#[test]
fn what_could_be_taken_for_marks_is_written_in_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("o.csv").to_str().unwrap().to_owned();
    let df = DataFrame::from_columns([("x", Series::from_iter([Some(1.5), None, Some(-3.25)]))]);
    let wrote = |csv: Csv, df: &DataFrame| {
        csv.write(df, &path).map(|_| std::fs::read_to_string(&path).unwrap())
    };
    assert_eq!(wrote(Csv::new(), &df).unwrap(), "x\n1.5\n\"\"\n-3.25\n");
    assert_eq!(read_csv(&path).len().unwrap(), 3);
    assert_eq!(wrote(Csv::new().decimal(','), &df).unwrap(), "x\n\"1,5\"\n\"\"\n\"-3,25\"\n");
    assert_eq!(wrote(Csv::new().sep('-').na_rep("-"), &df).unwrap(), "x\n1.5\n\"-\"\n\"-3.25\"\n");
    for bad in [Csv::new().sep('"'), Csv::new().sep('\n'), Csv::new().date_format("%Q")] {
        assert!(wrote(bad, &df).is_err());
    }
}
