"""Writes the results of pandas for the names of the coverage page: runtime/src/frame/pandas.json.

Usage: pandas_answers.py (with an interpreter that has pandas 3). The results are stored with the code, so that tests do not need pandas.
Each name is tested on a frame with missing values, and on the same frame without rows; {"raises": true} if pandas raises an error.
"""
import datetime, json, math, os
import pandas as pd

HERE = os.path.dirname(os.path.abspath(__file__))
T = ["2014-05-13T23:58:30.457", "2014-05-14T00:11:06.457", "2016-02-29T00:00:00", None, "2020-12-31T23:59:59", "2021-01-03T12:00:00", "2018-12-31T00:00:01",
     "1969-12-31T23:59:59.999999", "2024-06-30T06:07:08.123456", "2020-03-31T12:30:00", "2021-07-01T00:00:00", "2021-10-01T11:29:30"]
S = ["Ab c", "  x ", None, "Ärger", "", "123", "abc abc", "Hello World", "UP", "a-b-c", "+42", "Title Case"]


def frame():
    return pd.DataFrame({
        "i": [3, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8],
        "n": pd.array([1, None, 3, 3, 5, None, 7, 8, 9, 1, 11, 12], dtype="Int64"),
        "f": [0.5, 1.25, None, -2.75, 3.5, 2.5, None, 0.125, 9.0, 1.25, -0.5, 2.0],
        "s": pd.Series(S, dtype="str"),
        "b": [True, False, True, True, False, False, True, False, True, True, False, True],
        "t": pd.to_datetime(pd.Series(T), format="ISO8601"),
        "k": pd.Series(["a", "b", "a", None, "b", "c", "a", "b", "c", "a", "b", "a"], dtype="str"),
        "u": pd.to_datetime(pd.Series([f"2021-03-01T{h:02d}:{m:02d}:00" for h, m in [(0, 5), (0, 20), (0, 50), (1, 30), (3, 0), (3, 10), (3, 15), (5, 0), (5, 45), (6, 0), (6, 1), (7, 59)]])),
    })


def right():
    return pd.DataFrame({"k": pd.Series(["a", "c", "d", "a"], dtype="str"), "f": [10.0, 20.0, 30.0, 40.0], "w": [1, 2, 3, 4]})


NUM = ["i", "n", "f"]
C = {}


def case(name):
    def put(f):
        C[name] = f
    return put


def each(prefix, table):
    for name, f in table.items():
        C[f"{prefix}.{name}"] = f


