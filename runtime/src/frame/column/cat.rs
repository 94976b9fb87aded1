//! Categoricals: string columns with a fixed list of values, with pandas' names. A known list is
//! kept with the column's type, so that every partition has the same codes.

use crate::csv::texts::views;
use crate::error::{During, Result};
use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::codes::{codes, known, places, problem};
use crate::frame::expr::udf::of_fields;
use crate::frame::expr::{Expr, col};
use crate::frame::types::category::{Categories, arrow_type, is_category};
use crate::frame::types::dtype::DType;
use crate::frame::types::names::{IntoNames, put_pair};
use crate::frame::types::wrong::wrong_type;
use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{Field, Int32Type};
use datafusion::error::Result as DfResult;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Computes the new categories, and what each old one is renamed to.
type Change =
    Arc<dyn Fn(&Categories) -> std::result::Result<(Categories, Renames), String> + Send + Sync>;
type Renames = HashMap<String, String>;
/// Computes a new list of categories from the old one and the arguments of a method.
type Relist = fn(&[String], &[String]) -> std::result::Result<Vec<String>, String>;

/// Changes the categories of a column. Values that are not among the new ones become null.
#[inline(never)]
fn changed(x: &Expr, method: &'static str, key: String, change: Change) -> Expr {
    let again = change.clone();
    let applied = move |change: &Change, field: &Field| {
        let made = change(&known(method, field)?).or_else(|e| problem(method, &e))?;
        let mut seen = HashSet::new();
        match made.0.texts.iter().find(|t| !seen.insert(t.as_str())) {
            Some(twice) => problem(method, &format!("duplicate category {twice:?}")),
            None => Ok(made),
        }
    };
    let returns = move |fields: &[Arc<Field>]| Ok(applied(&change, &fields[0])?.0.field());
    Expr::new(of_fields(
        &format!("cat_{method}"),
        key,
        vec![x.get().clone()],
        returns,
        move |arrays, fields| {
            let (categories, renames) = applied(&again, &fields[0])?;
            encoded(&arrays[0], &categories.texts, &renames)
        },
    ))
}

fn encoded(array: &ArrayRef, categories: &[String], renames: &Renames) -> DfResult<ArrayRef> {
    let texts = views(array)?;
    let places = places(categories);
    let code = |text: Option<&str>| {
        text.and_then(|t| places.get(renames.get(t).map_or(t, String::as_str)).copied())
    };
    let codes: Int32Array = texts.iter().map(code).collect();
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
        codes,
        Arc::new(StringArray::from(categories.to_vec())),
    )?))
}

/// Encodes a column with this list of categories.
fn listed(x: &Expr, texts: Vec<String>) -> Expr {
    let categories = Categories { texts, ordered: false };
    let key = format!("{categories:?}");
    let of = categories.clone();
    let returns = move |_: &[Arc<Field>]| Ok(of.field());
    Expr::new(of_fields("categories", key, vec![x.get().clone()], returns, move |arrays, _| {
        encoded(&arrays[0], &categories.texts, &Renames::new())
    }))
}

/// Methods of categoricals, created by [`Expr::cat`].
#[derive(Debug, Clone)]
pub struct Cat<T>(T);

impl Expr {
    /// Returns the methods of categoricals, with pandas' names: `col("size").cat().codes()`.
    #[must_use]
    pub fn cat(&self) -> Cat<Self> {
        Cat(self.clone())
    }
}

impl LazySeries {
    /// Returns the methods of categoricals.
    #[must_use]
    pub fn cat(&self) -> Cat<Self> {
        Cat(self.clone())
    }
}

/// Converts a column to a categorical whose categories are not known.
pub(in crate::frame) fn unknown(x: &Expr) -> Expr {
    let returns = |_: &[Arc<Field>]| Ok(Field::new("category", arrow_type(), true));
    Expr::new(of_fields("cat_as_unknown", String::new(), vec![x.get().clone()], returns, |a, _| {
        Ok(cast(&a[0], &arrow_type())?)
    }))
}

fn texts<S: AsRef<str>>(list: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut texts = Vec::new();
    for text in list {
        put(&mut texts, text.as_ref());
    }
    texts
}

#[inline(never)]
fn put(texts: &mut Vec<String>, text: &str) {
    texts.push(text.to_owned());
}

#[inline(never)]
fn relisted(x: &Expr, method: &'static str, list: &[String], make: Relist) -> Expr {
    let (key, list) = (format!("{list:?}"), list.to_vec());
    let change: Change = Arc::new(move |old| {
        let texts = make(&old.texts, &list)?;
        Ok((Categories { texts, ordered: old.ordered }, Renames::new()))
    });
    changed(x, method, key, change)
}

