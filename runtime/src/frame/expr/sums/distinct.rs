//! Sums and means of distinct values: `sum(distinct x)`.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

type MakeAccumulator = Box<dyn Fn() -> Box<dyn Accumulator> + Send + Sync>;

/// The distinct values of one group; another accumulator computes the result from them.
pub(super) struct Distinct {
    of: DataType,
    /// The bits of each value, and the number of rows that have it.
    seen: HashMap<u64, u64>,
    result: MakeAccumulator,
}

impl fmt::Debug for Distinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} distinct values", self.seen.len())
    }
}

impl Distinct {
    pub(super) fn new(of: DataType, result: MakeAccumulator) -> Self {
        Self { of, seen: HashMap::new(), result }
    }

    fn each(&mut self, values: &ArrayRef, mut f: impl FnMut(&mut HashMap<u64, u64>, u64)) {
        let bits = |i: usize| match self.of {
            // 0.0 and -0.0 are one value.
            DataType::Float64 => (values.as_primitive::<Float64Type>().value(i) + 0.0).to_bits(),
            DataType::UInt64 => values.as_primitive::<UInt64Type>().value(i),
            _ => values.as_primitive::<Int64Type>().value(i) as u64,
        };
        let seen = &mut self.seen;
        (0..values.len()).filter(|i| values.is_valid(*i)).for_each(|i| f(seen, bits(i)));
    }

    /// Returns the values sorted, so that results do not depend on the order of the hash map.
    fn all(&self) -> ArrayRef {
        let mut seen: Vec<u64> = self.seen.keys().copied().collect();
        seen.sort_unstable();
        let seen = seen.into_iter();
        match self.of {
            DataType::Float64 => Arc::new(Float64Array::from_iter_values(seen.map(f64::from_bits))),
            DataType::UInt64 => Arc::new(UInt64Array::from_iter_values(seen)),
            _ => Arc::new(Int64Array::from_iter_values(seen.map(|b| b as i64))),
        }
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.each(&values[0], |seen, bits| *seen.entry(bits).or_insert(0) += 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.each(&values[0], |seen, bits| {
            if let Some(rows) = seen.get_mut(&bits) {
                *rows -= 1;
                if *rows == 0 {
                    seen.remove(&bits);
                }
            }
        });
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut result = (self.result)();
        result.update_batch(&[self.all()])?;
        result.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * 3 * size_of::<u64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let all = self.all();
        let field = Arc::new(Field::new_list_field(self.of.clone(), true));
        let offsets = OffsetBuffer::from_lengths([all.len()]);
        Ok(vec![ScalarValue::List(Arc::new(ListArray::new(field, offsets, all, None)))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        states[0].as_list::<i32>().iter().flatten().try_for_each(|part| self.update_batch(&[part]))
    }
}