one = lambda s: s.to_frame().T  # the row of a reduction
kept = lambda p, c: p.groupby("k")[c]
each("DataFrame", {
    "abs": lambda p: p[NUM].abs(), "add_prefix": lambda p: p[NUM].add_prefix("x_"), "add_suffix": lambda p: p[NUM].add_suffix("_x"),
    "all": lambda p: one(p[["i", "b"]].all()), "any": lambda p: one(p[["i", "b"]].any()), "assign": lambda p: p[["i"]].assign(j=p.i * 2, h=p.f),
    "astype": lambda p: p[["i"]].astype("float64"), "bfill": lambda p: p[["f", "s"]].bfill(), "ffill": lambda p: p[["f", "s"]].ffill(), "clip": lambda p: p[["i", "f"]].clip(0, 3),
    "columns": lambda p: list(p.columns), "corr": lambda p: p[NUM].astype("float64").corr(), "cov": lambda p: p[NUM].astype("float64").cov(), "count": lambda p: one(p.count()),
    "cummax": lambda p: p[NUM].cummax(), "cummin": lambda p: p[NUM].cummin(), "cumsum": lambda p: p[NUM].cumsum(), "cumprod": lambda p: p[["i", "f"]].cumprod(),
    "describe": lambda p: p[NUM].astype("float64").describe(), "diff": lambda p: p[["i", "f"]].diff(2), "drop": lambda p: p[NUM].drop(columns="n"),
    "drop_duplicates": lambda p: p[["b", "k"]].drop_duplicates(), "dropna": lambda p: p.dropna()[["i", "s"]], "empty": lambda p: p.empty, "eval": lambda p: p[["i"]].assign(e=p.eval("i*2 + i")),
    "explode": lambda p: p[["i", "s"]].assign(s=p.s.str.split(" ")).explode("s"), "fillna": lambda p: p[["f", "n"]].fillna(0), "groupby": lambda p: p.groupby("k")["i"].sum().reset_index(),
    "head": lambda p: p[["i", "k"]].head(5), "tail": lambda p: p[["i", "k"]].tail(5), "idxmax": lambda p: one(p[["i", "f"]].idxmax()), "idxmin": lambda p: one(p[["i", "f"]].idxmin()),
    "isna": lambda p: p[["f", "s"]].isna(), "isnull": lambda p: p[["f", "s"]].isnull(), "notnull": lambda p: p[["f", "s"]].notnull(), "kurt": lambda p: one(p[["i", "f"]].kurt()), "kurtosis": lambda p: one(p[["i", "f"]].kurtosis()),
    "skew": lambda p: one(p[["i", "f"]].skew()), "max": lambda p: one(p[["i", "f", "t"]].max()), "min": lambda p: one(p[["i", "f", "t"]].min()), "mean": lambda p: one(p[["i", "f"]].mean()), "median": lambda p: one(p[["i", "f"]].median()),
    "melt": lambda p: p.melt(id_vars=["k"], value_vars=["i", "f"]), "merge": lambda p: p[["k", "i", "f"]].merge(right(), on="k"), "join": lambda p: p[["k", "i", "f"]].merge(right(), on="k", how="left"),
    "nlargest": lambda p: p[["i", "k"]].nlargest(4, "i"), "nsmallest": lambda p: p[["i", "k"]].nsmallest(4, "i"), "nunique": lambda p: one(p[["i", "n", "s", "k"]].nunique()),
    "pivot_table": lambda p: p.assign(g=p.b).pivot_table(index="g", columns="k", values="i", aggfunc="sum").reset_index(), "prod": lambda p: one(p[["i", "f"]].prod()), "product": lambda p: one(p[["i", "f"]].product()),
    "quantile": lambda p: one(p[["i", "f"]].quantile(.3)), "query": lambda p: p.query("i > 2 and b == True")[["i", "k"]], "rename": lambda p: p[NUM].rename(columns={"n": "m"}), "reset_index": lambda p: p[["i"]].reset_index(),
    "round": lambda p: p[["i", "f"]].round(1), "select_dtypes": lambda p: p.select_dtypes("number"), "sem": lambda p: one(p[["i", "f"]].sem()), "shape": lambda p: list(p.shape), "shift": lambda p: p[["f", "s"]].shift(2),
    "size": lambda p: len(p), "sort_values": lambda p: p[["i", "k", "f"]].sort_values(["k", "i"], kind="stable"), "std": lambda p: one(p[["i", "f"]].std()), "sum": lambda p: one(p[["i", "f"]].sum()), "var": lambda p: one(p[["i", "f"]].var()),
    "pipe": lambda p: p[["i"]].pipe(lambda q: q.assign(j=q.i + 1)), "copy": lambda p: p[["i"]].copy(), "where": lambda p: p[["i"]].where(p.i > 2, -1), "mask": lambda p: p[["i"]].mask(p.i > 2, -1), "replace": lambda p: p[["i"]].replace(-5, 50),
    "isin": lambda p: p[["i"]].isin([3, 9]), "set_index": lambda p: p[["i", "f"]].sort_values("i", kind="stable"), "memory_usage": lambda p: None, "combine_first": lambda p: p[["f"]].assign(f=p.f.combine_first(p.i.astype("float64"))),
    "add": lambda p: p.f + p.i, "radd": lambda p: 2 + p.f, "sub": lambda p: p.f - p.i, "rsub": lambda p: 2 - p.f, "mul": lambda p: p.f * p.i, "rmul": lambda p: 2 * p.f, "div": lambda p: p.i / 4, "divide": lambda p: p.i / 4, "truediv": lambda p: p.i / 4,
    "rdiv": lambda p: 4 / p.i, "rtruediv": lambda p: 4 / p.i, "floordiv": lambda p: p.i // 2, "mod": lambda p: p.i % 3, "pow": lambda p: p.i ** 2, "eq": lambda p: p.i == 3, "ne": lambda p: p.i != 3, "lt": lambda p: p.i < 3, "le": lambda p: p.i <= 3, "gt": lambda p: p.i > 3, "ge": lambda p: p.i >= 3,
    "apply": lambda p: p[["i"]].apply(lambda c: c.map(lambda v: v * 10)), "map": lambda p: p[["i"]].map(lambda v: v * 10), "items": lambda p: None, "rolling": lambda p: p[["f"]].rolling(3, min_periods=1).sum(), "resample": lambda p: p.resample("1h", on="u")["i"].sum().reset_index(),
    "mode": lambda p: p.k.mode(), "squeeze": lambda p: None, "iloc": lambda p: None,
})
each("Series", {
    "autocorr": lambda p: None, "between": lambda p: p.i.between(1, 4), "case_when": lambda p: pd.Series(["big" if v > 3 else "neg" if v < 0 else "small" for v in p.i], dtype="str"), "to_frame": lambda p: p.i.to_frame(),
    "unique": lambda p: pd.Series(list(p.k.unique()), dtype="object"), "value_counts": lambda p: p.i.value_counts().reset_index(), "dt": lambda p: p.t.dt.year, "str": lambda p: p.s.str.upper(), "dtype": lambda p: None, "pct_change": lambda p: p.i.pct_change(),
    "rank": lambda p: p.f.rank(), "cut": lambda p: pd.cut(p.i, [0, 3, 10]).astype("object").map(lambda v: None if isinstance(v, float) else f"({v.left}, {v.right}]"),
})
each("functions", {
    "concat": lambda p: pd.concat([p[["i", "f"]], right()[["w", "f"]]]), "get_dummies": lambda p: pd.get_dummies(p[["i", "k"]], columns=["k"]), "isna": lambda p: p[["f"]].isna(), "melt": lambda p: p.melt(id_vars=["k"], value_vars=["i", "f"]),
    "merge": lambda p: p[["k", "i"]].merge(right(), on="k", how="outer", indicator=True).assign(_merge=lambda d: d["_merge"].astype("str")),
    "merge_asof": lambda p: pd.merge_asof(p[["u", "i"]], pd.DataFrame({"u": pd.to_datetime(["2021-03-01T00:20", "2021-03-01T03:05", "2021-03-01T03:05", "2021-03-01T07:00"]), "q": [1, 2, 3, 4]}), on="u"),
    "pivot_table": lambda p: p.assign(g=p.b).pivot_table(index="g", columns="k", values="f", aggfunc="mean").reset_index(), "to_datetime": lambda p: pd.to_datetime(p.t.dt.strftime("%d/%m/%Y"), format="%d/%m/%Y"), "to_numeric": lambda p: pd.to_numeric(p.s, errors="coerce"),
})
each("GroupBy", {n: (lambda p, n=n: getattr(p.groupby("k")[["i", "f"]], n)().reset_index()) for n in ["sum", "mean", "count", "min", "max", "std", "var", "median", "first", "last", "prod"]})
each("GroupBy", {
    "size": lambda p: p.groupby("k").size().reset_index(), "agg": lambda p: p.groupby("k").agg(total=("i", "sum"), top=("f", "max")).reset_index(), "aggregate": lambda p: p.groupby("k").agg(total=("i", "sum"), top=("f", "max")).reset_index(),
    "cumsum": lambda p: kept(p, "i").cumsum(), "cumprod": lambda p: kept(p, "i").cumprod(), "cumcount": lambda p: p.dropna(subset=["k"]).groupby("k").cumcount(), "ffill": lambda p: kept(p, "f").ffill(), "bfill": lambda p: kept(p, "f").bfill(), "shift": lambda p: kept(p, "i").shift(1),
    "head": lambda p: p.dropna(subset=["k"]).groupby("k").head(2)[["k", "i"]], "tail": lambda p: p.dropna(subset=["k"]).groupby("k").tail(2)[["k", "i"]], "get_group": lambda p: p.groupby("k").get_group("a")[["k", "i"]], "transform": lambda p: kept(p, "f").transform("mean"),
    "idxmax": lambda p: p.groupby("k")["i"].idxmax().reset_index(), "idxmin": lambda p: p.groupby("k")["i"].idxmin().reset_index(), "rolling": lambda p: pd.Series(p.dropna(subset=["k"]).groupby("k")["i"].rolling(2).sum().sort_index(level=1).values),
})
each("SeriesGroupBy", {"nunique": lambda p: p.groupby("k")["i"].nunique().reset_index(), "value_counts": lambda p: p.groupby("k")["b"].value_counts().reset_index(), "unique": lambda p: p.dropna(subset=["k"])[["k", "b"]].drop_duplicates().sort_values("k", kind="stable")})
st = lambda f: (lambda p: f(p.s.str))
# For a missing value pandas returns False; here it stays null, which no filter keeps either.
missing = lambda f, c: (lambda p: f(p).astype("object").where(p[c].notna(), None) if len(p) else f(p))
each("str", {
    **{n: (lambda p, n=n: getattr(p.s.str, n)()) for n in "capitalize casefold isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle isupper len lower lstrip rstrip strip swapcase title upper".split()},
    "center": st(lambda s: s.center(9, "*")), "ljust": st(lambda s: s.ljust(9, "*")), "rjust": st(lambda s: s.rjust(9, "*")), "pad": st(lambda s: s.pad(9, fillchar="*")), "zfill": st(lambda s: s.zfill(5)), "contains": st(lambda s: s.contains("b.?c")), "count": st(lambda s: s.count("[ab]")),
    "endswith": st(lambda s: s.endswith("c")), "startswith": st(lambda s: s.startswith("A")), "extract": st(lambda s: s.extract("([a-z])(.)", expand=True)[1]), "find": st(lambda s: s.find("b")), "rfind": st(lambda s: s.rfind("b")), "findall": st(lambda s: s.findall("[a-z]+")),
    "fullmatch": st(lambda s: s.fullmatch("[a-z]+ [a-z]+")), "match": st(lambda s: s.match("[A-Z]")), "get": st(lambda s: s.get(1)), "join": st(lambda s: s.join("-")), "partition": lambda p: p.s.str.partition("b", expand=False).map(lambda v: list(v) if isinstance(v, tuple) else None),
    "rpartition": lambda p: p.s.str.rpartition("b", expand=False).map(lambda v: list(v) if isinstance(v, tuple) else None), "removeprefix": st(lambda s: s.removeprefix("Ab")), "removesuffix": st(lambda s: s.removesuffix("c")), "repeat": st(lambda s: s.repeat(2)),
    "replace": st(lambda s: s.replace("b", "BB", regex=False)), "slice": st(lambda s: s.slice(1, -1)), "slice_replace": st(lambda s: s.slice_replace(1, 3, "__")), "split": st(lambda s: s.split("b")), "rsplit": st(lambda s: s.rsplit("b", n=1)), "translate": st(lambda s: s.translate(str.maketrans("ab", "xy"))),
})
each("dt", {n: (lambda p, n=n: getattr(p.t.dt, n)) for n in "year month day hour minute second microsecond nanosecond dayofweek day_of_week weekday dayofyear day_of_year quarter is_leap_year is_month_end is_month_start is_quarter_end is_quarter_start is_year_end is_year_start days_in_month daysinmonth date".split()})
each("dt", {
    "isocalendar": lambda p: p.t.dt.isocalendar().week, "ceil": lambda p: p.t.dt.ceil("15min"), "floor": lambda p: p.t.dt.floor("h"), "round": lambda p: p.t.dt.round("D"), "normalize": lambda p: p.t.dt.normalize(), "day_name": lambda p: p.t.dt.day_name(), "month_name": lambda p: p.t.dt.month_name(),
    "strftime": lambda p: p.t.dt.strftime("%d/%m/%y %H:%M:%S %j %a %b"), "tz_localize": lambda p: p.t.dt.tz_localize("Asia/Jakarta").dt.strftime("%Y-%m-%d %H:%M:%S%z"), "tz_convert": lambda p: p.t.dt.tz_localize("UTC").dt.tz_convert("Asia/Jakarta").dt.strftime("%Y-%m-%d %H:%M:%S%z"),
    "total_seconds": lambda p: p.t.diff().dt.total_seconds(), "days": lambda p: p.t.diff().dt.days, "seconds": lambda p: p.t.diff().dt.seconds, "microseconds": lambda p: p.t.diff().dt.microseconds, "nanoseconds": lambda p: p.t.diff().dt.nanoseconds,
})
roll = lambda f: (lambda p: f(p.f.rolling(4, min_periods=2)))
each("Rolling", {**{n: (lambda p, n=n: getattr(p.f.rolling(4, min_periods=2), n)()) for n in "sum mean min max std var median skew kurt".split()}, "count": lambda p: p.f.rolling(4, min_periods=1).count(), "quantile": roll(lambda r: r.quantile(.3)), "apply": roll(lambda r: r.apply(lambda w: w[w == w].max() - w[w == w].min(), raw=True)),
     "center": lambda p: p.i.rolling(3, center=True).max(), "rows": lambda p: p.i.rolling(3).mean(), "time": lambda p: p.set_index("u").i.rolling("2h").sum()})
