"""Writes NumPy's results for the names of the coverage page of arrays: runtime/src/array/numpy.json.

Usage: numpy_answers.py (with an interpreter that has NumPy 2 and SciPy). The results are stored with the code, so that tests do not need them.
Each result is a list of arrays, each with its shape and its elements as floats (complex ones as pairs); NaN and infinities are text.
"""
import json, math, os
import numpy as np
import scipy.stats as st
from numpy import linalg, fft

HERE = os.path.dirname(os.path.abspath(__file__))
# The same arrays as in runtime/src/array/numpy_tests.rs, of numbers that both compute alike.
N = np.arange(120)
X = ((N * 7919 % 1013 - 506) / 8.0).reshape(12, 10)                      # signed floats
P = (N * 7919 % 1013 / 1013.0 + 0.125).reshape(12, 10)                   # positive floats
U = (N * 4801 % 997 / 997.0).reshape(12, 10)                             # from 0 to 1
M = np.where(N.reshape(12, 10) % 7 == 3, np.nan, X)                      # with NaN
K = (N * 37 % 23 - 5).reshape(12, 10)                                    # small integers
B = (N * 37 % 23 > 11).reshape(12, 10)                                   # booleans
Z = (X + 1j * P)                                                         # complex numbers
L = K[0] + 0.0                                                           # a list
S = np.sort(X.ravel())[::5].copy()                                       # a sorted list
A = P[:10, :10] + np.eye(10) * 10                                        # a well-conditioned matrix
H = A @ A.T                                                              # a positive definite one
C = {}


def add(**cases):
    C.update(cases)


one = lambda f, *names: [C.__setitem__(n, (lambda n=n: f(n))) for n in names]
# Functions of each element.
one(lambda n: getattr(np, n)(X), "abs", "absolute", "negative", "sign", "square", "floor", "ceil", "trunc", "rint", "exp2", "degrees", "radians", "deg2rad",
    "rad2deg", "fabs", "positive", "sinc", "spacing", "signbit", "arctan", "sin", "cos", "tan", "tanh", "arcsinh", "cbrt", "isnan", "isfinite", "isinf", "isposinf",
    "isneginf", "logical_not", "reciprocal")
one(lambda n: getattr(np, n)(P), "exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sinh", "cosh", "i0")
one(lambda n: getattr(np, n)(U), "arcsin", "arccos")
one(lambda n: getattr(np, n)(Z), "conj", "real", "imag", "angle", "iscomplex", "isreal")
add(arccosh=lambda: np.arccosh(P + 1), arctanh=lambda: np.arctanh(U * 0.9), invert=lambda: np.invert(K), bitwise_not=lambda: np.bitwise_not(K),
    round=lambda: np.round(X, 1), around=lambda: np.around(X, -1), clip=lambda: np.clip(X, -5, 5), nan_to_num=lambda: np.nan_to_num(M),
    modf=lambda: np.modf(X), frexp=lambda: np.frexp(X), isnull=lambda: np.isnan(M), notnull=lambda: ~np.isnan(M))
# Functions of two arrays.
one(lambda n: getattr(np, n)(X, P), "add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "mod", "remainder", "fmod", "maximum", "minimum", "fmax",
    "fmin", "arctan2", "hypot", "copysign", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "nextafter", "divmod", "isclose")
one(lambda n: getattr(np, n)(P, U), "power", "float_power", "logaddexp", "logaddexp2")
one(lambda n: getattr(np, n)(B, X > 0), "logical_and", "logical_or", "logical_xor")
one(lambda n: getattr(np, n)(K + 5, K[::-1] + 5), "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")
add(ldexp=lambda: np.ldexp(X, K), allclose=lambda: np.allclose(X, X + 1e-9), where=lambda: np.where(B, X, P))
# Reductions.
one(lambda n: [getattr(np, n)(X), getattr(np, n)(X, axis=0), getattr(np, n)(X, axis=1)], "sum", "mean", "std", "var", "min", "max", "argmin", "argmax", "any", "all", "median",
    "count_nonzero")
