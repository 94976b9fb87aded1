//! Plans as text: what DataFusion will do or did, and how long each operator took.

use crate::error::Result;
use crate::frame::dataframe::DataFrame;
use crate::frame::engine::collect;
use crate::show::{self, Bundle, Show, html};
use std::fmt;

/// The plan of a frame as text: one operator per line, the first to run at the bottom.
#[derive(Clone)]
pub struct Plan(String);

impl DataFrame {
    /// Returns the plan by which the frame will be computed, without computing it.
    ///
    /// # Errors
    /// The error of an earlier step.
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..10i64))]);
    /// assert!(df.filter(col("x").gt(3)).explain()?.to_string().contains("FilterExec"));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn explain(&self) -> Result<Plan> {
        collect::explained(self.plan()?).map(Plan)
    }

    /// Computes the frame and returns the plan with rows, bytes and times of each operator.
    ///
    /// # Errors
    /// As [`DataFrame::compute`].
    ///
    /// ```
    /// use rask::prelude::*;
    /// let df = DataFrame::from_columns([("x", Series::from_iter(0..10i64))]);
    /// assert!(df.filter(col("x").gt(3)).explain_analyze()?.to_string().contains("output_rows=6"));
    /// # Ok::<(), rask::Error>(())
    /// ```
    pub fn explain_analyze(&self) -> Result<Plan> {
        collect::measured(self.plan()?).map(Plan)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.trim_end())
    }
}

impl Show for Plan {
    fn show(&self) -> Bundle {
        let text = self.to_string();
        Bundle::text(text.clone()).with(
            "text/html",
            format!(
                "<pre style=\"white-space: pre; overflow-x: auto\">{}</pre>",
                html::escape(&text)
            ),
        )
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show::debug(self, f)
    }
}