#[inline(never)]
fn ordered(x: &Expr, method: &'static str, ordered: bool) -> Expr {
    let change: Change =
        Arc::new(move |old| Ok((Categories { ordered, ..old.clone() }, Renames::new())));
    changed(x, method, String::new(), change)
}

#[inline(never)]
fn renamed(x: &Expr, names: &[(String, String)]) -> Expr {
    let renames: Renames = names.iter().cloned().collect();
    let mut key: Vec<_> = renames.iter().collect();
    key.sort();
    let key = format!("{key:?}");
    let change: Change = Arc::new(move |old| {
        let texts = old.texts.iter().map(|t| renames.get(t).unwrap_or(t).clone()).collect();
        Ok((Categories { texts, ordered: old.ordered }, renames.clone()))
    });
    changed(x, "rename_categories", key, change)
}

type Listed = std::result::Result<Vec<String>, String>;

fn with(old: &[String], new: &[String]) -> Listed {
    Ok(old.iter().chain(new).cloned().collect())
}

fn without(old: &[String], gone: &[String]) -> Listed {
    match gone.iter().find(|g| !old.contains(g)) {
        Some(other) => {
            Err(format!("unknown category {other:?}; expected one of {}", old.join(", ")))
        }
        None => Ok(old.iter().filter(|t| !gone.contains(t)).cloned().collect()),
    }
}

fn in_order(old: &[String], new: &[String]) -> Listed {
    let there = old.join(", ");
    let same = old.len() == new.len() && old.iter().all(|t| new.contains(t));
    let other = || format!("the new list must contain exactly the existing categories: {there}");
    if same { Ok(new.to_vec()) } else { Err(other()) }
}

fn only(_: &[String], new: &[String]) -> Listed {
    Ok(new.to_vec())
}

impl<T: Target> Cat<T> {
    #[track_caller]
    fn relisted(&self, method: &'static str, list: &[String], make: Relist) -> T {
        self.0.with(method, &|x| relisted(x, method, list, make))
    }

    /// Returns the code of each value: its index in the list of categories, from 0; -1 for null.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("s", Series::from_iter(["m", "s", "m", "l"]))]).categorize("s");
    /// assert_eq!(df.with_column("c", col("s").cat().codes()).compute()?.column("c")?.to_vec::<i64>()?, [1, 2, 1, 0]);
    /// # Ok::<(), rask::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn codes(&self) -> T {
        self.0.with("cat().codes", &codes)
    }

    /// Makes the categories ordered: the first is the smallest. Sorts and groups follow this order;
    /// comparisons, `min` and `max` compare the strings, so use `codes()` to compare by the order.
    #[must_use]
    #[track_caller]
    pub fn as_ordered(&self) -> T {
        self.0.with("as_ordered", &|x| ordered(x, "as_ordered", true))
    }

    /// Makes the categories unordered.
    #[must_use]
    #[track_caller]
    pub fn as_unordered(&self) -> T {
        self.0.with("as_unordered", &|x| ordered(x, "as_unordered", false))
    }

    /// Adds categories at the end of the list.
    #[must_use]
    #[track_caller]
    pub fn add_categories<S: AsRef<str>>(&self, categories: impl IntoIterator<Item = S>) -> T {
        self.relisted("add_categories", &texts(categories), with)
    }

    /// Removes categories; their values become null.
    #[must_use]
    #[track_caller]
    pub fn remove_categories<S: AsRef<str>>(&self, categories: impl IntoIterator<Item = S>) -> T {
        self.relisted("remove_categories", &texts(categories), without)
    }

    /// Reorders the categories.
    #[must_use]
    #[track_caller]
    pub fn reorder_categories<S: AsRef<str>>(&self, categories: impl IntoIterator<Item = S>) -> T {
        self.relisted("reorder_categories", &texts(categories), in_order)
    }

    /// Sets the categories; values that are not among them become null.
    #[must_use]
    #[track_caller]
    pub fn set_categories<S: AsRef<str>>(&self, categories: impl IntoIterator<Item = S>) -> T {
        self.relisted("set_categories", &texts(categories), only)
    }

    /// Renames categories: pairs of the old and the new name. Others keep their names.
    #[must_use]
    #[track_caller]
    pub fn rename_categories<A: AsRef<str>, B: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = (A, B)>,
    ) -> T {
        let mut pairs = Vec::new();
        for (old, new) in names {
            put_pair(&mut pairs, old.as_ref(), new.as_ref());
        }
        self.0.with("rename_categories", &|x| renamed(x, &pairs))
    }

    /// Makes the categories unknown, so that later steps need not agree on them.
    #[must_use]
    #[track_caller]
    pub fn as_unknown(&self) -> T {
        self.0.with("cat().as_unknown", &unknown)
    }
}

