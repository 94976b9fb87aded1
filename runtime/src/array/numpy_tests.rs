//! NumPy's names with NumPy's values, at several chunkings. `tests/numpy_answers.py` writes the
//! values, for the same arrays.

use super::linalg::{Norm, Triangle};
use super::*;
use crate::delayed::Delayed;
use ndarray::{ArrayD, Axis, arr1};
use std::collections::BTreeMap;

const CUTS: [(i64, i64); 4] = [(12, 10), (5, 4), (12, 3), (1, 1)];

/// A result: its shape, and its elements as floats; complex ones are pairs along a last axis.
type Out = (Vec<usize>, Vec<f64>);

/// The arrays that the names are tried on.
struct In {
    x: Array<f64>,
    p: Array<f64>,
    u: Array<f64>,
    m: Array<f64>,
    k: Array<i64>,
    b: Array<bool>,
    z: Array<Complex64>,
    l: Array<f64>,
    s: Array<f64>,
    a: Array<f64>,
    h: Array<f64>,
}

fn matrix<T: ArrayElement>(f: impl Fn(i64) -> T, cut: (i64, i64)) -> Array<T> {
    let list: Vec<T> = (0..120).map(f).collect();
    from_array(ndarray::Array2::from_shape_vec((12, 10), list).unwrap(), cut)
}

fn given(cut: (i64, i64)) -> In {
    let float = |n: i64| (n * 7919 % 1013 - 506) as f64 / 8.0;
    let k = matrix(|n| n * 37 % 23 - 5, cut);
    let x = matrix(float, cut);
    let p = matrix(|n| (n * 7919 % 1013) as f64 / 1013.0 + 0.125, cut);
    let mut sorted: Vec<f64> = (0..120).map(float).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let s: Vec<f64> = sorted.into_iter().step_by(5).collect();
    let a = p.slice(ndarray::s![..10, ..]) + eye(10) * 10;
    In {
        u: matrix(|n| (n * 4801 % 997) as f64 / 997.0, cut),
        m: matrix(|n| if n % 7 == 3 { f64::NAN } else { float(n) }, cut),
        b: matrix(|n| n * 37 % 23 > 11, cut),
        z: matrix(|n| Complex64::new(float(n), (n * 7919 % 1013) as f64 / 1013.0 + 0.125), cut),
        l: k.slice(ndarray::s![0, ..]).astype(),
        s: from_array(ndarray::Array1::from_vec(s), cut.1),
        h: a.dot(&a.t()),
        a,
        k,
        x,
        p,
    }
}

/// What a call returns, as lists of floats.
trait Flat {
    fn flat(&self) -> Vec<Out>;
}

macro_rules! numbers {
    ($($t:ty: $f:expr),*) => {$(
        impl Flat for Array<$t> {
            fn flat(&self) -> Vec<Out> {
                let found = self.compute().unwrap();
                vec![(found.shape().to_vec(), found.iter().map($f).collect())]
            }
        }
        impl Flat for Delayed<$t> {
            fn flat(&self) -> Vec<Out> {
                vec![(Vec::new(), [self.compute().unwrap()].iter().map($f).collect())]
            }
        }
    )*};
}
numbers!(f64: |x| *x, i64: |x| *x as f64, bool: |x| f64::from(u8::from(*x)));

impl Flat for Array<Complex64> {
    fn flat(&self) -> Vec<Out> {
        let found = self.compute().unwrap();
        let mut shape = found.shape().to_vec();
        shape.push(2);
        vec![(shape, found.iter().flat_map(|x| [x.re, x.im]).collect())]
    }
}

impl Flat for Delayed<Complex64> {
    fn flat(&self) -> Vec<Out> {
        let found = self.compute().unwrap();
        vec![(vec![2], vec![found.re, found.im])]
    }
}

impl Flat for Delayed<stats::Test> {
    fn flat(&self) -> Vec<Out> {
        let found = self.compute().unwrap();
        vec![(Vec::new(), vec![found.statistic]), (Vec::new(), vec![found.pvalue])]
    }
}

impl<T: Flat> Flat for Vec<T> {
    fn flat(&self) -> Vec<Out> {
        self.iter().flat_map(Flat::flat).collect()
    }
}

