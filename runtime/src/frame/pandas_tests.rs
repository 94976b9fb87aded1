//! Every name of the coverage page that is done or renamed, against what pandas gives: with missing
//! values, without rows, and in one partition, several, and one for each row.
//! `tests/pandas_answers.py` writes the answers.

use super::*;
use crate::error::Result;
use crate::prelude::{Agg, Series, concat, when};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, TimeUnit};
use serde_json::Value;

/// What a name gives.
enum Got {
    Frame(DataFrame),
    Column(LazySeries),
    Scalar(LazyScalar),
    Table(Table),
    Values(Vec<Value>),
}

macro_rules! got {
    ($($variant:ident($t:ty))*) => {$(
        impl From<$t> for Got {
            fn from(value: $t) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
got! { Frame(DataFrame) Column(LazySeries) Scalar(LazyScalar) Table(Table) Values(Vec<Value>) }

fn values(array: &ArrayRef) -> Vec<Value> {
    let text = |a: &ArrayRef| arrow::compute::cast(a, &DataType::Utf8).unwrap();
    let one = |i: usize| -> Value {
        if array.is_null(i) {
            return Value::Null;
        }
        match array.data_type() {
            DataType::Boolean => array.as_boolean().value(i).into(),
            t if t.is_integer() => {
                text(array).as_string::<i32>().value(i).parse::<i64>().unwrap().into()
            }
            t if t.is_floating() => {
                let x = array.as_primitive::<arrow::datatypes::Float64Type>().value(i);
                if x.is_nan() {
                    Value::Null
                } else {
                    serde_json::Number::from_f64(x)
                        .map_or_else(|| x.to_string().into(), Value::Number)
                }
            }
            DataType::Timestamp(..) => {
                let shown = text(array).as_string::<i32>().value(i).replace('T', " ");
                if shown.contains('.') {
                    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
                } else {
                    shown
                }
                .into()
            }
            DataType::Duration(_) => {
                let micros =
                    arrow::compute::cast(array, &DataType::Duration(TimeUnit::Microsecond))
                        .unwrap();
                micros.as_primitive::<DurationMicrosecondType>().value(i).into()
            }
            DataType::List(_) => values(&array.as_list::<i32>().value(i)).into(),
            _ => text(array).as_string::<i32>().value(i).into(),
        }
    };
    (0..array.len()).map(one).collect()
}

impl Got {
    fn columns(self) -> Result<(Vec<String>, Vec<Vec<Value>>)> {
        let of = |t: Table| (t.columns(), t.batch().columns().iter().map(values).collect());
        Ok(match self {
            Self::Frame(f) => of(f.compute()?),
            Self::Column(c) => of(c.to_frame().compute()?),
            Self::Table(t) => of(t),
            Self::Scalar(s) => (Vec::new(), of(s.frame().compute()?).1),
            Self::Values(v) => (Vec::new(), vec![v]),
        })
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b,
    }
}

const T: [Option<&str>; 12] = [
    Some("2014-05-13T23:58:30.457"),
    Some("2014-05-14T00:11:06.457"),
    Some("2016-02-29T00:00:00"),
    None,
    Some("2020-12-31T23:59:59"),
    Some("2021-01-03T12:00:00"),
    Some("2018-12-31T00:00:01"),
    Some("1969-12-31T23:59:59.999999"),
    Some("2024-06-30T06:07:08.123456"),
    Some("2020-03-31T12:30:00"),
    Some("2021-07-01T00:00:00"),
    Some("2021-10-01T11:29:30"),
];
const S: [Option<&str>; 12] = [
    Some("Ab c"),
    Some("  x "),
    None,
    Some("Ärger"),
    Some(""),
    Some("123"),
    Some("abc abc"),
    Some("Hello World"),
    Some("UP"),
    Some("a-b-c"),
    Some("+42"),
    Some("Title Case"),
];

fn source() -> DataFrame {
    let k = [
        Some("a"),
        Some("b"),
        Some("a"),
        None,
        Some("b"),
        Some("c"),
        Some("a"),
        Some("b"),
        Some("c"),
        Some("a"),
        Some("b"),
        Some("a"),
    ];
    let f = [
        Some(0.5),
        Some(1.25),
        None,
        Some(-2.75),
        Some(3.5),
        Some(2.5),
        None,
        Some(0.125),
        Some(9.0),
        Some(1.25),
        Some(-0.5),
        Some(2.0),
    ];
    let n = [
        Some(1i64),
        None,
        Some(3),
        Some(3),
        Some(5),
        None,
        Some(7),
        Some(8),
        Some(9),
        Some(1),
        Some(11),
        Some(12),
    ];
    let times = [
        "00:05", "00:20", "00:50", "01:30", "03:00", "03:10", "03:15", "05:00", "05:45", "06:00",
        "06:01", "07:59",
    ];
    let df = DataFrame::from_columns([
        ("i", Series::from_iter([3i64, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8])),
        ("n", Series::from_iter(n)),
        ("f", Series::from_iter(f)),
        ("s", Series::from_iter(S)),
        (
            "b",
            Series::from_iter([
                true, false, true, true, false, false, true, false, true, true, false, true,
            ]),
        ),
        ("t", Series::from_iter(T)),
        ("k", Series::from_iter(k)),
        ("u", Series::from_iter(times.map(|t| format!("2021-03-01T{t}:00")))),
    ]);
    df.with_column("t", col("t").to_datetime("")).with_column("u", col("u").to_datetime(""))
}

/// The frame in so many partitions, in its order.
fn split(table: &Table, parts: usize) -> DataFrame {
    let batch = table.batch();
    let each = batch.num_rows().div_ceil(parts).max(1);
    let part = |p: usize| {
        let start = (p * each).min(batch.num_rows());
        vec![batch.slice(start, each.min(batch.num_rows() - start))]
    };
    DataFrame::from_result(plan::scan::held(
        "test",
        batch.schema(),
        (0..parts).map(part).collect(),
        None,
    ))
}

fn right() -> DataFrame {
    DataFrame::from_columns([
        ("k", Series::from_iter(["a", "c", "d", "a"])),
        ("f", Series::from_iter([10.0, 20.0, 30.0, 40.0])),
        ("w", Series::from_iter([1i64, 2, 3, 4])),
    ])
}

fn times() -> DataFrame {
    let u = ["2021-03-01T00:20", "2021-03-01T03:05", "2021-03-01T03:05", "2021-03-01T07:00"]
        .map(|t| format!("{t}:00"));
    DataFrame::from_columns([
        ("u", Series::from_iter(u)),
        ("q", Series::from_iter([1i64, 2, 3, 4])),
    ])
    .with_column("u", col("u").to_datetime(""))
}

type Case = (&'static str, fn(&DataFrame) -> Got);

/// The one column that an expression makes.
fn made(d: &DataFrame, e: Expr) -> Got {
    d.with_columns([("made", e)]).select("made").into()
}

/// The places of values in their categories.
fn code(kinds: &LazySeries) -> Got {
    kinds.cat().codes().into()
}

const NUM: [&str; 3] = ["i", "n", "f"];
const IF: [&str; 2] = ["i", "f"];

/// Each name with a call that stands for pandas' of `tests/pandas_answers.py`.
const CASES: &[Case] = &[
    ("DataFrame.abs", |d| d.select(NUM).abs().into()),
    ("DataFrame.add_prefix", |d| d.select(NUM).add_prefix("x_").into()),
    ("DataFrame.add_suffix", |d| d.select(NUM).add_suffix("_x").into()),
    ("DataFrame.all", |d| d.select(["i", "b"]).all().into()),
    ("DataFrame.any", |d| d.select(["i", "b"]).any().into()),
    ("DataFrame.assign", |d| {
        d.select(IF).assign([("j", col("i") * 2), ("h", col("f"))]).drop("f").into()
    }),
    ("DataFrame.astype", |d| d.select("i").astype([("i", DType::Float64)]).into()),
    ("DataFrame.bfill", |d| d.select(["f", "s"]).bfill().into()),
    ("DataFrame.ffill", |d| d.select(["f", "s"]).ffill().into()),
    ("DataFrame.clip", |d| d.select(IF).clip(0.0, 3.0).into()),
    ("DataFrame.columns", |d| {
        d.columns().unwrap().into_iter().map(Value::from).collect::<Vec<_>>().into()
    }),
    ("DataFrame.corr", |d| d.select(NUM).corr().drop("column").into()),
    ("DataFrame.cov", |d| d.select(NUM).cov().drop("column").into()),
    ("DataFrame.count", |d| d.count().into()),
    ("DataFrame.cummax", |d| d.select(NUM).cummax().into()),
    ("DataFrame.cummin", |d| d.select(NUM).cummin().into()),
    ("DataFrame.cumsum", |d| d.select(NUM).cumsum().into()),
    ("DataFrame.cumprod", |d| d.select(IF).cumprod().into()),
    ("DataFrame.describe", |d| d.select(NUM).describe().drop("statistic").into()),
    ("DataFrame.diff", |d| d.select(IF).diff(2).into()),
    ("DataFrame.drop", |d| d.select(NUM).drop("n").into()),
    ("DataFrame.drop_duplicates", |d| d.select(["b", "k"]).drop_duplicates().into()),
    ("DataFrame.dropna", |d| d.dropna().select(["i", "s"]).into()),
    ("DataFrame.empty", |d| vec![Value::from(d.is_empty().unwrap())].into()),
    ("DataFrame.eval", |d| d.select("i").eval("e", "i*2 + i").into()),
    ("DataFrame.explode", |d| {
        d.select(["i", "s"]).with_column("s", col("s").str().split(" ")).explode("s").into()
    }),
    ("DataFrame.fillna", |d| d.select(["f", "n"]).fillna(0).into()),
    ("DataFrame.groupby", |d| d.groupby("k").sum("i").into()),
    ("DataFrame.head", |d| d.select(["i", "k"]).head(5).unwrap().into()),
    ("DataFrame.tail", |d| d.select(["i", "k"]).tail(5).unwrap().into()),
    ("DataFrame.idxmax", |d| d.select(IF).idxmax().into()),
    ("DataFrame.idxmin", |d| d.select(IF).idxmin().into()),
    ("DataFrame.isna", |d| d.select(["f", "s"]).isna().into()),
    ("DataFrame.isnull", |d| d.select(["f", "s"]).isna().into()),
    ("DataFrame.notnull", |d| d.select(["f", "s"]).notna().into()),
    ("DataFrame.kurt", |d| d.select(IF).kurt().into()),
    ("DataFrame.kurtosis", |d| d.select(IF).kurt().into()),
    ("DataFrame.skew", |d| d.select(IF).skew().into()),
    ("DataFrame.max", |d| d.select(["i", "f", "t"]).max().into()),
    ("DataFrame.min", |d| d.select(["i", "f", "t"]).min().into()),
    ("DataFrame.mean", |d| d.select(IF).mean().into()),
    ("DataFrame.median", |d| d.select(IF).median().into()),
    ("DataFrame.melt", |d| d.melt("k", IF).into()),
    ("DataFrame.merge", |d| d.select(["k", "i", "f"]).merge(&right(), "k").into()),
    ("DataFrame.join", |d| d.select(["k", "i", "f"]).join(&right(), "k").into()),
    ("DataFrame.nlargest", |d| d.select(["i", "k"]).nlargest(4, "i").into()),
    ("DataFrame.nsmallest", |d| d.select(["i", "k"]).nsmallest(4, "i").into()),
    ("DataFrame.nunique", |d| d.select(["i", "n", "s", "k"]).nunique().into()),
    ("DataFrame.pivot_table", |d| {
        d.with_column("g", col("b")).pivot_table("g", "k", "i", "sum").into()
    }),
    ("DataFrame.prod", |d| d.select(IF).prod().into()),
    ("DataFrame.product", |d| d.select(IF).prod().into()),
    ("DataFrame.quantile", |d| d.select(IF).quantile(0.3).into()),
    ("DataFrame.query", |d| d.query("i > 2 and b == True").select(["i", "k"]).into()),
    ("DataFrame.rename", |d| d.select(NUM).rename([("n", "m")]).into()),
    ("DataFrame.reset_index", |d| d.select("i").reset_index().into()),
    ("DataFrame.round", |d| d.select(IF).round(1).into()),
    ("DataFrame.select_dtypes", |d| d.select_dtypes("number").into()),
    ("DataFrame.sem", |d| d.select(IF).sem().into()),
    ("DataFrame.shape", |d| {
        let (r, c) = d.shape().unwrap();
        vec![Value::from(r), Value::from(c)].into()
    }),
    ("DataFrame.shift", |d| d.select(["f", "s"]).shift(2).into()),
    ("DataFrame.size", |d| vec![Value::from(d.len().unwrap())].into()),
    ("DataFrame.sort_values", |d| d.select(["i", "k", "f"]).sort_values(["k", "i"]).into()),
    ("DataFrame.std", |d| d.select(IF).std().into()),
    ("DataFrame.sum", |d| d.select(IF).sum().into()),
    ("DataFrame.var", |d| d.select(IF).var().into()),
    ("DataFrame.pipe", |d| d.select("i").pipe(|d| d.with_column("j", col("i") + 1)).into()),
    ("DataFrame.copy", |d| d.select("i").clone().into()),
    ("DataFrame.where", |d| made(d, col("i").where_(col("i").gt(2), -1))),
    ("DataFrame.mask", |d| made(d, col("i").mask(col("i").gt(2), -1))),
    ("DataFrame.replace", |d| made(d, col("i").replace(-5, 50))),
    ("DataFrame.isin", |d| made(d, col("i").isin([3, 9]))),
    ("DataFrame.set_index", |d| d.select(IF).set_index("i").into()),
    ("DataFrame.combine_first", |d| made(d, col("f").combine_first(col("i")))),
    ("DataFrame.add", |d| made(d, col("f") + col("i"))),
    ("DataFrame.radd", |d| made(d, 2 + col("f"))),
    ("DataFrame.sub", |d| made(d, col("f") - col("i"))),
    ("DataFrame.rsub", |d| made(d, 2 - col("f"))),
    ("DataFrame.mul", |d| made(d, col("f") * col("i"))),
    ("DataFrame.rmul", |d| made(d, 2 * col("f"))),
    ("DataFrame.div", |d| made(d, col("i") / 4)),
    ("DataFrame.divide", |d| made(d, col("i") / 4)),
    ("DataFrame.truediv", |d| made(d, col("i") / 4)),
    ("DataFrame.rdiv", |d| made(d, 4 / col("i"))),
    ("DataFrame.rtruediv", |d| made(d, 4 / col("i"))),
    ("DataFrame.floordiv", |d| made(d, col("i").floordiv(2))),
    ("DataFrame.mod", |d| made(d, col("i").modulo(3))),
    ("DataFrame.pow", |d| made(d, col("i").pow(2))),
    ("DataFrame.eq", |d| made(d, col("i").eq(3))),
    ("DataFrame.ne", |d| made(d, col("i").neq(3))),
    ("DataFrame.lt", |d| made(d, col("i").lt(3))),
    ("DataFrame.le", |d| made(d, col("i").le(3))),
    ("DataFrame.gt", |d| made(d, col("i").gt(3))),
    ("DataFrame.ge", |d| made(d, col("i").ge(3))),
    ("DataFrame.apply", |d| made(d, col("i").map(|i: i64| i * 10))),
    ("DataFrame.map", |d| made(d, col("i").map(|i: i64| i * 10))),
    ("DataFrame.rolling", |d| made(d, col("f").rolling(3).min_periods(1).sum())),
    ("DataFrame.resample", |d| d.resample("1h", "u").sum("i").into()),
    ("DataFrame.mode", |d| d.col("k").mode().into()),
    ("Series.between", |d| d.col("i").between(1, 4).into()),
    ("Series.case_when", |d| {
        made(
            d,
            when(col("i").gt(3)).then("big").when(col("i").lt(0)).then("neg").otherwise("small"),
        )
    }),
    ("Series.to_frame", |d| d.col("i").to_frame().into()),
    ("Series.unique", |d| d.col("k").unique().into()),
    ("Series.value_counts", |d| d.col("i").value_counts().into()),
    ("Series.dt", |d| d.col("t").dt().year().into()),
    ("Series.str", |d| d.col("s").str().upper().into()),
    ("Series.pct_change", |d| d.col("i").pct_change(1).into()),
    ("Series.rank", |d| d.col("f").rank().into()),
    ("Series.cut", |d| d.col("i").cut([0.0, 3.0, 10.0]).into()),
    ("functions.concat", |d| concat([&d.select(IF), &right().select(["w", "f"])]).into()),
    ("functions.get_dummies", |d| d.select(["i", "k"]).get_dummies("k").into()),
    ("functions.isna", |d| d.select("f").isna().into()),
    ("functions.melt", |d| d.melt("k", IF).into()),
    ("functions.merge", |d| {
        Merge::new()
            .how(Join::Outer)
            .on("k")
            .indicator(true)
            .join(&d.select(["k", "i"]), &right())
            .into()
    }),
    ("functions.merge_asof", |d| d.select(["u", "i"]).merge_asof(&times(), "u", &[]).into()),
    ("functions.pivot_table", |d| {
        d.with_column("g", col("b")).pivot_table("g", "k", "f", Agg::Mean).into()
    }),
    ("functions.to_datetime", |d| {
        made(d, col("t").dt().strftime("%d/%m/%Y").to_datetime("%d/%m/%Y"))
    }),
    ("functions.to_numeric", |d| d.col("s").to_numeric_or_null().into()),
    ("GroupBy.sum", |d| d.groupby("k").sum(IF).into()),
    ("GroupBy.mean", |d| d.groupby("k").mean(IF).into()),
    ("GroupBy.count", |d| d.groupby("k").count(IF).into()),
    ("GroupBy.min", |d| d.groupby("k").min(IF).into()),
    ("GroupBy.max", |d| d.groupby("k").max(IF).into()),
    ("GroupBy.std", |d| d.groupby("k").std(IF).into()),
    ("GroupBy.var", |d| d.groupby("k").var(IF).into()),
    ("GroupBy.median", |d| d.groupby("k").median(IF).into()),
    ("GroupBy.first", |d| d.groupby("k").first(IF).into()),
    ("GroupBy.last", |d| d.groupby("k").last(IF).into()),
    ("GroupBy.prod", |d| d.groupby("k").prod(IF).into()),
    ("GroupBy.size", |d| d.groupby("k").size().into()),
    ("GroupBy.agg", |d| d.groupby("k").agg([("total", "i", "sum"), ("top", "f", "max")]).into()),
    ("GroupBy.aggregate", |d| {
        d.groupby("k").agg([("total", "i", Agg::Sum), ("top", "f", Agg::Max)]).into()
    }),
    ("GroupBy.cumsum", |d| d.groupby("k").cumsum("i").select("i").into()),
    ("GroupBy.cumprod", |d| d.groupby("k").cumprod("i").select("i").into()),
    ("GroupBy.cumcount", |d| d.dropna_in("k").groupby("k").cumcount("i").select("i").into()),
    ("GroupBy.ffill", |d| d.groupby("k").ffill("f").select("f").into()),
    ("GroupBy.bfill", |d| d.groupby("k").bfill("f").select("f").into()),
    ("GroupBy.shift", |d| d.groupby("k").shift("i", 1).select("i").into()),
    ("GroupBy.head", |d| d.groupby("k").head(2).select(["k", "i"]).into()),
    ("GroupBy.tail", |d| d.groupby("k").tail(2).select(["k", "i"]).into()),
    ("GroupBy.get_group", |d| d.groupby("k").get_group("a").select(["k", "i"]).into()),
    ("GroupBy.transform", |d| d.groupby("k").transform("f", "mean").select("f").into()),
    ("GroupBy.idxmax", |d| d.groupby("k").idxmax("i").into()),
    ("GroupBy.idxmin", |d| d.groupby("k").idxmin("i").into()),
    ("GroupBy.rolling", |d| made(&d.dropna_in("k"), col("i").rolling(2).sum().over("k"))),
    ("SeriesGroupBy.nunique", |d| d.groupby("k").nunique("i").into()),
    ("SeriesGroupBy.value_counts", |d| d.groupby("k").value_counts("b").into()),
    ("SeriesGroupBy.unique", |d| {
        d.select(["k", "b"]).dropna_in("k").drop_duplicates().sort_values("k").into()
    }),
    ("str.capitalize", |d| made(d, col("s").str().capitalize())),
    ("str.casefold", |d| made(d, col("s").str().casefold())),
    ("str.isalnum", |d| made(d, col("s").str().isalnum())),
    ("str.isalpha", |d| made(d, col("s").str().isalpha())),
    ("str.isdecimal", |d| made(d, col("s").str().isdecimal())),
    ("str.isdigit", |d| made(d, col("s").str().isdigit())),
    ("str.islower", |d| made(d, col("s").str().islower())),
    ("str.isnumeric", |d| made(d, col("s").str().isnumeric())),
    ("str.isspace", |d| made(d, col("s").str().isspace())),
    ("str.istitle", |d| made(d, col("s").str().istitle())),
    ("str.isupper", |d| made(d, col("s").str().isupper())),
    ("str.len", |d| made(d, col("s").str().len())),
    ("str.lower", |d| made(d, col("s").str().lower())),
    ("str.lstrip", |d| made(d, col("s").str().lstrip())),
    ("str.rstrip", |d| made(d, col("s").str().rstrip())),
    ("str.strip", |d| made(d, col("s").str().strip())),
    ("str.swapcase", |d| made(d, col("s").str().swapcase())),
    ("str.title", |d| made(d, col("s").str().title())),
    ("str.upper", |d| made(d, col("s").str().upper())),
    ("str.center", |d| made(d, col("s").str().center(9, '*'))),
    ("str.ljust", |d| made(d, col("s").str().ljust(9, '*'))),
    ("str.rjust", |d| made(d, col("s").str().rjust(9, '*'))),
    ("str.pad", |d| made(d, col("s").str().pad(9, '*'))),
    ("str.zfill", |d| made(d, col("s").str().zfill(5))),
    ("str.contains", |d| made(d, col("s").str().contains("b.?c"))),
    ("str.count", |d| made(d, col("s").str().count("[ab]"))),
    ("str.endswith", |d| made(d, col("s").str().endswith("c"))),
    ("str.startswith", |d| made(d, col("s").str().startswith("A"))),
    ("str.extract", |d| made(d, col("s").str().extract("([a-z])(.)", 2))),
    ("str.find", |d| made(d, col("s").str().find("b"))),
    ("str.rfind", |d| made(d, col("s").str().rfind("b"))),
    ("str.findall", |d| made(d, col("s").str().findall("[a-z]+"))),
    ("str.fullmatch", |d| made(d, col("s").str().fullmatch("[a-z]+ [a-z]+"))),
    ("str.match", |d| made(d, col("s").str().match_("[A-Z]"))),
    ("str.get", |d| made(d, col("s").str().get(1))),
    ("str.join", |d| made(d, col("s").str().join("-"))),
    ("str.partition", |d| made(d, col("s").str().partition("b"))),
    ("str.rpartition", |d| made(d, col("s").str().rpartition("b"))),
    ("str.removeprefix", |d| made(d, col("s").str().removeprefix("Ab"))),
    ("str.removesuffix", |d| made(d, col("s").str().removesuffix("c"))),
    ("str.repeat", |d| made(d, col("s").str().repeat(2))),
    ("str.replace", |d| made(d, col("s").str().replace("b", "BB"))),
    ("str.slice", |d| made(d, col("s").str().slice(1, -1))),
    ("str.slice_replace", |d| made(d, col("s").str().slice_replace(1, 3, "__"))),
    ("str.split", |d| made(d, col("s").str().split("b"))),
    ("str.rsplit", |d| made(d, col("s").str().rsplit("b", 1))),
    ("str.translate", |d| made(d, col("s").str().translate("ab", "xy"))),
    ("dt.year", |d| made(d, col("t").dt().year())),
    ("dt.month", |d| made(d, col("t").dt().month())),
    ("dt.day", |d| made(d, col("t").dt().day())),
    ("dt.hour", |d| made(d, col("t").dt().hour())),
    ("dt.minute", |d| made(d, col("t").dt().minute())),
    ("dt.second", |d| made(d, col("t").dt().second())),
    ("dt.microsecond", |d| made(d, col("t").dt().microsecond())),
    ("dt.nanosecond", |d| made(d, col("t").dt().nanosecond())),
    ("dt.dayofweek", |d| made(d, col("t").dt().dayofweek())),
    ("dt.day_of_week", |d| made(d, col("t").dt().dayofweek())),
    ("dt.weekday", |d| made(d, col("t").dt().dayofweek())),
    ("dt.dayofyear", |d| made(d, col("t").dt().dayofyear())),
    ("dt.day_of_year", |d| made(d, col("t").dt().dayofyear())),
    ("dt.quarter", |d| made(d, col("t").dt().quarter())),
    ("dt.is_leap_year", |d| made(d, col("t").dt().is_leap_year())),
    ("dt.is_month_end", |d| made(d, col("t").dt().is_month_end())),
    ("dt.is_month_start", |d| made(d, col("t").dt().is_month_start())),
    ("dt.is_quarter_end", |d| made(d, col("t").dt().is_quarter_end())),
    ("dt.is_quarter_start", |d| made(d, col("t").dt().is_quarter_start())),
    ("dt.is_year_end", |d| made(d, col("t").dt().is_year_end())),
    ("dt.is_year_start", |d| made(d, col("t").dt().is_year_start())),
    ("dt.days_in_month", |d| made(d, col("t").dt().days_in_month())),
    ("dt.daysinmonth", |d| made(d, col("t").dt().days_in_month())),
    ("dt.date", |d| made(d, col("t").dt().date())),
    ("dt.normalize", |d| made(d, col("t").dt().normalize())),
    ("dt.day_name", |d| made(d, col("t").dt().day_name())),
    ("dt.month_name", |d| made(d, col("t").dt().month_name())),
    ("dt.isocalendar", |d| made(d, col("t").dt().week())),
    ("dt.ceil", |d| made(d, col("t").dt().ceil("15min"))),
    ("dt.floor", |d| made(d, col("t").dt().floor("h"))),
    ("dt.round", |d| made(d, col("t").dt().round("D"))),
    ("dt.strftime", |d| made(d, col("t").dt().strftime("%d/%m/%y %H:%M:%S %j %a %b"))),
    ("dt.tz_localize", |d| {
        made(d, col("t").dt().tz_localize("Asia/Jakarta").dt().strftime("%Y-%m-%d %H:%M:%S%z"))
    }),
    ("dt.tz_convert", |d| {
        made(
            d,
            col("t")
                .dt()
                .tz_localize("UTC")
                .dt()
                .tz_convert("Asia/Jakarta")
                .dt()
                .strftime("%Y-%m-%d %H:%M:%S%z"),
        )
    }),
    ("dt.total_seconds", |d| made(d, col("t").diff(1).dt().total_seconds())),
    ("dt.days", |d| made(d, col("t").diff(1).dt().days())),
    ("dt.seconds", |d| made(d, col("t").diff(1).dt().seconds())),
    ("dt.microseconds", |d| made(d, col("t").diff(1).dt().microseconds())),
    ("dt.nanoseconds", |d| made(d, col("t").diff(1).dt().nanoseconds())),
    ("Rolling.sum", |d| made(d, col("f").rolling(4).min_periods(2).sum())),
    ("Rolling.mean", |d| made(d, col("f").rolling(4).min_periods(2).mean())),
    ("Rolling.min", |d| made(d, col("f").rolling(4).min_periods(2).min())),
    ("Rolling.max", |d| made(d, col("f").rolling(4).min_periods(2).max())),
    ("Rolling.std", |d| made(d, col("f").rolling(4).min_periods(2).std())),
    ("Rolling.var", |d| made(d, col("f").rolling(4).min_periods(2).var())),
    ("Rolling.median", |d| made(d, col("f").rolling(4).min_periods(2).median())),
    ("Rolling.skew", |d| made(d, col("f").rolling(4).min_periods(2).skew())),
    ("Rolling.kurt", |d| made(d, col("f").rolling(4).min_periods(2).kurt())),
    ("Rolling.count", |d| made(d, col("f").rolling(4).min_periods(1).count())),
    ("Rolling.quantile", |d| made(d, col("f").rolling(4).min_periods(2).quantile(0.3))),
    ("Rolling.apply", |d| {
        made(
            d,
            col("f").rolling(4).min_periods(2).apply(|w| {
                w.iter().copied().fold(f64::MIN, f64::max)
                    - w.iter().copied().fold(f64::MAX, f64::min)
            }),
        )
    }),
    ("Rolling.center", |d| made(d, col("i").rolling(3).center(true).max())),
    ("Rolling.rows", |d| made(d, col("i").rolling(3).mean())),
    ("Rolling.time", |d| made(d, col("i").rolling("2h").on("u").sum())),
    ("Resampler.sum", |d| d.resample("1h", "u").sum("f").into()),
    ("Resampler.mean", |d| d.resample("1h", "u").mean("f").into()),
    ("Resampler.count", |d| d.resample("1h", "u").count("f").into()),
    ("Resampler.min", |d| d.resample("1h", "u").min("f").into()),
    ("Resampler.max", |d| d.resample("1h", "u").max("f").into()),
    ("Resampler.std", |d| d.resample("1h", "u").std("f").into()),
    ("Resampler.var", |d| d.resample("1h", "u").var("f").into()),
    ("Resampler.sem", |d| d.resample("1h", "u").sem("f").into()),
    ("Resampler.median", |d| d.resample("1h", "u").median("f").into()),
    ("Resampler.nunique", |d| d.resample("1h", "u").nunique("f").into()),
    ("Resampler.first", |d| d.resample("1h", "u").first("f").into()),
    ("Resampler.last", |d| d.resample("1h", "u").last("f").into()),
    ("Resampler.prod", |d| d.resample("1h", "u").prod("f").into()),
    ("Resampler.ohlc", |d| d.resample("1h", "u").ohlc("f").into()),
    ("Resampler.size", |d| d.resample("1h", "u").size().into()),
    ("Resampler.quantile", |d| d.resample("1h", "u").quantile("f", 0.3).into()),
    ("Resampler.agg", |d| {
        d.resample("1h", "u").agg([("sum", "f", "sum"), ("max", "f", "max")]).into()
    }),
    ("cat.codes", |d| d.categorize("k").col("k").cat().codes().into()),
    ("cat.categories", |d| {
        d.categorize("k")
            .col("k")
            .cat()
            .categories()
            .unwrap()
            .into_iter()
            .map(Value::from)
            .collect::<Vec<_>>()
            .into()
    }),
    ("cat.ordered", |d| {
        vec![Value::from(d.categorize("k").col("k").cat().as_ordered().cat().ordered().unwrap())]
            .into()
    }),
    ("cat.as_ordered", |d| code(&d.categorize("k").col("k").cat().as_ordered())),
    ("cat.as_unordered", |d| {
        code(&d.categorize("k").col("k").cat().as_ordered().cat().as_unordered())
    }),
    ("cat.add_categories", |d| code(&d.categorize("k").col("k").cat().add_categories(["aa"]))),
    ("cat.remove_categories", |d| code(&d.categorize("k").col("k").cat().remove_categories(["a"]))),
    ("cat.rename_categories", |d| {
        d.categorize("k").col("k").cat().rename_categories([("a", "A"), ("c", "C")]).into()
    }),
    ("cat.reorder_categories", |d| {
        code(&d.categorize("k").col("k").cat().reorder_categories(["c", "a", "b"]))
    }),
    ("cat.set_categories", |d| {
        code(&d.categorize("k").col("k").cat().set_categories(["b", "z", "a"]))
    }),
    ("cat.remove_unused_categories", |d| {
        let kinds = d
            .filter(col("i").gt(4))
            .categorize("k")
            .col("k")
            .cat()
            .add_categories(["z"])
            .cat()
            .remove_unused_categories();
        kinds.cat().categories().unwrap().into_iter().map(Value::from).collect::<Vec<_>>().into()
    }),
    ("Series.cat", |d| d.categorize("k").col("k").cat().codes().into()),
    ("Series.autocorr", |d| d.col("f").autocorr(1).into()),
    ("Series.is_monotonic_increasing", |d| d.col("u").is_monotonic_increasing().into()),
    ("Series.is_monotonic_decreasing", |d| d.col("i").is_monotonic_decreasing().into()),
    ("DataFrame.rfloordiv", |d| made(d, lit(20).floordiv(col("i")))),
    ("DataFrame.rmod", |d| made(d, lit(20).modulo(col("i")))),
    ("DataFrame.rpow", |d| made(d, lit(2).pow(col("f")))),
    ("str.cat", |d| made(d, col("s").str().cat("k", "-"))),
    ("str.extractall", |d| made(d, col("s").str().extractall("[a-z](.)", 1))),
    ("dt.components", |d| made(d, col("t").diff(1).dt().days())),
];

#[test]
fn names_give_what_pandas_gives() {
    let answers: serde_json::Map<String, Value> =
        serde_json::from_str(include_str!("pandas.json")).unwrap();
    let whole = source().compute().unwrap();
    let (mut wrong, mut seen) = (Vec::new(), std::collections::HashSet::new());
    for (name, make) in CASES {
        seen.insert(*name);
        let Some(answer) = answers.get(*name) else {
            wrong.push(format!("{name}: pandas_answers.py has no such name"));
            continue;
        };
        for (rows, key, parts) in
            [(12, "rows", &[1usize, 2, 3, 10, 12][..]), (0, "none", &[1, 3][..])]
        {
            let want = &answer[key];
            for parts in parts {
                let got = make(&split(&whole.head(rows), *parts)).columns();
                let Some(columns) = want["columns"].as_array() else {
                    // What pandas refuses has no right answer; it must only not panic.
                    continue;
                };
                let columns: Vec<Vec<Value>> =
                    columns.iter().map(|c| c.as_array().unwrap().clone()).collect();
                let fits = match &got {
                    Ok((_, found)) => {
                        found.len() == columns.len()
                            && found.iter().zip(&columns).all(|(a, b)| {
                                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
                            })
                    }
                    Err(_) => false,
                };
                if !fits {
                    let shown = got.map_or_else(
                        |e| e.to_string(),
                        |(_, c)| serde_json::to_string(&c).unwrap(),
                    );
                    wrong.push(format!(
                        "{name} of {rows} rows in {parts}:\n    got  {shown}\n    want {}",
                        serde_json::to_string(&columns).unwrap()
                    ));
                    break;
                }
            }
        }
    }
    wrong.extend(
        answers.keys().filter(|n| !seen.contains(n.as_str())).map(|n| format!("{n}: no case")),
    );
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

/// The names that a case tries.
pub(super) fn tried() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}