impl Cat<LazySeries> {
    #[track_caller]
    fn here(&self) -> Result<Option<Categories>> {
        let frame = self.0.to_frame();
        let plan = frame.plan()?;
        let field = plan.schema().field(0).clone();
        if !is_category(field.data_type()) {
            let e = wrong_type::<()>(
                "cat",
                field.data_type(),
                "a category; help: convert strings with astype(DType::Category)",
            );
            return e.map(|()| None).during("cat");
        }
        Ok(Categories::of(&field))
    }

    /// Returns the categories in order; computes them where they are not known.
    ///
    /// # Errors
    /// As [`DataFrame::compute`], and if the column is not a categorical.
    #[track_caller]
    pub fn categories(&self) -> Result<Vec<String>> {
        match self.here()? {
            Some(known) => Ok(known.texts),
            None => self.0.found(),
        }
    }

    /// Returns whether the categories are known without computing.
    ///
    /// # Errors
    /// The error of an earlier step, or a column that is not a categorical.
    #[track_caller]
    pub fn known(&self) -> Result<bool> {
        Ok(self.here()?.is_some())
    }

    /// Returns whether the categories are ordered.
    ///
    /// # Errors
    /// The error of an earlier step, or a column that is not a categorical.
    #[track_caller]
    pub fn ordered(&self) -> Result<bool> {
        Ok(self.here()?.is_some_and(|c| c.ordered))
    }

    /// Makes the categories known: the distinct values in order, computed immediately if they are
    /// not known yet.
    #[track_caller]
    pub fn as_known(&self) -> LazySeries {
        match self.here() {
            Ok(Some(_)) => self.0.clone(),
            Ok(None) => self.0.known_by(self.0.found()),
            Err(e) => self.0.known_by(Err(e)),
        }
    }

    /// Removes the categories that no value has; computes the used ones immediately.
    #[track_caller]
    pub fn remove_unused_categories(&self) -> LazySeries {
        let used = self.here().and_then(|known| {
            let used: HashSet<String> = self.0.found()?.into_iter().collect();
            Ok(known
                .map(|k| k.texts.into_iter().filter(|t| used.contains(t)).collect::<Vec<_>>())
                .unwrap_or_default())
        });
        match used {
            Ok(used) => self.set_categories(used),
            Err(e) => self.0.known_by(Err(e)),
        }
    }
}

impl LazySeries {
    /// Computes the distinct values in order, as strings.
    #[track_caller]
    fn found(&self) -> Result<Vec<String>> {
        let texts = self.astype(DType::Str).dropna().unique();
        let mut found: Vec<String> = texts.compute()?.to_vec()?;
        found.sort();
        Ok(found)
    }

    #[track_caller]
    fn known_by(&self, found: Result<Vec<String>>) -> Self {
        match found {
            Ok(found) => self.with("cat().as_known", &|x| listed(x, found.clone())),
            Err(e) => self.failed(e),
        }
    }
}

impl DataFrame {
    /// Converts columns to categoricals with known categories: their distinct values in order,
    /// computed immediately.
    #[track_caller]
    pub fn categorize(&self, columns: impl IntoNames) -> Self {
        self.categorized(&columns.into_names())
    }

