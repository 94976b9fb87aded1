//! JSON Lines: one JSON value per line.

use serde::de::DeserializeOwned;
pub use serde_json::Value;

/// Parses a line as a JSON value.
///
/// # Panics
/// If the line is not valid JSON; in a bag, the computation fails with an error that shows the line
/// and the position in it.
///
/// ```
/// use rask::prelude::*;
/// let row = json::loads(r#"{"name": "Ann", "age": 31}"#);
/// assert_eq!(row["age"], 31);
/// ```
pub fn loads<T: AsRef<str> + ?Sized>(row: &T) -> Value {
    value(row.as_ref())
}

#[inline(never)]
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{}", said("json::loads", text, &e)))
}

/// Parses a line of JSON as a value of a given type.
///
/// # Panics
/// If the line is not such a value; in a bag, the computation fails with an error that shows the
/// line and the position in it.
///
/// ```
/// use rask::prelude::*;
/// let pair: (String, u32) = json::parse(r#"["Ann", 31]"#);
/// assert_eq!(pair.1, 31);
/// ```
pub fn parse<V: DeserializeOwned>(row: &(impl AsRef<str> + ?Sized)) -> V {
    let mut found = None;
    read(row.as_ref(), &mut |from| {
        found = Some(erased_serde::deserialize(from)?);
        Ok(())
    });
    match found {
        Some(value) => value,
        None => unreachable!("a value that cannot be read is a panic"),
    }
}

/// Reads a line by a function of it. The parser is compiled here and not in the cell: it is large.
#[inline(never)]
fn read(
    text: &str,
    f: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error>,
) {
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = f(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut parser));
    let failed = |e: &dyn std::fmt::Display| panic!("{}", said("json::parse", text, e));
    read.unwrap_or_else(|e| failed(&e));
    parser.end().unwrap_or_else(|e| failed(&e));
}

#[inline(never)]
fn said(method: &str, text: &str, e: &dyn std::fmt::Display) -> String {
    let start: String = text.trim().chars().take(80).collect();
    format!("{method}: cannot parse {start:?}: {e}")
}

/// Serializes a value as JSON, on one line.
///
/// # Panics
/// If the value cannot be represented in JSON, such as a map whose keys are not strings.
#[must_use]
pub fn dumps<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|e| panic!("json::dumps: {e}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bad_line_is_told() {
        let e = std::panic::catch_unwind(|| super::loads("{\"a\": 1")).unwrap_err();
        let said = e.downcast_ref::<String>().unwrap();
        assert!(said.contains("column") && said.contains("{\\\"a\\\": 1"), "{said}");
        let e = std::panic::catch_unwind(|| super::parse::<(u8, u8)>("[1, \"x\"]")).unwrap_err();
        let said = e.downcast_ref::<String>().unwrap();
        assert!(said.contains("expected u8 at line 1 column 7"), "{said}");
        let e = std::panic::catch_unwind(|| super::parse::<u8>("1 2")).unwrap_err();
        assert!(e.downcast_ref::<String>().unwrap().contains("trailing characters"));
        assert_eq!(super::parse::<f64>("1.7976931348623157e308"), f64::MAX);
        assert_eq!(super::dumps(&super::loads(" [1, \"x\"] ")), "[1,\"x\"]");
    }
}