one(lambda n: [getattr(np, n)(M), getattr(np, n)(M, axis=0), getattr(np, n)(M, axis=1)], "nansum", "nanmean", "nanstd", "nanvar", "nanmin", "nanmax", "nanargmin",
    "nanargmax", "nanmedian")
one(lambda n: [getattr(np, n)(P), getattr(np, n)(P, axis=0)], "prod")
one(lambda n: [getattr(np, n)(M / 32), getattr(np, n)(M / 32, axis=0)], "nanprod")
one(lambda n: [getattr(np, n)(X, 0), getattr(np, n)(K, 1)], "cumsum")
one(lambda n: [getattr(np, n)(P, 0), getattr(np, n)(P, 1)], "cumprod")
one(lambda n: [getattr(np, n)(M / 32, 0), getattr(np, n)(M / 32, 1)], "nancumsum", "nancumprod")
add(percentile=lambda: [np.percentile(X, 30), np.percentile(X, [25, 50, 99], axis=0)], quantile=lambda: [np.quantile(X, [0.1, 0.5]), np.quantile(X, 0.3, axis=1)],
    nanpercentile=lambda: [np.nanpercentile(M, 30), np.nanpercentile(M, 60, axis=0)], nanquantile=lambda: [np.nanquantile(M, 0.9), np.nanquantile(M, 0.2, axis=1)],
    ptp=lambda: np.ptp(X, 0), average=lambda: np.average(X, weights=P), trace=lambda: np.trace(X), moment=lambda: np.mean((X - X.mean()) ** 3),
    cov=lambda: np.cov(X), corrcoef=lambda: np.corrcoef(X), apply_over_axes=lambda: np.apply_over_axes(np.sum, X, [0, 1]))