    #[inline(never)]
    #[track_caller]
    fn categorized(&self, columns: &[String]) -> Self {
        if self.quiet().is_err() {
            return self.clone();
        }
        let found = columns
            .iter()
            .map(|c| Ok((c.clone(), listed(&col(c), self.col(c).found()?))))
            .collect::<Result<Vec<_>>>();
        match found {
            Ok(made) => self.put_columns("categorize", made),
            Err(e) => Self::from_result(Err(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn frame() -> DataFrame {
        let sizes = [Some("m"), Some("s"), None, Some("l"), Some("m"), Some("s")];
        DataFrame::from_columns([
            ("size", Series::from_iter(sizes)),
            ("x", Series::from_iter([1i64, 2, 3, 4, 5, 6])),
        ])
    }

    fn codes(df: &DataFrame) -> Vec<i64> {
        df.with_column("c", col("size").cat().codes())
            .compute()
            .unwrap()
            .column("c")
            .unwrap()
            .to_vec()
            .unwrap()
    }

    #[test]
    fn categories_are_the_same_in_all_partitions() {
        for parts in [1, 2, 6] {
            let df = frame().repartition(parts).categorize("size");
            assert_eq!(df.dtypes().unwrap()[0], DType::Category);
            assert_eq!(codes(&df), [1, 2, -1, 0, 1, 2]);
            assert_eq!(codes(&df.persist().unwrap().filter(col("x").gt(3))), [0, 1, 2]);
            let size = df.col("size").cat();
            assert_eq!(
                (size.categories().unwrap(), size.known().unwrap()),
                (vec!["l".into(), "m".into(), "s".into()], true)
            );
        }
    }

    #[test]
    fn lists_of_categories_change() {
        let df = frame().categorize("size");
        let with = |e: Expr| df.with_column("size", e);
        let ordered = with(col("size").cat().reorder_categories(["s", "m", "l"]))
            .with_column("size", col("size").cat().as_ordered());
        assert_eq!(codes(&ordered), [1, 0, -1, 2, 1, 0]);
        assert!(ordered.col("size").cat().ordered().unwrap());
        let sorted = ordered.sort_values("size").compute().unwrap();
        assert_eq!(sorted.column("x").unwrap().to_vec::<i64>().unwrap(), [2, 6, 1, 5, 4, 3]);
        let sums = ordered.groupby("size").sum("x").compute().unwrap();
        assert_eq!(sums.column("size").unwrap().to_vec::<String>().unwrap(), ["s", "m", "l"]);
        let renamed = with(col("size").cat().rename_categories([("l", "large")]));
        assert_eq!(
            renamed.compute().unwrap().column("size").unwrap().to_vec::<Option<String>>().unwrap()
                [3]
            .as_deref(),
            Some("large")
        );
        let gone = with(col("size").cat().remove_categories(["m"]));
        assert_eq!(codes(&gone), [-1, 1, -1, 0, -1, 1]);
        let more = with(col("size").cat().add_categories(["xl"]));
        assert_eq!(more.col("size").cat().categories().unwrap(), ["l", "m", "s", "xl"]);
        assert_eq!(
            more.col("size").cat().remove_unused_categories().cat().categories().unwrap(),
            ["l", "m", "s"]
        );
        assert_eq!(
            codes(&with(col("size").cat().set_categories(["s", "xl"]))),
            [-1, 0, -1, -1, -1, 0]
        );
    }

    #[test]
    fn other_types_and_other_lists_are_other_categories() {
        let numbers = DataFrame::from_columns([(
            "n",
            Series::from_iter([Some("10"), Some("2"), None, Some("1")]),
        )])
        .categorize("n");
        let sorted = |df: DataFrame| {
            df.compute().unwrap().column("n").unwrap().to_vec::<Option<i64>>().unwrap()
        };
        assert_eq!(
            sorted(numbers.with_column("n", col("n").astype(DType::Int64)).sort_values("n")),
            [Some(1), Some(2), Some(10), None]
        );
        let size = frame()
            .categorize("size")
            .with_column("size", col("size").cat().reorder_categories(["s", "m", "l"]));
        let down = size.sort_values_descending("size").compute().unwrap();
        assert_eq!(down.column("x").unwrap().to_vec::<i64>().unwrap(), [4, 1, 5, 2, 6, 3]);
        let more = DataFrame::from_columns([
            ("size", Series::from_iter(["xs"])),
            ("x", Series::from_iter([9i64])),
        ])
        .categorize("size");
        let both = concat([&size, &more]);
        assert!(!both.col("size").cat().known().unwrap());
        assert_eq!(both.col("size").cat().categories().unwrap(), ["l", "m", "s", "xs"]);
        assert_eq!(concat([&size, &size]).col("size").cat().categories().unwrap(), ["s", "m", "l"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.arrow");
        let kinds = DataFrame::from_columns([(
            "k",
            Series::from_iter((0..30_000).map(|i| format!("k{}", i / 9000))),
        )]);
        kinds
            .with_column("k", col("k").astype(DType::Category))
            .to_ipc(path.to_str().unwrap())
            .unwrap();
        assert_eq!(read_ipc(path.to_str().unwrap()).col("k").nunique().compute().unwrap(), 4);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let df = frame().with_column("size", col("size").astype(DType::Category));
        let said = |df: DataFrame| df.compute().unwrap_err().to_string();
        assert!(!df.col("size").cat().known().unwrap());
        let e = said(df.with_column("c", col("size").cat().codes()));
        assert!(e.contains("not known yet") && e.contains("as_known"), "{e}");
        assert_eq!(
            df.col("size")
                .cat()
                .as_known()
                .cat()
                .codes()
                .compute()
                .unwrap()
                .to_vec::<i64>()
                .unwrap(),
            [1, 2, -1, 0, 1, 2]
        );
        let e = said(df.with_column("c", col("x").cat().codes()));
        assert!(e.contains("int64") && e.contains("DType::Category"), "{e}");
        let e = df.col("x").cat().categories().unwrap_err().to_string();
        assert!(e.contains("int64"), "{e}");
        let known = frame().categorize("size");
        for (e, want) in [
            (col("size").cat().add_categories(["m"]), "duplicate category \"m\""),
            (
                col("size").cat().remove_categories(["z"]),
                "unknown category \"z\"; expected one of l, m, s",
            ),
            (col("size").cat().reorder_categories(["m", "s"]), "exactly the existing categories"),
        ] {
            let e = said(known.with_column("size", e));
            assert!(e.contains(want), "{e}");
        }
        assert!(said(frame().categorize("sice")).contains("sice"));
    }
}
