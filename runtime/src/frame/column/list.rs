//! List methods: `col("tags").list().contains("python")`.

use crate::frame::column::lazy_series::LazySeries;
use crate::frame::column::target::Target;
use crate::frame::expr::udf::{none, scalar_fn};
use crate::frame::expr::{Expr, IntoExpr};
use crate::frame::types::wrong::wrong_type;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray, make_comparator,
};
use arrow::compute::{SortOptions, cast, take};
use arrow::datatypes::DataType;
use datafusion::error::Result as DfResult;
use std::sync::Arc;

/// List methods, created by [`Expr::list`]. Null stays null.
///
/// ```
/// use rask::prelude::*;
/// let df = DataFrame::from_columns([("words", Series::from_iter(["a b", "c"]))]).with_column("words", col("words").str().split(" "));
/// assert_eq!(df.filter(col("words").list().contains("b")).len()?, 1);
/// # Ok::<(), rask::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct List<T>(T);

impl Expr {
    /// Returns the list methods.
    #[must_use]
    pub fn list(&self) -> List<Self> {
        List(self.clone())
    }
}

impl LazySeries {
    /// Returns the list methods.
    #[must_use]
    pub fn list(&self) -> List<Self> {
        List(self.clone())
    }
}

/// Returns the type of a list's items.
fn items(method: &str, found: &DataType) -> DfResult<DataType> {
    match found {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Ok(item.data_type().clone())
        }
        DataType::Null => Ok(DataType::Null),
        other => wrong_type(
            method,
            other,
            "a list; help: str().split(..) and str().findall(..) return lists of strings",
        ),
    }
}

/// The start and end of each list among all items; `None` for a null list.
type Ranges = Vec<Option<(usize, usize)>>;

fn ranges(lists: &ArrayRef) -> DfResult<(Ranges, ArrayRef)> {
    let item = items("list()", lists.data_type())?;
    if item == DataType::Null && !matches!(lists.data_type(), DataType::List(_)) {
        return Ok((vec![None; lists.len()], none(&DataType::Null)));
    }
    let lists = cast(lists, &DataType::new_list(item, true))?;
    let lists = lists.as_list::<i32>();
    let range = |i: usize| {
        lists
            .is_valid(i)
            .then(|| (lists.value_offsets()[i] as usize, lists.value_offsets()[i + 1] as usize))
    };
    Ok(((0..lists.len()).map(range).collect(), lists.values().clone()))
}

impl<T: Target> List<T> {
    /// Returns whether the list contains the value.
    #[must_use]
    #[track_caller]
    pub fn contains(&self, value: impl IntoExpr) -> T {
        let value = value.into_expr();
        self.0.with("list().contains", &|x| contains(x, &value))
    }

    /// Returns the number of items.
    #[must_use]
    #[track_caller]
    pub fn len(&self) -> T {
        self.0.with("list().len", &len)
    }

    /// Returns the item at an index, from 0; negative indices count from the end. Null where the
    /// list is shorter.
    #[must_use]
    #[track_caller]
    pub fn get(&self, place: i64) -> T {
        self.0.with("list().get", &|x| get(x, place))
    }

    /// Joins the items into one string, with a separator.
    #[must_use]
    #[track_caller]
    pub fn join(&self, sep: &str) -> T {
        self.0.with("list().join", &|x| join(x, sep))
    }
}

#[inline(never)]
fn len(x: &Expr) -> Expr {
    let returns = |t: &[DataType]| items("list().len", &t[0]).map(|_| DataType::Int64);
    Expr::new(scalar_fn("list_len", String::new(), vec![x.get().clone()], returns, |a| {
        Ok(Arc::new(
            ranges(&a[0])?
                .0
                .into_iter()
                .map(|r| r.map(|(a, b)| (b - a) as i64))
                .collect::<Int64Array>(),
        ))
    }))
}

#[inline(never)]
fn get(x: &Expr, place: i64) -> Expr {
    Expr::new(scalar_fn(
        "list_get",
        place.to_string(),
        vec![x.get().clone()],
        |t| items("list().get", &t[0]),
        move |a| {
            let (ranges, values) = ranges(&a[0])?;
            let at = |(start, end): (usize, usize)| {
                let at = if place < 0 { end as i64 + place } else { start as i64 + place };
                (start as i64..end as i64).contains(&at).then_some(at)
            };
            Ok(take(
                &values,
                &ranges.into_iter().map(|r| r.and_then(at)).collect::<Int64Array>(),
                None,
            )?)
        },
    ))
}

#[inline(never)]
fn join(x: &Expr, sep: &str) -> Expr {
    let returns = |t: &[DataType]| items("list().join", &t[0]).map(|_| DataType::Utf8);
    let sep = sep.to_owned();
    Expr::new(scalar_fn("list_join", sep.clone(), vec![x.get().clone()], returns, move |a| {
        let (ranges, values) = ranges(&a[0])?;
        let texts = cast(&values, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let one = |(start, end): (usize, usize)| {
            (start..end)
                .filter(|i| texts.is_valid(*i))
                .map(|i| texts.value(i))
                .collect::<Vec<_>>()
                .join(&sep)
        };
        Ok(Arc::new(ranges.into_iter().map(|r| r.map(one)).collect::<StringArray>()))
    }))
}

#[inline(never)]
fn contains(x: &Expr, value: &Expr) -> Expr {
    let returns = |t: &[DataType]| items("list().contains", &t[0]).map(|_| DataType::Boolean);
    Expr::new(scalar_fn(
        "list_contains",
        String::new(),
        vec![x.get().clone(), value.get().clone()],
        returns,
        |a| {
            let (ranges, values) = ranges(&a[0])?;
            let wanted = cast(&a[1], values.data_type())?;
            let same = make_comparator(&values, &wanted, SortOptions::default())?;
            let one = |(row, range): (usize, Option<(usize, usize)>)| {
                let (start, end) = range?;
                wanted
                    .is_valid(row)
                    .then(|| (start..end).any(|i| values.is_valid(i) && same(i, row).is_eq()))
            };
            Ok(Arc::new(ranges.into_iter().enumerate().map(one).collect::<BooleanArray>()))
        },
    ))
}
