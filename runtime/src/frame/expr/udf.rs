//! Custom functions for DataFusion: over the values of a row, over a whole column in order, and
//! over the values of a group. Each is a closure over arrays with a name and a key; functions with
//! equal keys are equal.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, PartitionEvaluator,
    ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    WindowUDF, WindowUDFImpl,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The name of a function, and the key that distinguishes it from others of that name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    name: String,
    key: String,
    signature: Signature,
}

impl Identity {
    fn new(name: &str, key: String) -> Self {
        Self {
            name: name.to_owned(),
            key,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

type Returns = Arc<dyn Fn(&[DataType]) -> Result<DataType> + Send + Sync>;
type Compute = Arc<dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync>;
type Gives = Arc<dyn Fn(&[FieldRef]) -> Result<Field> + Send + Sync>;
type ByFields = Arc<dyn Fn(&[ArrayRef], &[FieldRef]) -> Result<ArrayRef> + Send + Sync>;

macro_rules! identified {
    ($($function:ident)*) => {$(
        impl PartialEq for $function {
            fn eq(&self, other: &Self) -> bool {
                self.identity == other.identity
            }
        }
        impl Eq for $function {}
        impl Hash for $function {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.identity.hash(state);
            }
        }
        impl fmt::Debug for $function {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", self.identity.name, self.identity.key)
            }
        }
    )*};
}
identified! { ScalarFn WindowFn AggregateFn }

/// A function over the values of a row. With constant arguments its value is constant.
struct ScalarFn {
    identity: Identity,
    gives: Gives,
    compute: ByFields,
}

impl ScalarUDFImpl for ScalarFn {
    fn name(&self) -> &str {
        &self.identity.name
    }

    fn signature(&self) -> &Signature {
        &self.identity.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> =
            args.iter().map(|t| Arc::new(Field::new("", t.clone(), true))).collect();
        Ok((self.gives)(&fields)?.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new((self.gives)(args.arg_fields)?.with_name(self.name())))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args = args.iter().map(|a| a.schema_name().to_string()).collect::<Vec<_>>().join(",");
        Ok(format!("{}[{}]({args})", self.identity.name, self.identity.key))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let made = (self.compute)(&arrays, &args.arg_fields)?;
        if constant {
            ScalarValue::try_from_array(&made, 0).map(ColumnarValue::Scalar)
        } else {
            Ok(ColumnarValue::Array(made))
        }
    }
}

/// Builds a function over the values of a row; `key` distinguishes it from others of its name.
pub(in crate::frame) fn scalar_fn(
    name: &str,
    key: String,
    args: Vec<Expr>,
    returns: impl Fn(&[DataType]) -> Result<DataType> + Send + Sync + 'static,
    compute: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    let gives = move |fields: &[FieldRef]| {
        let types: Vec<_> = fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Field::new("", returns(&types)?, true))
    };
    of_fields(name, key, args, gives, move |arrays, _| compute(arrays))
}

/// Builds a function like [`scalar_fn`], where more than the types of the columns matters.
pub(in crate::frame) fn of_fields(
    name: &str,
    key: String,
    args: Vec<Expr>,
    gives: impl Fn(&[FieldRef]) -> Result<Field> + Send + Sync + 'static,
    compute: impl Fn(&[ArrayRef], &[FieldRef]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Expr {
    let function = ScalarFn {
        identity: Identity::new(name, key),
        gives: Arc::new(gives),
        compute: Arc::new(compute),
    };
    ScalarUDF::new_from_impl(function).call(args)
}

/// A function over all values of a group, or of the frame, in order.
struct WindowFn {
    identity: Identity,
    returns: Returns,
    compute: Compute,
}

impl WindowUDFImpl for WindowFn {
    fn name(&self) -> &str {
        &self.identity.name
    }

    fn signature(&self) -> &Signature {
        &self.identity.signature
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Whole(self.compute.clone())))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let types: Vec<_> = args.input_fields().iter().map(|f| f.data_type().clone()).collect();
        Ok(Arc::new(Field::new(args.name(), (self.returns)(&types)?, true)))
    }
}

struct Whole(Compute);

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Whole")
    }
}

impl PartitionEvaluator for Whole {
    fn evaluate_all(&mut self, values: &[ArrayRef], _: usize) -> Result<ArrayRef> {
        (self.0)(values)
    }
}

/// Builds a function over a column in order; the caller sets the window.
pub(in crate::frame) fn window_fn(
    name: &str,
    key: String,
    returns: impl Fn(&[DataType]) -> Result<DataType> + Send + Sync + 'static,
    compute: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Arc<WindowUDF> {
    // DataFusion distinguishes window functions by the names of their columns, and leaves casts out
    // of those.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = format!("{name}#{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let function = WindowFn {
        identity: Identity::new(&name, key),
        returns: Arc::new(returns),
        compute: Arc::new(compute),
    };
    Arc::new(WindowUDF::new_from_impl(function))
}

/// A fold of the values of a group, with a state of one or several numbers.
#[derive(Clone, Copy)]
pub(in crate::frame) struct Fold {
    pub(in crate::frame) name: &'static str,
    /// The initial state of a group.
    pub(in crate::frame) start: &'static [f64],
    pub(in crate::frame) add: fn(&mut [f64], f64),
    /// Merges the state of other values of the group.
    pub(in crate::frame) join: fn(&mut [f64], &[f64]),
    pub(in crate::frame) finish: fn(&[f64]) -> Option<f64>,
}

