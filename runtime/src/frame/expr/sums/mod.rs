//! Numeric aggregations whose results do not depend on partitions, workers or the order of rows:
//! they replace DataFusion's own, in the methods of frames and in SQL.

mod distinct;
mod floats;
pub(in crate::frame) mod groups;
mod integers;

use crate::exact::moments::Line;
use crate::exact::product;
use crate::frame::expr::sums::groups::{Groups, Statistic};
use crate::frame::expr::udf::{Fold, folded, list_of_floats};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::execution::context::SessionContext;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, ReversedUDAF,
    Signature, Volatility,
};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The functions by their names in SQL, with aliases; the single source of these names.
const FUNCTIONS: [(&str, &[&str], Statistic); 21] = [
    ("sum", &[], Statistic::Sum),
    ("product", &["prod"], Statistic::Product),
    ("avg", &["mean"], Statistic::Mean),
    ("var", &["var_sample", "var_samp"], Statistic::Variance(1)),
    ("var_pop", &["var_population"], Statistic::Variance(0)),
    ("stddev", &["stddev_samp"], Statistic::Deviation(1)),
    ("stddev_pop", &[], Statistic::Deviation(0)),
    ("sem", &[], Statistic::ErrorOfMean),
    ("skewness", &["skew"], Statistic::Skewness),
    ("kurtosis", &["kurt"], Statistic::Kurtosis),
    ("covar_samp", &["covar"], Statistic::Covariance(1)),
    ("covar_pop", &[], Statistic::Covariance(0)),
    ("corr", &[], Statistic::Correlation),
    ("regr_slope", &[], Statistic::Regression(Line::Slope)),
    ("regr_intercept", &[], Statistic::Regression(Line::Intercept)),
    ("regr_r2", &[], Statistic::Regression(Line::R2)),
    ("regr_avgx", &[], Statistic::Regression(Line::MeanX)),
    ("regr_avgy", &[], Statistic::Regression(Line::MeanY)),
    ("regr_sxx", &[], Statistic::Regression(Line::Sxx)),
    ("regr_syy", &[], Statistic::Regression(Line::Syy)),
    ("regr_sxy", &[], Statistic::Regression(Line::Sxy)),
];

static UDAFS: LazyLock<Vec<Arc<AggregateUDF>>> = LazyLock::new(|| {
    let one = |(name, aliases, statistic): &(&'static str, &[&str], Statistic)| {
        let aliases = aliases.iter().map(|a| (*a).to_owned()).collect();
        let function =
            Exact { name, aliases, statistic: *statistic, signature: statistic.signature() };
        Arc::new(AggregateUDF::new_from_impl(function))
    };
    FUNCTIONS.iter().map(one).collect()
});

/// Replaces DataFusion's functions.
pub(in crate::frame) fn register(context: &SessionContext) {
    UDAFS.iter().for_each(|udaf| context.register_udaf(udaf.as_ref().clone()));
}

const PRODUCT: Fold = Fold {
    name: "prod",
    start: &product::START,
    add: product::multiply,
    join: product::join,
    finish: product::value,
};

/// How values of a type are summed.
enum How {
    /// Exactly; products, which are not sums, to fifty digits.
    Floats,
    Integers,
    Engine,
}