macro_rules! tuples {
    ($(($($t:ident $i:tt),*))*) => {$(
        impl<$($t: Flat),*> Flat for ($($t,)*) {
            fn flat(&self) -> Vec<Out> {
                let mut all = Vec::new();
                $(all.extend(self.$i.flat());)*
                all
            }
        }
    )*};
}
tuples! { (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5) (A 0, B 1, C 2, D 3, E 4, F 5, G 6) }

type Case = (&'static str, fn(&In) -> Vec<Out>);

macro_rules! cases {
    ($name:ident: $($key:literal => |$i:ident| $call:expr;)*) => {
        const $name: &[Case] = &[$(($key, |$i: &In| ($call).flat())),*];
    };
}

cases! { ELEMENTS:
    "abs" => |i| i.x.abs(); "absolute" => |i| i.x.abs(); "fabs" => |i| i.x.abs(); "negative" => |i| -&i.x; "sign" => |i| i.x.sign();
    "square" => |i| i.x.square(); "floor" => |i| i.x.floor(); "ceil" => |i| i.x.ceil(); "trunc" => |i| i.x.trunc(); "rint" => |i| i.x.rint();
    "exp2" => |i| i.x.exp2(); "degrees" => |i| i.x.degrees(); "radians" => |i| i.x.radians(); "deg2rad" => |i| i.x.radians();
    "rad2deg" => |i| i.x.degrees(); "positive" => |i| i.x.clone(); "sinc" => |i| i.x.sinc(); "spacing" => |i| i.x.spacing();
    "signbit" => |i| i.x.signbit(); "arctan" => |i| i.x.arctan(); "sin" => |i| i.x.sin(); "cos" => |i| i.x.cos(); "tan" => |i| i.x.tan();
    "tanh" => |i| i.x.tanh(); "arcsinh" => |i| i.x.arcsinh(); "cbrt" => |i| i.x.cbrt(); "isnan" => |i| i.x.isnan();
    "isfinite" => |i| i.x.isfinite(); "isinf" => |i| i.x.isinf(); "isposinf" => |i| i.x.isposinf(); "isneginf" => |i| i.x.isneginf();
    "logical_not" => |i| i.x.logical_not(); "reciprocal" => |i| i.x.reciprocal(); "exp" => |i| i.p.exp(); "expm1" => |i| i.p.expm1();
    "log" => |i| i.p.log(); "log2" => |i| i.p.log2(); "log10" => |i| i.p.log10(); "log1p" => |i| i.p.log1p(); "sqrt" => |i| i.p.sqrt();
    "sinh" => |i| i.p.sinh(); "cosh" => |i| i.p.cosh(); "i0" => |i| i.p.i0(); "arcsin" => |i| i.u.arcsin(); "arccos" => |i| i.u.arccos();
    "conj" => |i| i.z.conj(); "real" => |i| i.z.real(); "imag" => |i| i.z.imag(); "angle" => |i| i.z.angle();
    "iscomplex" => |i| i.z.iscomplex(); "isreal" => |i| i.z.isreal(); "arccosh" => |i| (&i.p + 1).arccosh();
    "arctanh" => |i| (&i.u * 0.9).arctanh(); "invert" => |i| !&i.k; "bitwise_not" => |i| !&i.k; "round" => |i| i.x.round(1);
    "around" => |i| i.x.round(-1); "clip" => |i| i.x.clip(-5, 5); "nan_to_num" => |i| i.m.nan_to_num(); "modf" => |i| i.x.modf();
    "frexp" => |i| i.x.frexp(); "isnull" => |i| i.m.isnan(); "notnull" => |i| i.m.notnull();
    "add" => |i| &i.x + &i.p; "subtract" => |i| &i.x - &i.p; "multiply" => |i| &i.x * &i.p; "divide" => |i| &i.x / &i.p;
    "true_divide" => |i| &i.x / &i.p; "floor_divide" => |i| i.x.floor_divide(&i.p); "mod" => |i| i.x.remainder(&i.p);
    "remainder" => |i| i.x.remainder(&i.p); "fmod" => |i| i.x.fmod(&i.p); "maximum" => |i| i.x.maximum(&i.p);
    "minimum" => |i| i.x.minimum(&i.p); "fmax" => |i| i.x.fmax(&i.p); "fmin" => |i| i.x.fmin(&i.p); "arctan2" => |i| i.x.arctan2(&i.p);
    "hypot" => |i| i.x.hypot(&i.p); "copysign" => |i| i.x.copysign(&i.p); "equal" => |i| i.x.eq(&i.p); "not_equal" => |i| i.x.ne(&i.p);
    "less" => |i| i.x.lt(&i.p); "less_equal" => |i| i.x.le(&i.p); "greater" => |i| i.x.gt(&i.p); "greater_equal" => |i| i.x.ge(&i.p);
    "nextafter" => |i| i.x.nextafter(&i.p); "divmod" => |i| i.x.divmod(&i.p); "isclose" => |i| i.x.isclose(&i.p);
    "power" => |i| i.p.power(&i.u); "float_power" => |i| i.p.float_power(&i.u); "logaddexp" => |i| i.p.logaddexp(&i.u);
    "logaddexp2" => |i| i.p.logaddexp2(&i.u); "logical_and" => |i| i.b.logical_and(&i.x.gt(0)); "logical_or" => |i| i.b.logical_or(&i.x.gt(0));
    "logical_xor" => |i| i.b.logical_xor(&i.x.gt(0)); "bitwise_and" => |i| (&i.k + 5) & (i.k.flip_axis(0) + 5);
    "bitwise_or" => |i| (&i.k + 5) | (i.k.flip_axis(0) + 5); "bitwise_xor" => |i| (&i.k + 5) ^ (i.k.flip_axis(0) + 5);
    "left_shift" => |i| (&i.k + 5).left_shift(&(i.k.flip_axis(0) + 5)); "right_shift" => |i| (&i.k + 5).right_shift(&(i.k.flip_axis(0) + 5));
    "ldexp" => |i| i.x.ldexp(&i.k); "allclose" => |i| i.x.allclose(&(&i.x + 1e-9)); "where" => |i| where_(&i.b, &i.x, &i.p);
}

cases! { REDUCTIONS:
    "sum" => |i| (i.x.sum(), i.x.sum_axis(0), i.x.sum_axis(1)); "mean" => |i| (i.x.mean(), i.x.mean_axis(0), i.x.mean_axis(1));
    "std" => |i| (i.x.std(), i.x.std_axis(0), i.x.std_axis(1)); "var" => |i| (i.x.var(), i.x.var_axis(0), i.x.var_axis(1));
    "min" => |i| (i.x.min(), i.x.min_axis(0), i.x.min_axis(1)); "max" => |i| (i.x.max(), i.x.max_axis(0), i.x.max_axis(1));
    "argmin" => |i| (i.x.argmin(), i.x.argmin_axis(0), i.x.argmin_axis(1)); "argmax" => |i| (i.x.argmax(), i.x.argmax_axis(0), i.x.argmax_axis(1));
    "any" => |i| (i.x.any(), i.x.any_axis(0), i.x.any_axis(1)); "all" => |i| (i.x.all(), i.x.all_axis(0), i.x.all_axis(1));
    "median" => |i| (i.x.median(), i.x.median_axis(0), i.x.median_axis(1));
    "count_nonzero" => |i| (i.x.count_nonzero(), i.x.count_nonzero_axis(0), i.x.count_nonzero_axis(1));
    "nansum" => |i| (i.m.nansum(), i.m.nansum_axis(0), i.m.nansum_axis(1)); "nanmean" => |i| (i.m.nanmean(), i.m.nanmean_axis(0), i.m.nanmean_axis(1));
    "nanstd" => |i| (i.m.nanstd(), i.m.nanstd_axis(0), i.m.nanstd_axis(1)); "nanvar" => |i| (i.m.nanvar(), i.m.nanvar_axis(0), i.m.nanvar_axis(1));
    "nanmin" => |i| (i.m.nanmin(), i.m.nanmin_axis(0), i.m.nanmin_axis(1)); "nanmax" => |i| (i.m.nanmax(), i.m.nanmax_axis(0), i.m.nanmax_axis(1));
    "nanargmin" => |i| (i.m.nanargmin(), i.m.nanargmin_axis(0), i.m.nanargmin_axis(1));
    "nanargmax" => |i| (i.m.nanargmax(), i.m.nanargmax_axis(0), i.m.nanargmax_axis(1));
    "nanmedian" => |i| (i.m.nanmedian(), i.m.nanmedian_axis(0), i.m.nanmedian_axis(1));
    "prod" => |i| (i.p.prod(), i.p.prod_axis(0)); "nanprod" => |i| ((&i.m / 32).nanprod(), (&i.m / 32).nanprod_axis(0));
    "cumsum" => |i| (i.x.cumsum(0), i.k.cumsum(1)); "cumprod" => |i| (i.p.cumprod(0), i.p.cumprod(1));
    "nancumsum" => |i| ((&i.m / 32).nancumsum(0), (&i.m / 32).nancumsum(1)); "nancumprod" => |i| ((&i.m / 32).nancumprod(0), (&i.m / 32).nancumprod(1));
    "percentile" => |i| (i.x.percentile(30), i.x.percentile_axis([25.0, 50.0, 99.0], 0));
    "quantile" => |i| (i.x.quantile([0.1, 0.5]), i.x.quantile_axis(0.3, 1));
    "nanpercentile" => |i| (i.m.nanpercentile(30), i.m.nanpercentile_axis(60, 0)); "nanquantile" => |i| (i.m.nanquantile(0.9), i.m.nanquantile_axis(0.2, 1));
    "ptp" => |i| i.x.ptp(0); "average" => |i| i.x.average(&i.p); "trace" => |i| i.x.trace(); "moment" => |i| stats::moment(&i.x, 3);
    "cov" => |i| i.x.cov(); "corrcoef" => |i| i.x.corrcoef(); "apply_over_axes" => |i| i.x.sum_axis([0, 1]).keepdims([0, 1]);
}

cases! { SHAPES:
    "transpose" => |i| i.x.t(); "reshape" => |i| i.x.reshape((8, 15)); "ravel" => |i| i.x.ravel(); "squeeze" => |i| i.x.expand_dims(1).squeeze();
    "expand_dims" => |i| i.x.expand_dims(1); "broadcast_to" => |i| i.l.broadcast_to((3, 10)); "swapaxes" => |i| i.x.swapaxes(0, 1);
    "moveaxis" => |i| i.x.reshape((3, 4, 10)).moveaxis(0, 2); "rollaxis" => |i| i.x.reshape((3, 4, 10)).moveaxis(2, 0);
    "flip" => |i| i.x.flip(); "flipud" => |i| i.x.flipud(); "fliplr" => |i| i.x.fliplr();
    "rot90" => |i| (i.x.rot90(1), i.x.rot90(2), i.x.rot90(3)); "roll" => |i| (i.x.roll(13), i.x.roll_axis(-3, 1)); "tile" => |i| i.x.tile((2, 1, 3));
    "repeat" => |i| i.x.repeat(3, 1);
    "pad" => |i| (i.x.pad(2, 0.0), i.x.pad_with((1, 0, 2, 3), PadMode::Edge), i.x.pad_with(13, PadMode::Reflect), i.x.pad_with(13, PadMode::Symmetric), i.x.pad_with(13, PadMode::Wrap));
    "take" => |i| i.x.take([4, 0, -1, 4], 0); "diff" => |i| (i.x.diff(1, 0), i.x.diff(2, 1)); "ediff1d" => |i| i.l.ediff1d();
    "append" => |i| i.x.append(&i.p, 0); "delete" => |i| i.x.delete([1, 3], 0);
    "insert" => |i| (i.x.insert(2, 0, 0), i.x.insert(1, i.p.slice(ndarray::s![.., 0..1]), 1));
    "concatenate" => |i| concatenate([&i.x, &i.p], 1); "stack" => |i| stack([&i.x, &i.p], 1); "hstack" => |i| (hstack([&i.x, &i.p]), hstack([&i.l, &i.l]));
    "vstack" => |i| (vstack([&i.x, &i.p]), vstack([&i.l, &i.l])); "dstack" => |i| dstack([&i.x, &i.p]);
    "block" => |i| block(&[vec![&i.x, &i.p], vec![&i.p, &i.x]]); "atleast_1d" => |_i| full((), 3.0).atleast_1d(); "atleast_2d" => |i| i.l.atleast_2d();
    "atleast_3d" => |i| (i.x.atleast_3d(), i.l.atleast_3d()); "broadcast_arrays" => |i| broadcast_arrays([&i.x, &i.l]);
    "choose" => |i| choose(&i.b.astype(), [&i.x, &i.p]); "select" => |i| select(&[&i.b, &i.x.gt(0)], &[&i.x, &i.p], 7.0);
    "compress" => |i| i.x.compress(&i.l.gt(3), 1); "extract" => |i| i.x.filter(&i.b); "nonzero" => |i| i.k.gt(3).nonzero();
    "argwhere" => |i| i.k.gt(3).argwhere(); "flatnonzero" => |i| i.k.gt(3).flatnonzero(); "unique" => |i| (i.k.unique(), i.k.unique_counts().1);
    "union1d" => |i| i.k.slice(ndarray::s![0, ..]).union1d(&i.k.slice(ndarray::s![1, ..])); "isin" => |i| i.k.isin(&from_array(arr1(&[1i64, 5, 9]), 2));
    "searchsorted" => |i| (i.s.searchsorted(&i.x), i.s.searchsorted_right(&i.x));
    "digitize" => |i| (i.x.digitize(&[-20.0, 0.0, 20.0]), i.x.digitize(&[20.0, 0.0, -20.0]), i.x.digitize_right(&[-20.0, 0.0, 20.0]));
    "bincount" => |i| (&i.k + 5).ravel().bincount(30);
    "histogram" => |i| (i.x.histogram(7), i.x.histogram((5, -30.0..30.0)), i.x.histogram([-10.0, 0.0, 50.0]).0);
    "histogram2d" => |i| histogram2d(&i.x.ravel(), &i.p.ravel(), (4, -64.0..64.0)).0;
    "histogramdd" => |i| i.x.slice(ndarray::s![.., ..3]).histogramdd(&[(2, -64.0..64.0), (2, -64.0..64.0), (2, -64.0..64.0)]).0;
    "topk" => |i| (i.x.topk(3, 0), i.x.topk(-2, 1)); "argtopk" => |i| (i.x.argtopk(3, 0), i.x.argtopk(-2, 1)); "sort" => |i| (i.x.sort(0), i.x.sort(1));
    "argsort" => |i| i.x.argsort(1); "vindex" => |i| i.x.vindex(&[vec![0, 3, 11], vec![1, 2, 9]]);
    "diagonal" => |i| (i.x.diagonal(0), i.x.diagonal(2), i.x.diagonal(-3)); "diag" => |i| (diag(&i.l, 0), diag(&i.l, 2), diag(&i.l, -1), diag(&i.x, 1));
    "tril" => |i| i.x.tril(1); "triu" => |i| i.x.triu(-1); "tri" => |_i| tri(3, 5, 1); "tril_indices" => |_i| tril_indices(4, 5, 1);
    "triu_indices" => |_i| triu_indices(4, 5, 1); "tril_indices_from" => |_i| tril_indices(12, 10, 1); "triu_indices_from" => |_i| triu_indices(12, 10, 1);
    "ravel_multi_index" => |_i| ravel_multi_index(&[&from_array(arr1(&[0i64, 3]), 1), &from_array(arr1(&[1i64, 4]), 2)], (4, 5));
    "unravel_index" => |_i| unravel_index(&from_array(arr1(&[1i64, 19]), 1), (4, 5)); "indices" => |_i| indices((2, 3));
    "meshgrid" => |i| meshgrid([&i.l.slice(ndarray::s![..3]), &i.l.slice(ndarray::s![..2])]);
    "fromfunction" => |_i| fromfunction((3, 4), |i: &[usize]| (10 * i[0] + i[1]) as f64); "gradient" => |i| i.x.gradient(2.0, 0);
    "coarsen" => |i| i.x.coarsen(&[(0, 3), (1, 2)], |w: &ArrayD<f64>| w.sum()); "apply_along_axis" => |i| i.x.apply_along_axis(1, |l| l[0] * l[l.len() - 1]);
    "piecewise" => |i| where_(&i.x.lt(0), -&i.x, &i.x * 2);
    "ones" => |_i| ones((2, 3)); "zeros" => |_i| zeros((2, 3)); "full" => |_i| full((2, 3), 7i64); "linspace" => |_i| linspace(-1.0, 2.0, 7);
    "arange" => |_i| (arange(3..9i64), arange_step(10i64, 0, -3), arange_step(0.0, 1.0, 0.25)); "eye" => |_i| eye(4); "ones_like" => |i| ones_like(&i.x);
    "zeros_like" => |i| zeros_like(&i.x); "full_like" => |i| full_like(&i.x, 3.0);
}

cases! { ALGEBRA:
    "dot" => |i| (i.x.t().dot(&i.p), i.x.dot(&i.l), i.l.dot(&i.l)); "matmul" => |i| i.x.reshape((2, 6, 10)).matmul(&i.p.t().slice(ndarray::s![.., ..4]));
    "tensordot" => |i| (i.x.tensordot(&i.p, 2), i.x.tensordot(&i.p, (1, 1)));
    "einsum" => |i| (einsum("ij,kj->ik", [&i.x, &i.p]), einsum("ij->j", [&i.x]), einsum("ij,ij->", [&i.x, &i.p]), einsum("ij,kj,k->i", [&i.x, &i.p, &i.p.slice(ndarray::s![.., 0])]));
    "outer" => |i| i.l.outer(&i.l.slice(ndarray::s![..3])); "vdot" => |i| (i.x.vdot(&i.p), i.z.vdot(&(&i.z * Complex64::new(1.0, 2.0))));
    "linalg.norm" => |i| (linalg::norm(&i.x), linalg::norm_of(&i.x, Norm::P(1.0)), linalg::norm_of(&i.x, Norm::Infinity), linalg::norm_of(&i.x, Norm::P(2.0)), linalg::norm_of(&i.x, Norm::Nuclear), linalg::norm_axis(&i.x, Norm::Frobenius, 0), linalg::norm_of(&i.l, Norm::P(3.0)));
    "linalg.inv" => |i| linalg::inv(&i.a); "linalg.solve" => |i| (linalg::solve(&i.a, &i.l), linalg::solve(&i.a, &i.x.t())); "linalg.cholesky" => |i| linalg::cholesky(&i.h);
    "linalg.lstsq" => |i| linalg::lstsq(&i.x, &i.p.slice(ndarray::s![.., 0])).0; "linalg.solve_triangular" => |i| linalg::solve_triangular(&i.a, &i.l, Triangle::Lower);
    "linalg.det" => |i| linalg::det(&i.a); "linalg.eigh" => |i| linalg::eigh(&i.h).0; "linalg.svdvals" => |i| linalg::svdvals(&i.x); "linalg.qr" => |i| linalg::qr(&i.x).1.abs();
    "linalg.svd" => |i| linalg::svd(&i.x).1; "fft.fft" => |i| fft::fft(&i.x); "fft.ifft" => |i| fft::ifft(&i.x); "fft.fft2" => |i| fft::fft2(&i.x); "fft.ifft2" => |i| fft::ifft2(&i.x);
    "fft.fftn" => |i| fft::fftn(&i.x); "fft.ifftn" => |i| fft::ifftn(&i.x); "fft.rfft" => |i| fft::rfft(&i.x); "fft.rfft2" => |i| fft::rfft2(&i.x); "fft.rfftn" => |i| fft::rfftn(&i.x);
    "fft.fftshift" => |i| fft::fftshift(&i.x); "fft.ifftshift" => |i| fft::ifftshift(&i.x); "fft.irfft" => |i| fft::irfft(&i.z); "fft.irfft2" => |i| fft::irfft2(&i.z);
    "fft.irfftn" => |i| fft::irfftn(&i.z); "fft.hfft" => |i| fft::hfft(&i.z); "fft.ihfft" => |i| fft::ihfft(&i.x); "fft.fftfreq" => |_i| (fft::fftfreq(8, 0.5), fft::fftfreq(7, 0.1));
    "fft.rfftfreq" => |_i| (fft::rfftfreq(8, 0.5), fft::rfftfreq(7, 0.1)); "fft.axis" => |i| fft::fft_axis(&i.x, 0);
    "stats.skew" => |i| stats::skew(&i.p); "stats.kurtosis" => |i| stats::kurtosis(&i.p); "stats.moment" => |i| stats::moment(&i.x, 3); "stats.skewtest" => |i| stats::skewtest(&i.p);
    "stats.kurtosistest" => |i| stats::kurtosistest(&i.p); "stats.normaltest" => |i| stats::normaltest(&i.p); "stats.ttest_1samp" => |i| stats::ttest_1samp(&i.x, 3.0);
    "stats.ttest_ind" => |i| (stats::ttest_ind(&i.x, &i.p), stats::ttest_welch(&i.x, &i.p)); "stats.ttest_rel" => |i| stats::ttest_rel(&i.x, &i.p); "stats.chisquare" => |i| stats::chisquare(&i.p);
    "stats.power_divergence" => |i| stats::power_divergence(&i.p.ravel(), &i.p.ravel().flip(), 2.0 / 3.0);
    "stats.f_oneway" => |i| stats::f_oneway(&[&i.x, &i.p, &(i.x.ravel().slice(ndarray::s![..50]) + 20)]);
}

/// Returns all cases.
fn all() -> impl Iterator<Item = &'static Case> {
    [ELEMENTS, REDUCTIONS, SHAPES, ALGEBRA].into_iter().flatten()
}

