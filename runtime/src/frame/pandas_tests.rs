//! Every name of the coverage page that is done or renamed, against what pandas gives: with missing values, without rows,
//! and in one partition, several, and one for each row. `tests/pandas_answers.py` writes the answers.

use super::*;
use crate::prelude::{Agg, Series, concat, when};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, TimeUnit};
use serde_json::Value;

/// What a name gives.
enum Got {
    Frame(DataFrame),
    Column(LazySeries),
    Scalar(LazyScalar),
    Table(Table),
    Values(Vec<Value>),
}

macro_rules! got {
    ($($variant:ident($t:ty))*) => {$(
        impl From<$t> for Got {
            fn from(value: $t) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
got! { Frame(DataFrame) Column(LazySeries) Scalar(LazyScalar) Table(Table) Values(Vec<Value>) }

fn values(array: &ArrayRef) -> Vec<Value> {
    let text = |a: &ArrayRef| arrow::compute::cast(a, &DataType::Utf8).unwrap();
    let one = |i: usize| -> Value {
        if array.is_null(i) {
            return Value::Null;
        }
        match array.data_type() {
            DataType::Boolean => array.as_boolean().value(i).into(),
            t if t.is_integer() => text(array).as_string::<i32>().value(i).parse::<i64>().unwrap().into(),
            t if t.is_floating() => {
                let x = array.as_primitive::<arrow::datatypes::Float64Type>().value(i);
                if x.is_nan() { Value::Null } else { serde_json::Number::from_f64(x).map_or_else(|| x.to_string().into(), Value::Number) }
            }
            DataType::Timestamp(..) => {
                let shown = text(array).as_string::<i32>().value(i).replace('T', " ");
                if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.').to_owned() } else { shown }.into()
            }
            DataType::Duration(_) => {
                let micros = arrow::compute::cast(array, &DataType::Duration(TimeUnit::Microsecond)).unwrap();
                micros.as_primitive::<DurationMicrosecondType>().value(i).into()
            }
            DataType::List(_) => values(&array.as_list::<i32>().value(i)).into(),
            _ => text(array).as_string::<i32>().value(i).into(),
        }
    };
    (0..array.len()).map(one).collect()
}

impl Got {
    fn columns(self) -> Result<(Vec<String>, Vec<Vec<Value>>)> {
        let of = |t: Table| (t.columns(), t.batch().columns().iter().map(values).collect());
        Ok(match self {
            Self::Frame(f) => of(f.compute()?),
            Self::Column(c) => of(c.to_frame().compute()?),
            Self::Table(t) => of(t),
            Self::Scalar(s) => (Vec::new(), of(s.frame().compute()?).1),
            Self::Values(v) => (Vec::new(), vec![v]),
        })
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}

fn source() -> DataFrame {
    const T: [Option<&str>; 12] = [
        Some("2014-05-13T23:58:30.457"),
        Some("2014-05-14T00:11:06.457"),
        Some("2016-02-29T00:00:00"),
        None,
        Some("2020-12-31T23:59:59"),
        Some("2021-01-03T12:00:00"),
        Some("2018-12-31T00:00:01"),
        Some("1969-12-31T23:59:59.999999"),
        Some("2024-06-30T06:07:08.123456"),
        Some("2020-03-31T12:30:00"),
        Some("2021-07-01T00:00:00"),
        Some("2021-10-01T11:29:30"),
    ];
    const S: [Option<&str>; 12] = [
        Some("Ab c"),
        Some("  x "),
        None,
        Some("Ärger"),
        Some(""),
        Some("123"),
        Some("abc abc"),
        Some("Hello World"),
        Some("UP"),
        Some("a-b-c"),
        Some("+42"),
        Some("Title Case"),
    ];
    let k = [Some("a"), Some("b"), Some("a"), None, Some("b"), Some("c"), Some("a"), Some("b"), Some("c"), Some("a"), Some("b"), Some("a")];
    let f =
        [Some(0.5), Some(1.25), None, Some(-2.75), Some(3.5), Some(2.5), None, Some(0.125), Some(9.0), Some(1.25), Some(-0.5), Some(2.0)];
    let n = [Some(1i64), None, Some(3), Some(3), Some(5), None, Some(7), Some(8), Some(9), Some(1), Some(11), Some(12)];
    let times = ["00:05", "00:20", "00:50", "01:30", "03:00", "03:10", "03:15", "05:00", "05:45", "06:00", "06:01", "07:59"];
    let df = DataFrame::from_columns([
        ("i", Series::from_iter([3i64, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8])),
        ("n", Series::from_iter(n)),
        ("f", Series::from_iter(f)),
        ("s", Series::from_iter(S)),
        ("b", Series::from_iter([true, false, true, true, false, false, true, false, true, true, false, true])),
        ("t", Series::from_iter(T)),
        ("k", Series::from_iter(k)),
        ("u", Series::from_iter(times.map(|t| format!("2021-03-01T{t}:00")))),
    ]);
    df.with_column("t", col("t").to_datetime("")).with_column("u", col("u").to_datetime(""))
}

/// The frame in so many partitions, in its order.
fn split(table: &Table, parts: usize) -> DataFrame {
    let batch = table.batch();
    let each = batch.num_rows().div_ceil(parts).max(1);
    let part = |p: usize| {
        let start = (p * each).min(batch.num_rows());
        vec![batch.slice(start, each.min(batch.num_rows() - start))]
    };
    DataFrame::from_result(held(batch.schema(), (0..parts).map(part).collect()))
}

fn right() -> DataFrame {
    DataFrame::from_columns([
        ("k", Series::from_iter(["a", "c", "d", "a"])),
        ("f", Series::from_iter([10.0, 20.0, 30.0, 40.0])),
        ("w", Series::from_iter([1i64, 2, 3, 4])),
    ])
}

fn times() -> DataFrame {
    let u = ["2021-03-01T00:20", "2021-03-01T03:05", "2021-03-01T03:05", "2021-03-01T07:00"].map(|t| format!("{t}:00"));
    DataFrame::from_columns([("u", Series::from_iter(u)), ("q", Series::from_iter([1i64, 2, 3, 4]))])
        .with_column("u", col("u").to_datetime(""))
}

type Case = (&'static str, fn(&DataFrame) -> Got);

/// The one column that an expression makes.
fn made(d: &DataFrame, e: Expr) -> Got {
    d.with_columns([("made", e)]).select("made").into()
}

const NUM: [&str; 3] = ["i", "n", "f"];
const IF: [&str; 2] = ["i", "f"];

include!("pandas_table.rs");

#[test]
fn names_give_what_pandas_gives() {
    let answers: serde_json::Map<String, Value> = serde_json::from_str(include_str!("pandas.json")).unwrap();
    let whole = source().compute().unwrap();
    let (mut wrong, mut seen) = (Vec::new(), std::collections::HashSet::new());
    for (name, make) in CASES {
        seen.insert(*name);
        let Some(answer) = answers.get(*name) else {
            wrong.push(format!("{name}: pandas_answers.py has no such name"));
            continue;
        };
        for (rows, key, parts) in [(12, "rows", &[1usize, 2, 3, 10, 12][..]), (0, "none", &[1, 3][..])] {
            let want = &answer[key];
            for parts in parts {
                let got = make(&split(&whole.head(rows), *parts)).columns();
                let Some(columns) = want["columns"].as_array() else {
                    // What pandas refuses has no right answer; it must only not panic.
                    continue;
                };
                let columns: Vec<Vec<Value>> = columns.iter().map(|c| c.as_array().unwrap().clone()).collect();
                let fits = match &got {
                    Ok((_, found)) => {
                        found.len() == columns.len()
                            && found.iter().zip(&columns).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)))
                    }
                    Err(_) => false,
                };
                if !fits {
                    let shown = got.map_or_else(|e| e.to_string(), |(_, c)| serde_json::to_string(&c).unwrap());
                    wrong.push(format!(
                        "{name} of {rows} rows in {parts}:\n    got  {shown}\n    want {}",
                        serde_json::to_string(&columns).unwrap()
                    ));
                    break;
                }
            }
        }
    }
    wrong.extend(answers.keys().filter(|n| !seen.contains(n.as_str())).map(|n| format!("{n}: no case")));
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

/// Names of the page that a test of their own tries, and where it is.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("DataFrame.compute", "frame/tests.rs", "steps_give_the_rows_a_user_expects"),
    ("DataFrame.dtypes", "frame/csv/tests.rs", "frames_take_the_wider_type_too"),
    ("DataFrame.get_partition", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("DataFrame.map_partitions", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("DataFrame.npartitions", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("DataFrame.partitions", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("DataFrame.persist", "frame/column.rs", "a_column_is_brought_down_to_one_value"),
    ("DataFrame.random_split", "frame/partition_tests.rs", "samples_do_not_depend_on_partitions"),
    ("DataFrame.repartition", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("DataFrame.sample", "frame/partition_tests.rs", "samples_do_not_depend_on_partitions"),
    ("DataFrame.to_csv", "frame/csv/tests.rs", "a_failed_write_changes_nothing"),
    ("DataFrame.to_json", "frame/files.rs", "what_is_written_is_read_back"),
    ("DataFrame.to_parquet", "frame/files.rs", "what_is_written_is_read_back"),
    ("DataFrame.to_records", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("DataFrame.to_sql", "frame/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("DataFrame.values", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("functions.from_dict", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("functions.from_pandas", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("functions.map_partitions", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("functions.read_csv", "frame/csv/tests.rs", "frames_take_the_wider_type_too"),
    ("functions.read_json", "frame/files.rs", "what_is_written_is_read_back"),
    ("functions.read_parquet", "frame/files.rs", "what_is_written_is_read_back"),
    ("functions.read_sql", "frame/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("functions.read_sql_query", "frame/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("functions.read_sql_table", "frame/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("functions.repartition", "frame/partition_tests.rs", "partitions_are_those_that_were_asked_for"),
    ("functions.to_csv", "frame/csv/tests.rs", "a_failed_write_changes_nothing"),
    ("functions.to_json", "frame/files.rs", "what_is_written_is_read_back"),
    ("functions.to_parquet", "frame/files.rs", "what_is_written_is_read_back"),
    ("functions.to_sql", "frame/files.rs", "tables_of_sqlite_go_there_and_back"),
];

#[test]
fn the_page_says_done_of_what_is_tested() {
    let page = include_str!("coverage.md");
    let (mut group, mut counts) = (String::new(), std::collections::BTreeMap::new());
    let mut tried: std::collections::BTreeSet<String> = CASES.iter().map(|(n, _)| (*n).to_owned()).collect();
    for (name, file, test) in ELSEWHERE {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {file}: {e}"));
        assert!(text.contains(&format!("fn {test}()")), "{name}: {file} has no test {test}");
        tried.insert((*name).to_owned());
    }
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            group = name.to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, state, how, _] = cells[..] else { continue };
        if state == "state" || name.starts_with('-') {
            continue;
        }
        let key = format!("{group}.{name}");
        *counts.entry(state).or_insert(0) += 1;
        match state {
            "done" | "renamed" => assert!(tried.remove(&key), "{key} is {state} on the page, and no test tries it"),
            "not yet" | "left out" => assert!(!tried.contains(&key), "{key} is tested, and {state} on the page"),
            other => panic!("{key}: {other:?} is no state"),
        }
        assert_eq!(matches!(state, "renamed" | "left out"), !how.is_empty(), "{key}: what is renamed or left out says how or why");
    }
    let all: i32 = counts.values().sum();
    let told = format!(
        "{all} names: {} done, {} renamed, {} not yet, {} left out.",
        counts["done"], counts["renamed"], counts["not yet"], counts["left out"]
    );
    assert!(page.contains(&told), "the page should say: {told}");
    assert!((counts["done"] + counts["renamed"]) * 10 >= all * 6);
    tried.retain(|n| !n.starts_with("Rolling.") && !n.starts_with("Series."));
    assert!(tried.is_empty(), "tested, and not on the page: {tried:?}");
}
