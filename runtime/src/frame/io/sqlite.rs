//! Reads SQLite tables as frames, and writes them. SQLite types values and not columns: a column
//! becomes integers, floats or strings, whichever holds all of its values.

use crate::error::{Error, ErrorKind, Result};
use crate::frame::plan::{Plan, scan};
use crate::frame::types::names::distinct;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, NullArray, RecordBatch,
    StringArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::sync::Arc;

fn failed(method: &str, path: &str, e: &dyn std::fmt::Display) -> Error {
    ErrorKind::Engine { operation: method.to_owned(), message: format!("{path:?}: {e}") }.into()
}

pub(in crate::frame) fn read(query: &str, path: &str) -> Result<Plan> {
    let bad = |e: rusqlite::Error| failed("read_sql", path, &e);
    let database =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(bad)?;
    let tables = tables(&database).map_err(bad)?;
    let query = if tables.iter().any(|t| t == query) {
        format!("select * from {}", quoted(query))
    } else {
        query.to_owned()
    };
    let explained = |e: rusqlite::Error| {
        failed("read_sql", path, &format!("{e}; available tables: {}", tables.join(", ")))
    };
    let mut statement = database.prepare(&query).map_err(explained)?;
    let mut names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    distinct(&mut names);
    let mut columns = vec![Vec::new(); names.len()];
    let mut rows = statement.query([]).map_err(bad)?;
    while let Some(row) = rows.next().map_err(bad)? {
        if crate::sched::cancelled() {
            return Err(ErrorKind::Interrupted.into());
        }
        for (i, column) in columns.iter_mut().enumerate() {
            column.push(row.get::<_, Value>(i).map_err(bad)?);
        }
    }
    let arrays = names.iter().zip(columns.iter().map(|c| array(c)));
    let batch = RecordBatch::try_from_iter_with_nullable(arrays.map(|(n, a)| (n, a, true)));
    scan::in_memory(batch.map_err(|e| failed("read_sql", path, &e))?)
}

fn tables(database: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = database
        .prepare("select name from sqlite_master where type in ('table', 'view') order by name")?;
    let names = found.query_map([], |row| row.get(0))?;
    names.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn array(values: &[Value]) -> ArrayRef {
    let all = |fits: fn(&Value) -> bool| values.iter().all(|v| matches!(v, Value::Null) || fits(v));
    if all(|_| false) {
        return Arc::new(NullArray::new(values.len()));
    }
    if all(|v| matches!(v, Value::Integer(_))) {
        return Arc::new(
            values
                .iter()
                .map(|v| if let Value::Integer(i) = v { Some(*i) } else { None })
                .collect::<Int64Array>(),
        );
    }
    if all(|v| matches!(v, Value::Integer(_) | Value::Real(_))) {
        let float = |v: &Value| match v {
            Value::Integer(i) => Some(*i as f64),
            Value::Real(x) => Some(*x),
            _ => None,
        };
        return Arc::new(values.iter().map(float).collect::<Float64Array>());
    }
    if all(|v| matches!(v, Value::Blob(_))) {
        return Arc::new(
            values
                .iter()
                .map(|v| if let Value::Blob(b) = v { Some(b.as_slice()) } else { None })
                .collect::<BinaryArray>(),
        );
    }
    let text = |v: &Value| match v {
        Value::Null => None,
        Value::Integer(i) => Some(i.to_string()),
        Value::Real(x) => Some(x.to_string()),
        Value::Text(t) => Some(t.clone()),
        Value::Blob(b) => Some(String::from_utf8_lossy(b).into_owned()),
    };
    Arc::new(values.iter().map(text).collect::<StringArray>())
}

pub(in crate::frame) fn write(batch: &RecordBatch, table: &str, path: &str) -> Result<()> {
    let bad = |e: rusqlite::Error| failed("to_sql", path, &e);
    let mut database = Connection::open(path).map_err(bad)?;
    // In one transaction: all or nothing.
    let change = database.transaction().map_err(bad)?;
    let (mut columns, mut names) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let (kind, as_type) = match field.data_type() {
            DataType::Boolean => ("integer", DataType::Int64),
            t if t.is_integer() => ("integer", DataType::Int64),
            t if t.is_floating() => ("real", DataType::Float64),
            _ => ("text", DataType::Utf8),
        };
        names.push(format!("{} {kind}", quoted(field.name())));
        columns.push(
            cast(array, &as_type)
                .map_err(|e| failed("to_sql", path, &format!("column {:?}: {e}", field.name())))?,
        );
    }
    change
        .execute_batch(&format!(
            "drop table if exists {0}; create table {0} ({1})",
            quoted(table),
            names.join(", ")
        ))
        .map_err(bad)?;
    {
        let places = vec!["?"; columns.len()].join(", ");
        let mut insert = change
            .prepare(&format!("insert into {} values ({places})", quoted(table)))
            .map_err(bad)?;
        for i in 0..batch.num_rows() {
            insert
                .execute(rusqlite::params_from_iter(columns.iter().map(|c| value(c, i))))
                .map_err(bad)?;
        }
    }
    change.commit().map_err(bad)
}

fn value(column: &ArrayRef, i: usize) -> Value {
    match column.data_type() {
        _ if column.is_null(i) => Value::Null,
        DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(i)),
        DataType::Float64 => Value::Real(column.as_primitive::<Float64Type>().value(i)),
        _ => Value::Text(column.as_string::<i32>().value(i).to_owned()),
    }
}