impl How {
    fn of(t: &DataType) -> Self {
        match t {
            DataType::Float64 => Self::Floats,
            DataType::Int64 | DataType::UInt64 => Self::Integers,
            _ => Self::Engine,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    name: &'static str,
    aliases: Vec<String>,
    statistic: Statistic,
    signature: Signature,
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [t] = types else {
            return plan_err!("{}: got {} arguments; expected one", self.name, types.len());
        };
        let product = self.statistic == Statistic::Product;
        Ok(vec![match t {
            t if t.is_signed_integer() => DataType::Int64,
            t if t.is_unsigned_integer() => DataType::UInt64,
            t if t.is_floating() || t.is_null() || product && t.is_numeric() => DataType::Float64,
            t if !product && (t.is_numeric() || matches!(t, DataType::Duration(_))) => t.clone(),
            t => return plan_err!("{}: the column is {t}; expected numbers", self.name),
        }])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match (self.statistic, How::of(&types[0])) {
            (Statistic::Sum, How::Integers) => Ok(types[0].clone()),
            (Statistic::Product, How::Integers) => Ok(DataType::Int64),
            (Statistic::Product, How::Engine) => {
                plan_err!("prod: cannot multiply values of type {}; expected numbers", types[0])
            }
            (_, How::Engine) => self.statistic.of_engine().return_type(types),
            _ => Ok(DataType::Float64),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let t = args.expr_fields[0].data_type();
        if let How::Engine = How::of(t) {
            return self.statistic.of_engine().accumulator(args);
        }
        let (of, statistic) = (t.clone(), self.statistic);
        let single = move || statistic.accumulator(&of);
        if args.is_distinct && !self.statistic.of_pairs() {
            return Ok(Box::new(distinct::Distinct::new(t.clone(), Box::new(single))));
        }
        Ok(single())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let t = args.input_fields[0].data_type();
        if let How::Engine = How::of(t) {
            return self.statistic.of_engine().state_fields(args);
        }
        let types = if args.is_distinct && !self.statistic.of_pairs() {
            vec![DataType::new_list(t.clone(), true)]
        } else {
            self.statistic.groups(t).map_or_else(|| vec![list_of_floats()], |g| g.state_types())
        };
        let field = |(i, t): (usize, DataType)| {
            Arc::new(Field::new(
                format_state_name(args.name, &format!("{}{i}", self.name)),
                t,
                true,
            ))
        };
        Ok(types.into_iter().enumerate().map(field).collect())
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match How::of(args.expr_fields[0].data_type()) {
            How::Engine => self.statistic.of_engine().groups_accumulator_supported(args),
            How::Floats if self.statistic == Statistic::Product => false,
            _ => !args.is_distinct,
        }
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let t = args.expr_fields[0].data_type();
        match How::of(t) {
            How::Engine => self.statistic.of_engine().create_groups_accumulator(args),
            How::Integers => Ok(Box::new(integers::IntegerGroups::new(self.statistic, t.clone()))),
            How::Floats => Ok(Box::new(floats::FloatGroups::new(self.statistic))),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match How::of(args.expr_fields[0].data_type()) {
            How::Engine => self.statistic.of_engine().create_sliding_accumulator(args),
            _ => self.accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// A single group: a whole column, or a window that moves along it.
struct Single {
    groups: Box<dyn Groups>,
    /// Rows with values.
    rows: u64,
    /// Whether a state was merged, whose rows are not counted in `rows`.
    merged: bool,
}

impl Single {
    fn new(groups: Box<dyn Groups>) -> Self {
        Self { groups, rows: 0, merged: false }
    }
}

impl fmt::Debug for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sums of {} rows", self.rows)
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.rows += self.groups.update_first(values)?;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.rows -= self.groups.retract_first(values)?;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.groups.can_retract()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let result = self.groups.first()?;
        if self.rows > 0 || self.merged {
            Ok(result)
        } else {
            ScalarValue::try_from(result.data_type())
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.groups.update_first(&[])?;
        let columns = self.groups.state(EmitTo::All)?;
        columns.iter().map(|c| ScalarValue::try_from_array(c, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.merged = true;
        self.groups.merge_batch(states, &vec![0; states[0].len()], 1)
    }
}

#[cfg(test)]
mod tests;

impl Statistic {
    /// Builds the statistic of one or two arguments as an expression.
    pub(in crate::frame) fn of(self, args: Vec<Expr>) -> Expr {
        let place = FUNCTIONS.iter().position(|(_, _, s)| *s == self).unwrap_or_default();
        UDAFS[place].call(args)
    }

    /// Returns whether the statistic takes pairs of values.
    pub(in crate::frame) fn of_pairs(self) -> bool {
        matches!(self, Self::Covariance(_) | Self::Correlation | Self::Regression(_))
    }

    pub(in crate::frame) fn signature(self) -> Signature {
        match self {
            Self::Sum => sum_udaf().signature().clone(),
            Self::Mean | Self::Product => Signature::user_defined(Volatility::Immutable),
            _ => {
                let columns = if self.of_pairs() { 2 } else { 1 };
                Signature::exact(vec![DataType::Float64; columns], Volatility::Immutable)
            }
        }
    }

    /// Creates the sums by group for values of a type; a product of floats is not a sum and has
    /// none.
    pub(in crate::frame) fn groups(self, t: &DataType) -> Option<Box<dyn Groups>> {
        match How::of(t) {
            How::Integers => Some(Box::new(integers::IntegerGroups::new(self, t.clone()))),
            _ if self == Self::Product => None,
            _ => Some(Box::new(floats::FloatGroups::new(self))),
        }
    }

    /// Creates an accumulator for a single group of values of a type.
    pub(in crate::frame) fn accumulator(self, t: &DataType) -> Box<dyn Accumulator> {
        match self.groups(t) {
            Some(groups) => Box::new(Single::new(groups)),
            None => folded(PRODUCT),
        }
    }

    /// Returns DataFusion's own function, for types on which it is exact: decimals and durations.
    pub(in crate::frame) fn of_engine(self) -> Arc<AggregateUDF> {
        if self == Self::Sum { sum_udaf() } else { avg_udaf() }
    }
}
