"""Compares the time of reading and writing CSV with other engines, in alternation in one run.

Usage: bench_csv.py [--rounds N] [--data FOLDER] [--peers PYTHON] [NAME...]
The data are created on the first run (2.3 GB). PYTHON is an interpreter that has polars, duckdb, datafusion and dask; without one only Rask runs.
"""
import argparse, gzip, json, os, random, shutil, statistics, subprocess, sys, textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel"))

MEASURE = """
fn status(what: &str) -> u64 { std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with(what)).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap() }
"""
SUM = 'select avg(cast(timestamp as bigint)), avg(device_id), avg(lat), avg(long), avg(signal), avg(lac), avg(cid), avg(mcc), avg(mnc), avg(imsi) from gps'


def counted(file, column):
    """Rows of each value of a column."""
    return (f'let out = read_csv("{file}").groupby("{column}").size().compute()?.len();',
            {"polars": f"len(pl.scan_csv('{file}').group_by('{column}').len().collect(engine='streaming'))",
             "duckdb": f"len(duckdb.sql(\"select {column}, count(*) from read_csv('{file}') group by 1\").fetchall())",
             "datafusion": fusion(file, f"select {column}, count(*) from t group by 1"),
             "dask": f"len(dd.read_csv('{file}'{', blocksize=None' if file.endswith('.gz') else ''}).groupby('{column}').size().compute())"})


def fusion(path, query, options=""):
    """A query of DataFusion's own reader."""
    ending = ".csv.gz', file_compression_type='gz" if path.endswith(".gz") else os.path.splitext(path)[1] or ".csv"
    return f"(ctx.register_csv('t', '{path}', file_extension='{ending}'{options}), sum(b.num_rows for b in ctx.sql(\"{query}\").collect()))[1]"


# Name: (the code for Rask, the code for the others, as an expression of their own module).
WORK = {
    "arcos": (
        'let out = Csv::new().sep(\'\\t\').dtype("NDC_NO", DType::Str).read("arcos.tsv").with_column("year", col("TRANSACTION_DATE").to_datetime("%m%d%Y").dt().year())'
        '.with_column("m", col("CALC_BASE_WT_IN_GM") * col("MME_Conversion_Factor")).select(["year", "m", "BUYER_STATE", "BUYER_COUNTY"])'
        '.groupby(["year", "BUYER_STATE", "BUYER_COUNTY"]).sum("m").compute()?.len();',
        {
            "polars": "len(pl.scan_csv('arcos.tsv', separator='\\t', schema_overrides={'TRANSACTION_DATE': pl.String, 'NDC_NO': pl.String}).with_columns("
                      "year=pl.col('TRANSACTION_DATE').str.to_date('%m%d%Y').dt.year(), m=pl.col('CALC_BASE_WT_IN_GM') * pl.col('MME_Conversion_Factor'))"
                      ".group_by('year', 'BUYER_STATE', 'BUYER_COUNTY').agg(pl.col('m').sum()).collect(engine='streaming'))",
            "duckdb": "len(duckdb.sql(\"select year(strptime(TRANSACTION_DATE, '%m%d%Y')) y, BUYER_STATE, BUYER_COUNTY, sum(CALC_BASE_WT_IN_GM * MME_Conversion_Factor) m "
                      "from read_csv('arcos.tsv', delim='\\t', types={'TRANSACTION_DATE': 'VARCHAR', 'NDC_NO': 'VARCHAR'}) group by all\").fetchall())",
            "datafusion": fusion(
                "arcos.tsv",
                "select date_part('year', to_date(\\\"TRANSACTION_DATE\\\", '%m%d%Y')) y, \\\"BUYER_STATE\\\", \\\"BUYER_COUNTY\\\", "
                "sum(\\\"CALC_BASE_WT_IN_GM\\\" * \\\"MME_Conversion_Factor\\\") m from t group by 1, 2, 3",
                ", delimiter='\\t', schema=pa.schema([(n, pa.float64() if n in ('CALC_BASE_WT_IN_GM', 'MME_Conversion_Factor') else pa.string()) "
                "for n in open('arcos.tsv').readline().strip().split('\\t')])"),
            "dask": "len((lambda d: d.assign(year=dd.to_datetime(d.TRANSACTION_DATE, format='%m%d%Y').dt.year, m=d.CALC_BASE_WT_IN_GM * d.MME_Conversion_Factor)"
                    "[['year', 'm', 'BUYER_STATE', 'BUYER_COUNTY']].groupby(['year', 'BUYER_STATE', 'BUYER_COUNTY']).m.sum().compute())"
                    "(dd.read_csv('arcos.tsv', sep='\\t', dtype={'TRANSACTION_DATE': 'object', 'NDC_NO': 'object', 'REPORTER_ADDL_CO_INFO': 'object'})))",
        }),
    "gps": counted("gps.csv", "device_id"),
    "gps_all": (
        f'let gps = read_csv("gps.csv"); let out = sql("{SUM}", [("gps", &gps)]).compute()?.len();',
        {
            "polars": "len(pl.scan_csv('gps.csv', try_parse_dates=True).select(pl.all().mean()).collect(engine='streaming'))",
            "duckdb": "len(duckdb.sql(\"" + SUM.replace("cast(timestamp as bigint)", "epoch(timestamp)").replace("from gps", "from read_csv('gps.csv')") + "\").fetchall())",
            "datafusion": fusion("gps.csv", SUM.replace("cast(timestamp as bigint)", "to_unixtime(timestamp)").replace("from gps", "from t")),
            "dask": "len([(lambda d: d.assign(timestamp=d.timestamp.astype('int64')).mean().compute())(dd.read_csv('gps.csv', parse_dates=['timestamp']))])",
        }),
    "gzip": counted("gps.csv.gz", "device_id"),
    "quoted": counted("quoted.csv", "tag"),
    "files": (
        'let out = read_csv("files/*.csv").groupby("k").sum("v").compute()?.len();',
        {
            "polars": "len(pl.scan_csv('files/*.csv').group_by('k').agg(pl.col('v').sum()).collect(engine='streaming'))",
            "duckdb": "len(duckdb.sql(\"select k, sum(v) from read_csv('files/*.csv') group by 1\").fetchall())",
            "datafusion": fusion("files", "select k, sum(v) from t group by 1"),
            "dask": "len(dd.read_csv('files/*.csv').groupby('k').v.sum().compute())",
        }),
    "write": (
        'let out = kept.to_csv("out/*.csv")?.len();',
        {
            "polars": "kept.write_csv('out.csv')",
            "duckdb": "duckdb.sql(\"copy kept to 'out.csv'\")",
            "dask": "len(kept.to_csv('out/*.csv'))",
        }),
}