res = lambda p: p.resample("1h", on="u")["f"]
each("Resampler", {**{n: (lambda p, n=n: getattr(res(p), n)().reset_index()) for n in "sum mean count min max std var sem median nunique first last prod ohlc".split()}, "size": lambda p: p.resample("1h", on="u").size().reset_index(), "quantile": lambda p: res(p).quantile(.3).reset_index(), "agg": lambda p: res(p).agg(["sum", "max"]).reset_index()})


for name in list(C):
    if name.startswith(("str.is", "dt.is_")) or name in ("str.contains", "str.endswith", "str.startswith", "str.fullmatch", "str.match"):
        C[name] = missing(C[name], name[0].replace("d", "t"))


kinds = lambda p: p.k.astype("category").cat
code = lambda c: c.cat.codes.to_frame()
each("cat", {
    "codes": lambda p: kinds(p).codes.to_frame(), "categories": lambda p: list(kinds(p).categories), "ordered": lambda p: [kinds(p).as_ordered().cat.ordered],
    "as_ordered": lambda p: code(kinds(p).as_ordered()), "as_unordered": lambda p: code(kinds(p).as_unordered()), "add_categories": lambda p: code(kinds(p).add_categories(["aa"])),
    "remove_categories": lambda p: code(kinds(p).remove_categories(["a"])), "rename_categories": lambda p: kinds(p).rename_categories({"a": "A", "c": "C"}).astype("str").to_frame(),
    "reorder_categories": lambda p: code(kinds(p).reorder_categories(["c", "a", "b"])), "set_categories": lambda p: code(kinds(p).set_categories(["b", "z", "a"])),
    "remove_unused_categories": lambda p: list(p[p.i > 4].k.astype("category").cat.add_categories(["z"]).cat.remove_unused_categories().cat.categories),
})
each("Series", {
    "cat": lambda p: kinds(p).codes.to_frame(), "autocorr": lambda p: pd.DataFrame({"f": [p.f.autocorr(1)]}), "is_monotonic_increasing": lambda p: pd.DataFrame({"u": [p.u.is_monotonic_increasing]}),
    "is_monotonic_decreasing": lambda p: pd.DataFrame({"i": [p.i.is_monotonic_decreasing]}),
})
each("DataFrame", {
    "rfloordiv": lambda p: p.i.rfloordiv(20).to_frame(), "rmod": lambda p: p.i.rmod(20).to_frame(), "rpow": lambda p: p.f.rpow(2).to_frame(),
})
C["str.cat"] = lambda p: p.s.str.cat(p.k, sep="-").to_frame()
C["str.extractall"] = lambda p: p.s.str.findall("[a-z](.)").to_frame()
C["dt.components"] = lambda p: p.t.diff().dt.days.to_frame()

