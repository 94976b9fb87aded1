//! Rows read by serde.

use crate::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

fn frame() -> DataFrame {
    let df = DataFrame::from_columns([
        ("i", Series::from_iter([Some(1i64), None])),
        ("u", Series::from_iter([200u8, 7])),
        ("x", Series::from_iter([1.5f32, 2.0])),
        ("b", Series::from_iter([true, false])),
        ("s", Series::from_iter(["Low", "High"])),
        ("day", Series::from_iter(["2024-02-29", "1999-12-31"])),
    ]);
    let words = col("s").str().split("o");
    df.with_columns([("day", col("day").astype(DType::Date)), ("c", col("s")), ("words", words)])
        .categorize("c")
}

/// Checks the rows of some columns, or the error.
fn check<T: serde::de::DeserializeOwned + std::fmt::Debug>(columns: &[&str], want: &str) {
    let got = match frame().select(columns).compute().unwrap().to_rows::<T>() {
        Ok(rows) => format!("{rows:?}"),
        Err(e) => e.to_string(),
    };
    assert!(got.contains(want), "{columns:?}: {got:?} has no {want:?}");
}

#[derive(Debug, Deserialize)]
enum Level {
    Low,
    High,
}

#[test]
fn rows_are_what_their_type_says() {
    check::<(Option<i64>, u16, f64, bool)>(
        &["i", "u", "x", "b"],
        "[(Some(1), 200, 1.5, true), (None, 7, 2.0, false)]",
    );
    check::<(String, String, Vec<String>)>(
        &["s", "c", "words"],
        r#"[("Low", "Low", ["L", "w"]), ("High", "High", ["High"])]"#,
    );
    check::<(Level,)>(&["c"], "[(Low,), (High,)]");
    check::<(chrono::NaiveDate, Level)>(&["day", "s"], "[(2024-02-29, Low), (1999-12-31, High)]");
    check::<(String,)>(&["day"], r#"[("2024-02-29",), ("1999-12-31",)]"#);
    check::<(i32,)>(&["day"], "[(19782,), (10956,)]");
    check::<Vec<chrono::NaiveDate>>(&["day"], "[[2024-02-29], [1999-12-31]]");
    check::<HashMap<String, u8>>(&["u"], r#"[{"u": 200}, {"u": 7}]"#);
    check::<BTreeMap<String, serde_json::Value>>(
        &["i", "x", "s"],
        r#"{"i": Null, "s": String("High"), "x": Number(2.0)}"#,
    );
}

#[test]
fn a_struct_takes_its_fields_and_leaves_the_rest() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "read by Debug")]
    struct Row {
        s: String,
        nothing: Option<i64>,
        #[serde(default)]
        more: u8,
    }
    check::<Row>(&["i", "s", "b"], r#"[Row { s: "Low", nothing: None, more: 0 }, Row { s: "High""#);
}

#[test]
fn what_does_not_fit_is_told_with_its_place() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "read by Debug")]
    struct Row {
        i: i64,
        absent: i64,
    }
    check::<(i64,)>(
        &["i"],
        "row 1: column \"i\": null; expected an integer; help: make the field an Option",
    );
    check::<(i64,)>(&["s"], "row 0: column \"s\": Low of dtype str; expected an integer");
    check::<(i8,)>(&["u"], "row 0: column \"u\": invalid value: integer `200`, expected i8");
    check::<(i64,)>(&["x"], "row 0: column \"x\": 1.5 of dtype float32; expected an integer");
    check::<(Vec<u8>,)>(&["b"], "column \"b\": true of dtype bool; expected a list");
    check::<Row>(&["i"], "row 0: missing field `absent`");
    check::<i64>(&["u"], "row 0: invalid row type: expected a struct, a map or a tuple");
}

#[test]
fn structs_and_lists_in_cells_are_read() {
    #[derive(Debug, Deserialize, serde::Serialize, PartialEq)]
    struct Inner {
        a: Option<i64>,
        tags: Vec<String>,
    }
    #[derive(Debug, Deserialize, serde::Serialize, PartialEq)]
    struct Outer {
        id: u32,
        inner: Inner,
        all: Vec<Inner>,
    }
    let inner = |a| Inner { a, tags: vec!["x".to_owned(), format!("{a:?}")] };
    let rows = [
        Outer { id: 1, inner: inner(Some(3)), all: vec![inner(None), inner(Some(4))] },
        Outer { id: 2, inner: inner(None), all: Vec::new() },
    ];
    assert_eq!(DataFrame::from_rows(&rows).to_rows::<Outer>().unwrap(), rows);
}