/// Returns the names that are tried here.
pub(super) fn tried() -> impl Iterator<Item = &'static str> {
    all().map(|c| c.0)
}

/// Returns NumPy's results.
fn answers() -> BTreeMap<String, Vec<Out>> {
    let all: BTreeMap<String, Vec<serde_json::Value>> =
        serde_json::from_str(include_str!("numpy.json")).unwrap();
    let number = |v: &serde_json::Value| match v.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some(_) => f64::NEG_INFINITY,
        None => v.as_f64().unwrap(),
    };
    let out = |v: &serde_json::Value| {
        let shape = v["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize);
        (shape.collect(), v["values"].as_array().unwrap().iter().map(number).collect())
    };
    all.iter().map(|(name, list)| (name.clone(), list.iter().map(out).collect())).collect()
}

/// Returns what differs between results and NumPy's.
fn difference(found: &[Out], right: &[Out]) -> Option<String> {
    let scale =
        |list: &[f64]| list.iter().filter(|x| x.is_finite()).fold(1.0f64, |m, x| m.max(x.abs()));
    if found.len() != right.len() {
        return Some(format!("{} results, not {}", found.len(), right.len()));
    }
    for (i, (a, b)) in found.iter().zip(right).enumerate() {
        if a.0 != b.0 {
            return Some(format!("result {i} has shape {:?}, not {:?}", a.0, b.0));
        }
        let near = 1e-11 * scale(&b.1);
        let differs = |(x, y): &(&f64, &f64)| {
            !(x == y || (x.is_nan() && y.is_nan()) || (*x - *y).abs() <= near)
        };
        if let Some((x, y)) = a.1.iter().zip(&b.1).find(differs) {
            return Some(format!("result {i} has {x} in place of {y}"));
        }
    }
    None
}