/// Quantiles of the values of a group, as a list; keeps all values.
struct AggregateFn {
    identity: Identity,
    of: Arc<[f64]>,
}

impl AggregateUDFImpl for AggregateFn {
    fn name(&self) -> &str {
        &self.identity.name
    }

    fn signature(&self) -> &Signature {
        &self.identity.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(list_of_floats())
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Quantiles { of: self.of.clone(), values: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}_state", args.name), list_of_floats(), true))])
    }
}

pub(in crate::frame) fn list_of_floats() -> DataType {
    DataType::new_list(DataType::Float64, true)
}

fn list(values: Vec<f64>) -> ScalarValue {
    let field = Arc::new(Field::new_list_field(DataType::Float64, true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    ScalarValue::List(Arc::new(ListArray::new(
        field,
        offsets,
        Arc::new(Float64Array::from(values)),
        None,
    )))
}

/// Returns the lists of a state.
fn lists(states: &[ArrayRef]) -> impl Iterator<Item = Vec<f64>> + '_ {
    states[0]
        .as_list::<i32>()
        .iter()
        .flatten()
        .map(|l| l.as_primitive::<Float64Type>().values().to_vec())
}

/// Casts the values to floats.
fn floats(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

struct Folded {
    fold: Fold,
    kept: Vec<f64>,
    is_empty: bool,
}

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.fold.name, self.kept)
    }
}

impl Accumulator for Folded {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = floats(&values[0])?;
        self.is_empty &= values.null_count() == values.len();
        values.iter().flatten().for_each(|x| (self.fold.add)(&mut self.kept, x));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(if self.is_empty { None } else { (self.fold.finish)(&self.kept) }))
    }

    fn size(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.kept)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![list(if self.is_empty { Vec::new() } else { self.kept.clone() })])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for other in lists(states).filter(|other| !other.is_empty()) {
            self.is_empty = false;
            (self.fold.join)(&mut self.kept, &other);
        }
        Ok(())
    }
}

struct Quantiles {
    of: Arc<[f64]>,
    values: Vec<f64>,
}

impl fmt::Debug for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quantiles {:?} of {} values", self.of, self.values.len())
    }
}

impl Accumulator for Quantiles {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = floats(&values[0])?;
        if values.null_count() == 0 {
            self.values.extend_from_slice(values.values());
        } else {
            self.values.extend(values.iter().flatten());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.values.is_empty() {
            return ScalarValue::try_from(list_of_floats());
        }
        Ok(list(quantiles(&mut self.values, &self.of)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![list(std::mem::take(&mut self.values))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for part in states[0].as_list::<i32>().iter().flatten() {
            self.values.extend_from_slice(part.as_primitive::<Float64Type>().values());
        }
        Ok(())
    }
}

/// Computes quantiles with linear interpolation between the two nearest values, as NumPy does by
/// default; reorders the values.
pub(in crate::frame) fn quantiles(values: &mut [f64], of: &[f64]) -> Vec<f64> {
    let last = (values.len() - 1) as f64;
    let mut order: Vec<usize> = (0..of.len()).collect();
    order.sort_by(|a, b| of[*a].total_cmp(&of[*b]));
    let mut out = vec![0.0; of.len()];
    // Values before this index are in their sorted positions.
    let mut done = 0;
    for i in order {
        let place = of[i] * last;
        let (low, share) = (place.floor() as usize, place.fract());
        let (_, &mut below, above) =
            values[done..].select_nth_unstable_by(low - done, f64::total_cmp);
        let next = if share > 0.0 { above.iter().copied().min_by(f64::total_cmp) } else { None };
        out[i] = next.map_or(below, |next| below + (next - below) * share);
        done = low;
    }
    out
}

/// Creates an accumulator that folds the non-null values of one group.
pub(in crate::frame) fn folded(fold: Fold) -> Box<dyn Accumulator> {
    Box::new(Folded { fold, kept: fold.start.to_vec(), is_empty: true })
}

/// Computes the exact quantiles of the non-null values of a group, as a list.
pub(in crate::frame) fn quantiles_of(value: Expr, of: &[f64]) -> Expr {
    let name = format!("quantiles{of:?}");
    let function = AggregateFn { identity: Identity::new(&name, String::new()), of: of.into() };
    AggregateUDF::new_from_impl(function).call(vec![value])
}

/// Builds the key of a function with these arguments.
pub(in crate::frame) fn keyed(args: &[String]) -> String {
    args.join(", ")
}

/// An array without values.
pub(in crate::frame) fn none(of: &DataType) -> ArrayRef {
    new_empty_array(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantiles(&mut values, &[0.5, 0.0, 1.0, 0.25, 0.5]), [2.5, 1.0, 4.0, 1.75, 2.5]);
        assert_eq!(quantiles(&mut [7.0], &[0.0, 0.3, 1.0]), [7.0, 7.0, 7.0]);
        let values: Vec<f64> = (0..143).map(|i| f64::from(i * 7 % 143)).collect();
        let of = [0.99, 0.9995, 0.01, 0.5];
        let want: Vec<f64> = of.iter().map(|q| q * 142.0).collect();
        let got = quantiles(&mut values.clone(), &of);
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-9), "{got:?}, not {want:?}");
    }
}