def make(folder):
    """Creates positions of devices, as text, compressed, and as quoted strings; and a thousand small files."""
    random.seed(7)
    gps = os.path.join(folder, "gps.csv")
    if not os.path.exists(gps):
        line = lambda i: (f"2019-06-{1 + i % 28:02d} {i % 24:02d}:{i % 60:02d}:{i % 59:02d},{860000000000 + random.randrange(50_000)},{random.gauss(-6, 1):.6f},"
                          f"{random.gauss(107, 1):.6f},{random.randrange(-110, -50)},{random.randrange(65000)},{random.randrange(65000)},510,{random.randrange(30)},{random.randrange(510010000000000, 510019999999999)}\n")
        block = "".join(map(line, range(400_000)))
        with open(gps, "w") as f:
            f.write("timestamp,device_id,lat,long,signal,lac,cid,mcc,mnc,imsi\n")
            for _ in range(30):
                f.write(block)
    arcos = os.path.join(folder, "arcos.tsv")
    if not os.path.exists(arcos):
        names = [f"TEXT_{i}" for i in range(24)] + ["NDC_NO", "TRANSACTION_DATE", "BUYER_STATE", "BUYER_COUNTY", "CALC_BASE_WT_IN_GM", "MME_Conversion_Factor", "QUANTITY", "ID"]
        def line(i):
            texts = [random.choice(["", "PHARMACY", "CARDINAL HEALTH, INC", "PB0034861"]) for _ in range(24)]
            own = [f"{random.randrange(10**9):011d}", f"{random.randrange(1, 13):02d}{random.randrange(1, 29):02d}{random.randrange(2006, 2013)}", f"S{random.randrange(50)}",
                   f"COUNTY{random.randrange(70):03d}", f"{random.random() * 5:.6f}", random.choice(["1.0", "1.5"]), str(random.randrange(50)), str(i)]
            return "\t".join(texts + own) + "\n"
        block = "".join(map(line, range(200_000)))
        with open(arcos, "w") as f:
            f.write("\t".join(names) + "\n")
            for _ in range(20):
                f.write(block)
    if not os.path.exists(gps + ".gz"):
        with open(gps, "rb") as f, gzip.open(gps + ".gz", "wb", 1) as g:
            g.write(f.read(300_000_000).rsplit(b"\n", 1)[0] + b"\n")
    quoted = os.path.join(folder, "quoted.csv")
    if not os.path.exists(quoted):
        words = ["data", "say \"\"so\"\"", "line\nend", "a, b", "tree", "model"]
        block = "".join(f'{i},"{" ".join(random.choices(words, k=30))}","t{i % 50}"\n' for i in range(100_000))
        with open(quoted, "w") as f:
            f.write("id,body,tag\n")
            for _ in range(30):
                f.write(block)
    files = os.path.join(folder, "files")
    if not os.path.exists(files):
        os.makedirs(files)
        for n in range(1000):
            with open(os.path.join(files, f"{n:04d}.csv"), "w") as f:
                f.write("k,v\n" + "".join(f"k{i % 9},{i}.5\n" for i in range(2000)))