# Shapes and places.
add(transpose=lambda: np.transpose(X), reshape=lambda: np.reshape(X, (8, 15)), ravel=lambda: np.ravel(X), squeeze=lambda: np.squeeze(X[:, None]),
    expand_dims=lambda: np.expand_dims(X, 1), broadcast_to=lambda: np.broadcast_to(L, (3, 10)), swapaxes=lambda: np.swapaxes(X, 0, 1),
    moveaxis=lambda: np.moveaxis(X.reshape(3, 4, 10), 0, 2), rollaxis=lambda: np.rollaxis(X.reshape(3, 4, 10), 2), flip=lambda: np.flip(X), flipud=lambda: np.flipud(X),
    fliplr=lambda: np.fliplr(X), rot90=lambda: [np.rot90(X), np.rot90(X, 2), np.rot90(X, 3)], roll=lambda: [np.roll(X, 13), np.roll(X, -3, axis=1)],
    tile=lambda: np.tile(X, (2, 1, 3)), repeat=lambda: np.repeat(X, 3, axis=1),
    pad=lambda: [np.pad(X, 2), np.pad(X, ((1, 0), (2, 3)), mode="edge"), np.pad(X, 13, mode="reflect"), np.pad(X, 13, mode="symmetric"), np.pad(X, 13, mode="wrap")],
    take=lambda: np.take(X, [4, 0, -1, 4], axis=0), diff=lambda: [np.diff(X, axis=0), np.diff(X, n=2, axis=1)], ediff1d=lambda: np.ediff1d(L),
    append=lambda: np.append(X, P, axis=0), delete=lambda: np.delete(X, [1, 3], axis=0), insert=lambda: [np.insert(X, 2, 0.0, axis=0), np.insert(X, 1, P.T[:1], axis=1)],
    concatenate=lambda: np.concatenate([X, P], 1), stack=lambda: np.stack([X, P], 1), hstack=lambda: [np.hstack([X, P]), np.hstack([L, L])],
    vstack=lambda: [np.vstack([X, P]), np.vstack([L, L])], dstack=lambda: np.dstack([X, P]), block=lambda: np.block([[X, P], [P, X]]),
    atleast_1d=lambda: np.atleast_1d(np.float64(3.0)), atleast_2d=lambda: np.atleast_2d(L), atleast_3d=lambda: [np.atleast_3d(X), np.atleast_3d(L)],
    broadcast_arrays=lambda: np.broadcast_arrays(X, L), choose=lambda: np.choose(B.astype(int), [X, P]), select=lambda: np.select([B, X > 0], [X, P], 7.0),
    compress=lambda: np.compress(L > 3, X, axis=1), extract=lambda: np.extract(B, X), nonzero=lambda: np.nonzero(K > 3), argwhere=lambda: np.argwhere(K > 3),
    flatnonzero=lambda: np.flatnonzero(K > 3), unique=lambda: [np.unique(K), np.unique_counts(K)[1]], union1d=lambda: np.union1d(K[0], K[1]),
    isin=lambda: np.isin(K, [1, 5, 9]), searchsorted=lambda: [np.searchsorted(S, X), np.searchsorted(S, X, side="right")],
    digitize=lambda: [np.digitize(X, [-20, 0, 20]), np.digitize(X, [20, 0, -20]), np.digitize(X, [-20, 0, 20], right=True)],
    bincount=lambda: np.bincount((K + 5).ravel(), minlength=30), histogram=lambda: [*np.histogram(X, 7), *np.histogram(X, 5, (-30, 30)), np.histogram(X, [-10, 0, 50])[0]],
    histogram2d=lambda: np.histogram2d(X.ravel(), P.ravel(), (4, 4), [[-64, 64], [-64, 64]])[0],
    histogramdd=lambda: np.histogramdd(X[:, :3], [[-64, 0, 64]] * 3)[0],
    topk=lambda: [-np.sort(-X, 0)[:3], np.sort(X, 1)[:, :2]], argtopk=lambda: [np.argsort(-X, 0, kind="stable")[:3], np.argsort(X, 1, kind="stable")[:, :2]],
    sort=lambda: [np.sort(X, 0), np.sort(X, 1)], argsort=lambda: np.argsort(X, 1, kind="stable"), vindex=lambda: X[[0, 3, 11], [1, 2, 9]],
    diagonal=lambda: [np.diagonal(X), np.diagonal(X, 2), np.diagonal(X, -3)], diag=lambda: [np.diag(L), np.diag(L, 2), np.diag(L, -1), np.diag(X, 1)],
    tril=lambda: np.tril(X, 1), triu=lambda: np.triu(X, -1), tri=lambda: np.tri(3, 5, 1), tril_indices=lambda: np.tril_indices(4, 1, 5), triu_indices=lambda: np.triu_indices(4, 1, 5),
    tril_indices_from=lambda: np.tril_indices_from(X, 1), triu_indices_from=lambda: np.triu_indices_from(X, 1),
    ravel_multi_index=lambda: np.ravel_multi_index(([0, 3], [1, 4]), (4, 5)), unravel_index=lambda: np.unravel_index([1, 19], (4, 5)), indices=lambda: np.indices((2, 3)),
    meshgrid=lambda: np.meshgrid(L[:3], L[:2]), fromfunction=lambda: np.fromfunction(lambda i, j: 10 * i + j, (3, 4)), gradient=lambda: np.gradient(X, 2.0, axis=0),
    coarsen=lambda: X.reshape(4, 3, 5, 2).sum((1, 3)), apply_along_axis=lambda: np.apply_along_axis(lambda l: l[0] * l[-1], 1, X), piecewise=lambda: np.where(X < 0, -X, X * 2))
# Creation.
add(ones=lambda: np.ones((2, 3)), zeros=lambda: np.zeros((2, 3)), full=lambda: np.full((2, 3), 7), arange=lambda: [np.arange(3, 9), np.arange(10, 0, -3), np.arange(0.0, 1.0, 0.25)],
    linspace=lambda: np.linspace(-1, 2, 7), eye=lambda: np.eye(4), ones_like=lambda: np.ones_like(X), zeros_like=lambda: np.zeros_like(X), full_like=lambda: np.full_like(X, 3))