#[test]
fn names_have_the_values_of_numpy() {
    let answers = answers();
    let mut wrong = Vec::new();
    for cut in CUTS {
        let given = given(cut);
        for (name, call) in all() {
            let Some(right) = answers.get(*name) else {
                wrong.push(format!("{name}: numpy_answers.py has no such name"));
                continue;
            };
            if let Some(e) = difference(&call(&given), right) {
                wrong.push(format!("{name} in chunks {cut:?}: {e}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tried: Vec<&str> = tried().collect();
    let untried: Vec<&String> = answers.keys().filter(|n| !tried.contains(&n.as_str())).collect();
    assert!(untried.is_empty(), "numpy_answers.py has names that nothing tries: {untried:?}");
}

#[test]
fn axes_are_as_long_as_functions_say() {
    let x = given((5, 4)).x;
    let found = x.map_lanes(1, 2, |l| arr1(&[l.sum(), l[0]])).compute().unwrap();
    let whole = x.compute().unwrap();
    assert_eq!(found.index_axis(Axis(1), 1), whole.index_axis(Axis(1), 0));
    let e = x.map_lanes(0, 3, |_| arr1(&[1.0])).compute().unwrap_err().to_string();
    assert!(e.contains("returned 1 elements for a lane; expected 3"), "{e}");
}
