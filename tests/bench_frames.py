"""Compares the time of frame operations with other engines, in alternation in one run, from Parquet files and from memory.

Usage: bench_frames.py [--rounds N] [--data FOLDER] [--peers PYTHON] [NAME...]
The data are made on the first run (1.3 GB). PYTHON is an interpreter that has polars, duckdb and dask; without one only Rask runs.
"""
import argparse, json, os, statistics, subprocess, sys, textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel"))

COLUMNS = [f"c{i}" for i in range(10)]
STATISTICS = ", ".join(f"count({c}), avg({c}), stddev({c}), min({c}), quantile_cont({c}, [0.25, 0.5, 0.75]), max({c})" for c in COLUMNS)
MEDIANS = ", ".join(f"median({c})" for c in COLUMNS)

# Name: (tables, the code for Rask, the code for the others). The input is `t` (and `r`), read from files or held in memory.
WORK = {
    "groupby": (["sales"], 'let out = t.groupby("store").agg([("s", "amount", "sum"), ("m", "amount", "mean"), ("n", "item", "count")]).compute()?.len();', {
        "polars": "len(t.group_by('store').agg(pl.col('amount').sum().alias('s'), pl.col('amount').mean().alias('m'), pl.col('item').count()).sort('store').collect(engine='streaming'))",
        "duckdb": "len(duckdb.sql('select store, sum(amount), avg(amount), count(item) from t group by 1 order by 1').fetchall())",
        "dask": "len(t.groupby('store').agg({'amount': ['sum', 'mean'], 'item': 'count'}).compute())"}),
    "join": (["sales", "items"], 'let out = t.merge(&r, "item").groupby("kind").sum("amount").compute()?.len();', {
        "polars": "len(t.join(r, on='item').group_by('kind').agg(pl.col('amount').sum()).collect(engine='streaming'))",
        "duckdb": "len(duckdb.sql('select kind, sum(amount) from t join r using (item) group by 1').fetchall())",
        "dask": "len(t.merge(r, on='item').groupby('kind').amount.sum().compute())"}),
    "join_rows": (["sales", "items"], 'let out = t.merge(&r, "item").persist()?.len()?;', {
        "polars": "len(t.join(r, on='item', maintain_order='left').collect())",
        "duckdb": "len(duckdb.sql('select * from t join r using (item)').to_arrow_table())",
        "dask": "len(t.merge(r, on='item').compute())"}),
    "sort": (["sales"], 'let out = t.sort_values(["amount"]).persist()?.len()?;', {
        "polars": "len(t.sort('amount').collect())",
        "duckdb": "len(duckdb.sql('select * from t order by amount').to_arrow_table())",
        "dask": "len(t.sort_values('amount').compute())"}),
    "median": (["wide"], 'let out = t.median().compute()?.len();', {
        "polars": "len(t.select(pl.all().median()).collect(engine='streaming'))",
        "duckdb": f"len(duckdb.sql('select {MEDIANS} from t').fetchall())"}),
    "describe": (["wide"], 'let out = t.describe().compute()?.len();', {
        "polars": "len(t.describe())",
        "duckdb": f"len(duckdb.sql('select {STATISTICS} from t').fetchall())",
        "dask": "len(t.describe().compute())"}),
    "counts": (["sales"], 'let out = t.col("name").value_counts().compute()?.len();', {
        "polars": "len(t.group_by('name').len().sort('len', descending=True).collect(engine='streaming'))",
        "duckdb": "len(duckdb.sql('select name, count(*) n from t group by 1 order by n desc').fetchall())",
        "dask": "len(t.name.value_counts().compute())"}),
}

MAKE = """
import numpy as np, polars as pl, sys
g = np.random.default_rng(1); n = 10_000_000; folder = sys.argv[1]
pl.DataFrame({"item": g.integers(0, 1_000_000, n), "store": g.integers(0, 5_000, n), "amount": g.normal(50, 20, n),
              "name": np.char.add("name ", g.integers(0, 20_000, n).astype(str))}).write_parquet(folder + "/sales.parquet", row_group_size=500_000)
pl.DataFrame({"item": np.arange(1_000_000), "kind": np.char.add("kind ", (np.arange(1_000_000) % 40).astype(str)), "price": g.normal(9, 1, 1_000_000)}).write_parquet(folder + "/items.parquet", row_group_size=250_000)
m = 12_000_000
pl.DataFrame({f"c{i}": g.normal(i, 1 + i, m) for i in range(10)}).write_parquet(folder + "/wide.parquet", row_group_size=500_000)
"""


