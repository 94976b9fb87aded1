//! The work of values that cannot be computed, as a step before them failed.

use crate::error::{Error, Result};
use crate::graph::{Value, Work};

/// Returns the error of the step.
pub(super) struct Failing(pub(super) Error);

impl Work for Failing {
    fn run(&self, _: u32, _: Vec<Value>) -> Result<Value> {
        Err(self.0.clone())
    }
}