def rask(name, folder):
    from client import Kernel
    with Kernel() as k:
        k.ok(f"std::env::set_current_dir({json.dumps(folder)})?;\n" + MEASURE)
        if name == "write":
            k.ok('let kept = Csv::new().nrows(3_150_000).usecols(["timestamp", "device_id", "lat", "long"]).read("gps.csv").persist()?;', timeout=300)
        # The first run of a cell compiles it, and measures how much memory it needs above an idle process.
        k.ok('let before = status("VmRSS"); std::fs::write("/proc/self/clear_refs", "5")?;')
        k.ok(WORK[name][0].replace("let out = ", "let warm = ") + '\nlet above = status("VmHWM").saturating_sub(before) / 1024;', timeout=600)
        ran = k.ok("let began = std::time::Instant::now();\n" + WORK[name][0] +
                   '\nprintln!("{{\\"seconds\\": {}, \\"out\\": {out}, \\"above\\": {above}}}", began.elapsed().as_secs_f64());', timeout=600)
        return json.loads(ran.stream("stdout"))


def peer(python, engine, code, name, folder):
    begin = {"polars": "import polars as pl", "duckdb": "import duckdb", "dask": "import dask.dataframe as dd",
             "datafusion": "import pyarrow as pa; from datafusion import SessionContext; ctx = SessionContext()"}[engine]
    kept = {"polars": "kept = pl.read_csv('gps.csv', n_rows=3150000, columns=[0, 1, 2, 3], try_parse_dates=True)",
            "duckdb": "duckdb.sql(\"create table kept as select timestamp, device_id, lat, long from read_csv('gps.csv') limit 3150000\")",
            "dask": "kept = dd.from_pandas(__import__('pandas').read_csv('gps.csv', nrows=3150000, usecols=range(4), parse_dates=['timestamp']), npartitions=2)"}.get(engine, "")
    program = f"""
        import time, json
        {begin}
        {kept if name == "write" else ""}
        t = time.time(); out = {code}; seconds = time.time() - t
        print(json.dumps({{"seconds": seconds, "out": out if isinstance(out, int) else 0, "peak": int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024}}))
    """
    done = subprocess.run([python, "-c", textwrap.dedent(program)], cwd=folder, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else {"error": done.stderr.strip().splitlines()[-1][:200]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default=os.path.expanduser("~/.cache/rask/bench"))
    parser.add_argument("--peers")
    parser.add_argument("--without", nargs="*", default=[], help="engines that do not run")
    args = parser.parse_args()
    os.makedirs(args.data, exist_ok=True)
    make(args.data)
    for name in args.names or WORK:
        engines = {"rask": None, **({e: c for e, c in WORK[name][1].items() if e not in args.without} if args.peers else {})}
        path = os.path.join(args.data, {"arcos": "arcos.tsv", "gps_all": "gps.csv", "gzip": "gps.csv.gz"}.get(name, name + ".csv"))
        size = os.path.getsize(path) / 1e9 if os.path.exists(path) else 0
        times = {e: [] for e in engines}
        last = {}
        for _ in range(args.rounds):
            for engine, code in engines.items():
                last[engine] = rask(name, args.data) if engine == "rask" else peer(args.peers, engine, code, name, args.data)
                if "seconds" in last[engine]:
                    times[engine].append(last[engine]["seconds"])
                shutil.rmtree(os.path.join(args.data, "out"), ignore_errors=True)
        own = statistics.median(times["rask"])
        for engine in engines:
            if times[engine]:
                t = statistics.median(times[engine])
                memory = f"{last[engine]['above']} MB above idle" if engine == "rask" else f"{last[engine]['peak']} MB in all"
                print(f"{name:8} {engine:7} {t:7.3f} s ({min(times[engine]):.3f}-{max(times[engine]):.3f})  Rask takes {own / t:5.2f} of it   {size / t:5.2f} GB/s   {memory}   {last[engine]['out']}", flush=True)
            else:
                print(f"{name:8} {engine:7} {last[engine].get('error')}", flush=True)


if __name__ == "__main__":
    main()