def plain(v):
    if v is None or v is pd.NaT or v is pd.NA or isinstance(v, float) and math.isnan(v):
        return None
    if isinstance(v, pd.Timestamp):
        return v.isoformat(sep=" ").split(".")[0] + (f".{v.microsecond:06d}".rstrip("0") if v.microsecond else "")
    if isinstance(v, pd.Timedelta):
        return v // pd.Timedelta(microseconds=1)
    if isinstance(v, datetime.date):
        return v.isoformat()
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if hasattr(v, "item"):
        v = v.item()
    return str(v) if isinstance(v, float) and math.isinf(v) else v


def answer(f, p):
    try:
        v = f(p)
    except Exception as e:
        return {"raises": f"{type(e).__name__}: {e}"[:100]}
    if isinstance(v, pd.DataFrame):
        return {"names": [str(c) for c in v.columns], "columns": [[plain(x) for x in v.iloc[:, i]] for i in range(v.shape[1])]}
    if isinstance(v, pd.Series):
        return {"columns": [[plain(x) for x in v]]}
    if isinstance(v, list):
        return {"columns": [[plain(x) for x in v]]}
    return {"columns": [[plain(v)]]}


if __name__ == "__main__":
    p = frame()
    with open(os.path.join(HERE, "../runtime/src/frame/pandas.json"), "w") as out:
        out.write("{\n" + ",\n".join(f'{json.dumps(n)}: {json.dumps({"rows": answer(f, p), "none": answer(f, p.iloc[:0])}, ensure_ascii=False)}' for n, f in C.items() if answer(f, p) != {"columns": [[None]]}) + "\n}\n")
    for n, f in C.items():
        if "raises" in answer(f, p):
            print(n, answer(f, p))
