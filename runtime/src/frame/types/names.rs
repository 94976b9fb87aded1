//! Column names: one or several as an argument, deduplication, and reserved names.

use crate::error::{ErrorKind, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Makes names distinct as pandas does: `a,a,a.1` become `a`, `a.2`, `a.1`. A unique name is kept;
/// an empty one becomes `Unnamed: 3`, and gives way to a column that already has this name.
pub(in crate::frame) fn distinct(names: &mut [String]) {
    let unnamed: Vec<bool> = names.iter().map(String::is_empty).collect();
    for (i, name) in names.iter_mut().enumerate().filter(|(i, _)| unnamed[*i]) {
        *name = format!("Unnamed: {i}");
    }
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut next: HashMap<String, usize> = HashMap::new();
    let named = (0..names.len()).filter(|i| !unnamed[*i]);
    for i in named.chain((0..names.len()).filter(|i| unnamed[*i])) {
        let number = next.entry(names[i].clone()).or_insert(0);
        if *number > 0 {
            let mut made = format!("{}.{number}", names[i]);
            while !taken.insert(made.clone()) {
                *number += 1;
                made = format!("{}.{number}", names[i]);
            }
            names[i] = made;
        }
        *number += 1;
    }
}

/// The prefix of reserved column names.
pub(in crate::frame) const HIDDEN: &str = "__rask_";

/// Checks that no name is reserved.
pub(in crate::frame) fn free<'a>(
    method: &str,
    names: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    match names.into_iter().find(|n| n.starts_with(HIDDEN)) {
        None => Ok(()),
        Some(name) => {
            let message = format!(
                "column name {name:?} is reserved; expected one that does not begin with {HIDDEN:?}"
            );
            Err(ErrorKind::BadArgument { method: method.to_owned(), message }.into())
        }
    }
}

/// Returns the batch with distinct column names.
pub(in crate::frame) fn own(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let old: Vec<_> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut names = old.clone();
    distinct(&mut names);
    if names == old || old.iter().collect::<HashSet<_>>().len() == old.len() {
        return Ok(batch.clone());
    }
    let fields: Vec<_> =
        schema.fields().iter().zip(names).map(|(f, n)| f.as_ref().clone().with_name(n)).collect();
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    batch.clone().with_schema(Arc::new(schema)).map_err(|e| {
        ErrorKind::Engine { operation: "to_frame".to_owned(), message: e.to_string() }.into()
    })
}

/// Column names: `"a"`, `["a", "b"]`, `vec!["a"]` or `&names[..]`; in aggregations of groups also
/// `..`, for all columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column name or a list of them",
    note = "use \"a\", [\"a\", \"b\"] or a Vec of names"
)]
pub trait IntoNames {
    /// Returns the names.
    fn into_names(self) -> Vec<String>;
}

/// All columns to which the method applies: `groupby("k").count(..)`.
impl IntoNames for std::ops::RangeFull {
    fn into_names(self) -> Vec<String> {
        Vec::new()
    }
}

impl IntoNames for &str {
    fn into_names(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoNames for String {
    fn into_names(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoNames for &String {
    fn into_names(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: AsRef<str>, const N: usize> IntoNames for [S; N] {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

impl<S: AsRef<str>, const N: usize> IntoNames for &[S; N] {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

impl<S: AsRef<str>> IntoNames for &[S] {
    fn into_names(self) -> Vec<String> {
        list(self.len(), &|i| self[i].as_ref())
    }
}

impl<S: AsRef<str>> IntoNames for Vec<S> {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

impl<S: AsRef<str>> IntoNames for &Vec<S> {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

#[inline(never)]
fn list<'a>(len: usize, name: &dyn Fn(usize) -> &'a str) -> Vec<String> {
    (0..len).map(|i| name(i).to_owned()).collect()
}

/// Checks that no name occurs twice.
pub(in crate::frame) fn check_names<'a>(
    method: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for n in names {
        if !seen.insert(n) {
            return Err(ErrorKind::DuplicateColumn {
                method: method.to_owned(),
                column: n.clone(),
            }
            .into());
        }
    }
    Ok(())
}

/// The hidden column that numbers the rows.
pub(in crate::frame) const ROW: &str = "__rask_row__";

/// Returns whether a column numbers the rows, of a plan or of one side of a join.
pub(in crate::frame) fn is_row(name: &str) -> bool {
    name.strip_suffix(ROW).is_some_and(|side| side.is_empty() || side.ends_with('.'))
}

/// The hidden column of row indices, from 0.
pub(in crate::frame) const INDEX: &str = "__rask_index__";

#[inline(never)]
pub(in crate::frame) fn put_pair(all: &mut Vec<(String, String)>, first: &str, second: &str) {
    all.push((first.to_owned(), second.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::distinct;

    #[test]
    fn names_are_made_distinct_as_in_pandas() {
        for (header, want) in [
            ("a,a,a.1", "a,a.2,a.1"),
            ("x,x.1,x,x", "x,x.1,x.2,x.3"),
            ("a,b", "a,b"),
            (",a,", "Unnamed: 0,a,Unnamed: 2"),
            ("Unnamed: 1,", "Unnamed: 1,Unnamed: 1.1"),
            ("a,a,a", "a,a.1,a.2"),
        ] {
            let mut names: Vec<_> = header.split(',').map(str::to_owned).collect();
            distinct(&mut names);
            assert_eq!(names.join(","), want);
        }
    }
}
