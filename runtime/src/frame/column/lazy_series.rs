//! A column of a frame, by its name.

use crate::error::Error;
use crate::frame::dataframe::DataFrame;
use crate::frame::expr::Expr;

/// A lazy column of a frame; created by [`DataFrame::col`].
#[derive(Clone)]
#[must_use = "a column does nothing until it is computed"]
pub struct LazySeries {
    pub(in crate::frame) frame: DataFrame,
    pub(in crate::frame) name: String,
}

impl LazySeries {
    /// Returns the name of the column.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::frame) fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// Returns the column of this name in another frame.
    pub(in crate::frame) fn in_frame(&self, frame: DataFrame) -> Self {
        Self { frame, name: self.name.clone() }
    }

    /// Replaces the values of the column, in its frame.
    #[inline(never)]
    #[track_caller]
    pub(in crate::frame) fn changed(&self, method: &str, value: &Expr) -> Self {
        Self {
            frame: self.frame.put_columns(method, vec![(self.name.clone(), value.clone())]),
            name: self.name.clone(),
        }
    }

    /// Returns the column with an error in place of a step.
    #[track_caller]
    pub(in crate::frame) fn failed(&self, e: Error) -> Self {
        Self { frame: self.frame.failed(e), name: self.name.clone() }
    }
}