def rask(name, source, folder):
    from client import Kernel
    tables, code, _ = WORK[name]
    with Kernel() as k:
        k.ok(f"std::env::set_current_dir({json.dumps(folder)})?;\n"
             'fn status(what: &str) -> u64 { std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with(what)).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap() }')
        for var, table in zip("tr", tables):
            k.ok(f'let {var} = read_parquet("{table}.parquet"){".persist()?" if source == "memory" else ""};', timeout=300)
        k.ok(code.replace("let out", "let warm"), timeout=600)
        k.ok('std::fs::write("/proc/self/clear_refs", "5")?;')
        ran = k.ok("let began = std::time::Instant::now();\n" + code + '\nprintln!("{{\\"seconds\\": {}, \\"out\\": {out}, \\"peak\\": {}}}", began.elapsed().as_secs_f64(), status("VmHWM") / 1024);', timeout=600)
        return json.loads(ran.stream("stdout"))


def peer(python, engine, name, source, folder):
    tables, _, codes = WORK[name]
    begin = {"polars": "import polars as pl", "duckdb": "import duckdb", "dask": "import dask.dataframe as dd"}[engine]
    load = {"polars": "pl.scan_parquet('{0}.parquet')" + (".collect().lazy()" if source == "memory" else ""), "dask": "dd.read_parquet('{0}.parquet', split_row_groups=True)" + (".persist()" if source == "memory" else ""),
            "duckdb": "duckdb.sql(\"create table {1} as from '{0}.parquet'\")" if source == "memory" else "duckdb.sql(\"create view {1} as from '{0}.parquet'\")"}[engine]
    lines = [begin] + [f"{var} = {load.format(table, var)}" for var, table in zip("tr", tables)]
    program = "\n".join(lines) + textwrap.dedent(f"""
        import time, json
        out = {codes[engine]}
        open("/proc/self/clear_refs", "w").write("5")
        began = time.time(); out = {codes[engine]}; seconds = time.time() - began
        print(json.dumps({{"seconds": seconds, "out": out, "peak": int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024}}))
    """)
    done = subprocess.run([python, "-c", program], cwd=folder, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else {"error": (done.stderr.strip().splitlines() or ["killed"])[-1][:200]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.path.expanduser("~/.cache/rask/bench"))
    parser.add_argument("--peers", required=True)
    parser.add_argument("--without", default="")
    parser.add_argument("--from", dest="source", choices=["file", "memory"], nargs="*", default=["file", "memory"])
    args = parser.parse_args()
    os.makedirs(args.data, exist_ok=True)
    if not os.path.exists(os.path.join(args.data, "wide.parquet")):
        subprocess.run([args.peers, "-c", MAKE, args.data], check=True)
    for name in args.names or WORK:
        for source in args.source:
            engines = ["rask"] + [e for e in WORK[name][2] if e not in args.without.split(",")]
            times, last = {e: [] for e in engines}, {}
            for _ in range(args.rounds):
                for engine in engines:
                    last[engine] = rask(name, source, args.data) if engine == "rask" else peer(args.peers, engine, name, source, args.data)
                    if "seconds" in last[engine]:
                        times[engine].append(last[engine]["seconds"])
            own = statistics.median(times["rask"])
            for engine in engines:
                if times[engine]:
                    t = statistics.median(times[engine])
                    print(f"{name:9} {source:6} {engine:7} {t:7.3f} s ({min(times[engine]):.3f}-{max(times[engine]):.3f})  Rask takes {own / t:5.2f} of it   peak {last[engine]['peak']} MB   {last[engine]['out']}", flush=True)
                else:
                    print(f"{name:9} {source:6} {engine:7} {last[engine].get('error')}", flush=True)


if __name__ == "__main__":
    main()
