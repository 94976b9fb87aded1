"""Measures arrays beside Dask, NumPy and numexpr: medians of ROUNDS rounds, in turn in one run, with two threads each; and the peak memory.

    python tests/bench_arrays.py [ROUNDS] [NAME...]

The peers run with an interpreter that has them: PEERS=/path/to/python, else this one. What a program has not is left out.
"""
import json, os, statistics, subprocess, sys, time
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "kernel"))
PEERS = os.environ.get("PEERS", sys.executable)

# Name, set-up and code for each program; the code's value is the answer, which all must agree on.
WORK = {
    "exp of 40000^2 random numbers": {
        "rask": ("", "da::random_seeded((40_000, 40_000), 1).exp().sum().compute()?"),
        "dask": ("", "np.exp(da.random.default_rng(1).random((40000, 40000))).sum().compute()"),
    },
    "x + x.T of 20000^2 ones": {
        "rask": ("", "{ let x = da::ones((20_000, 20_000)); (&x + x.t()).sum().compute()? }"),
        "dask": ("", "(lambda x: (x + x.T).sum().compute())(da.ones((20000, 20000)))"),
    },
    "chain of steps over 2 x 0.8 GB": {
        "rask": ("let a = da::random_seeded((10_000, 10_000), 1).persist()?;\nlet b = da::random_seeded((10_000, 10_000), 2).persist()?;",
                 "((&a * 2.0 + 1.0).sqrt() - &b).mean().compute()?"),
        "dask": ("a = da.random.default_rng(1).random((10000, 10000)).persist(); b = da.random.default_rng(2).random((10000, 10000)).persist()",
                 "(da.sqrt(a * 2 + 1) - b).mean().compute()"),
        "numexpr": ("a = np.random.default_rng(1).random((10000, 10000)); b = np.random.default_rng(2).random((10000, 10000))",
                    "float(ne.evaluate('sum(sqrt(a * 2 + 1) - b)')) / a.size"),
    },
    "matmul of 8000^2": {
        "rask": ("let a = da::random_seeded((8000, 8000), 1).persist()?;", "a.dot(&a).max().compute()?"),
        "numpy": ("a = np.random.default_rng(1).random((8000, 8000))", "float((a @ a).max())"),
        "dask": ("a = da.random.default_rng(1).random((8000, 8000)).persist()", "(a @ a).max().compute()"),
    },
    "sum of columns of 0.8 GB": {
        "rask": ("let a = da::random_seeded((10_000, 10_000), 1).persist()?;", "a.sum_axis(0).max().compute()?"),
        "dask": ("a = da.random.default_rng(1).random((10000, 10000)).persist()", "a.sum(axis=0).max().compute()"),
        "numpy": ("a = np.random.default_rng(1).random((10000, 10000))", "float(a.sum(axis=0).max())"),
    },
    "sum of rows of 0.8 GB": {
        "rask": ("let a = da::random_seeded((10_000, 10_000), 1).persist()?;", "a.sum_axis(1).max().compute()?"),
        "dask": ("a = da.random.default_rng(1).random((10000, 10000)).persist()", "a.sum(axis=1).max().compute()"),
        "numpy": ("a = np.random.default_rng(1).random((10000, 10000))", "float(a.sum(axis=1).max())"),
    },
    "standard deviation of 0.8 GB": {
        "rask": ("let a = da::random_seeded((10_000, 10_000), 1).persist()?;", "a.std().compute()?"),
        "dask": ("a = da.random.default_rng(1).random((10000, 10000)).persist()", "a.std().compute()"),
    },
    "svd of 4000000 x 50": {
        "rask": ("", "da::linalg::svdvals(&da::random_seeded((4_000_000, 50), 1)).max().compute()?"),
        "dask": ("", "da.linalg.svd(da.random.default_rng(1).random((4000000, 50), chunks=(250000, 50)))[1].max().compute()"),
    },
    "rechunk of 20000^2 from rows to columns": {
        "rask": ("", "da::random_seeded((20_000, 20_000), 1).map(|v: f64| v).rechunk((200, 20_000)).rechunk((20_000, 200)).map_blocks(|b: &ndarray::ArrayD<f64>| b.clone()).mean().compute()?"),
        "dask": ("", "da.random.default_rng(1).random((20000, 20000), chunks=(200, 20000)).rechunk((20000, 200)).map_blocks(lambda b: b.copy()).mean().compute()"),
    },
    "sum of 1000000 chunks of one element": {
        "rask": ("", "da::ones(1_000_000).rechunk(1).sum().compute()?"),
    },
    "median of 0.8 GB": {
        "rask": ("let a = da::random_seeded((10_000, 10_000), 1).persist()?;", "a.median().compute()?"),
        "numpy": ("a = np.random.default_rng(1).random((10000, 10000))", "float(np.median(a))"),
    },
}
PEER = """
import os, sys, json, time, resource, warnings
warnings.simplefilter("ignore")
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[name] = "1" if sys.argv[1] == "dask" and name == "OPENBLAS_NUM_THREADS" else "2"
import numpy as np
if sys.argv[1] == "dask":
    import dask, dask.array as da
    dask.config.set(scheduler="threads", num_workers=2)
if sys.argv[1] == "numexpr":
    import numexpr as ne
setup, code = json.loads(sys.stdin.read())
exec(setup)
begun = time.perf_counter()
found = eval(code)
print(json.dumps([time.perf_counter() - begun, float(found), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3]))
"""


def peer(program, setup, code):
    done = subprocess.run([PEERS, "-c", PEER, program], input=json.dumps([setup, code]), capture_output=True, text=True)
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def rask(setup, code):
    from client import Kernel
    kernel = Kernel()
    kernel.ok(setup)
    kernel.ok("1 + 1")
    told = kernel.ok(f'let begun = std::time::Instant::now();\nlet found = {code};\nformat!("{{}} {{found}}", begun.elapsed().as_secs_f64())', timeout=300).text
    peak = kernel.ok('std::fs::read_to_string("/proc/self/status")?.lines().find(|l| l.starts_with("VmHWM")).unwrap().to_owned()').text
    kernel.close()
    took, found = told.strip('"').split()
    return [float(took), float(found), float("".join(c for c in peak if c.isdigit())) / 1e3]


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    chosen = sys.argv[2:]
    for name, programs in WORK.items():
        if chosen and not any(c in name for c in chosen):
            continue
        times, peaks = {}, {}
        for _ in range(rounds):
            for program, (setup, code) in programs.items():
                found = rask(setup, code) if program == "rask" else peer(program, setup, code)
                if found:
                    times.setdefault(program, []).append(found[0])
                    peaks[program] = max(peaks.get(program, 0), found[2])
        own = statistics.median(times["rask"])
        told = [f"{p} {statistics.median(t):.2f} s ({peaks[p]:.0f} MB" + (f", x {own / statistics.median(t):.2f})" if p != "rask" else ")") for p, t in times.items()]
        print(f"{name}: {'; '.join(told)}", flush=True)