# Linear algebra; what is unique up to a sign is made so.
add(dot=lambda: [X.T @ P, X @ L, L @ L], matmul=lambda: X.reshape(2, 6, 10) @ P.T[:, :4], tensordot=lambda: [np.tensordot(X, P, 2), np.tensordot(X, P, ([1], [1]))],
    einsum=lambda: [np.einsum("ij,kj->ik", X, P), np.einsum("ij->j", X), np.einsum("ij,ij->", X, P), np.einsum("ij,kj,k->i", X, P, P[:, 0])],
    outer=lambda: np.outer(L, L[:3]), vdot=lambda: [np.vdot(X, P), np.vdot(Z, Z * (1 + 2j))])
add(**{"linalg.norm": lambda: [linalg.norm(X), linalg.norm(X, 1), linalg.norm(X, np.inf), linalg.norm(X, 2), linalg.norm(X, "nuc"), linalg.norm(X, axis=0), linalg.norm(L, 3)],
       "linalg.inv": lambda: linalg.inv(A), "linalg.solve": lambda: [linalg.solve(A, L), linalg.solve(A, X.T)], "linalg.cholesky": lambda: linalg.cholesky(H),
       "linalg.lstsq": lambda: linalg.lstsq(X, P[:, 0])[0], "linalg.solve_triangular": lambda: linalg.solve(np.tril(A), L), "linalg.det": lambda: linalg.det(A),
       "linalg.eigh": lambda: linalg.eigh(H)[0], "linalg.svdvals": lambda: linalg.svd(X, compute_uv=False),
       "linalg.qr": lambda: abs(linalg.qr(X)[1]), "linalg.svd": lambda: linalg.svd(X)[1]})
add(**{f"fft.{n}": (lambda n=n: getattr(fft, n)(X)) for n in ["fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "rfft2", "rfftn", "fftshift", "ifftshift", "ihfft"]})
add(**{f"fft.{n}": (lambda n=n: getattr(fft, n)(Z)) for n in ["irfft", "irfft2", "irfftn", "hfft"]})
add(**{"fft.fftfreq": lambda: [fft.fftfreq(8, 0.5), fft.fftfreq(7, 0.1)], "fft.rfftfreq": lambda: [fft.rfftfreq(8, 0.5), fft.rfftfreq(7, 0.1)], "fft.axis": lambda: fft.fft(X, axis=0)})
test = lambda r: [float(r.statistic), float(r.pvalue)]
x, p = X.ravel(), P.ravel()
add(**{"stats.skew": lambda: st.skew(p), "stats.kurtosis": lambda: st.kurtosis(p), "stats.moment": lambda: st.moment(x, 3), "stats.skewtest": lambda: test(st.skewtest(p)),
       "stats.kurtosistest": lambda: test(st.kurtosistest(p)), "stats.normaltest": lambda: test(st.normaltest(p)), "stats.ttest_1samp": lambda: test(st.ttest_1samp(x, 3.0)),
       "stats.ttest_ind": lambda: [*test(st.ttest_ind(x, p)), *test(st.ttest_ind(x, p, equal_var=False))], "stats.ttest_rel": lambda: test(st.ttest_rel(x, p)),
       "stats.chisquare": lambda: test(st.chisquare(p)), "stats.power_divergence": lambda: test(st.power_divergence(p, p[::-1], lambda_=2 / 3)),
       "stats.f_oneway": lambda: test(st.f_oneway(x, p, x[:50] + 20))})


def told(x):
    x = np.asarray(x)
    if np.iscomplexobj(x):
        x = np.stack([x.real, x.imag], -1)
    number = lambda v: float(v) if math.isfinite(v) else str(float(v))
    return {"shape": list(x.shape), "values": [number(v) for v in x.astype(float).ravel()]}


if __name__ == "__main__":
    found = {}
    for name, f in sorted(C.items()):
        result = f()
        found[name] = [told(r) for r in (result if isinstance(result, (list, tuple)) else [result])]
    with open(os.path.join(HERE, "../runtime/src/array/numpy.json"), "w") as out:
        rows = (f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in found.items())
        out.write("{\n" + ",\n".join(rows) + "\n}\n")
