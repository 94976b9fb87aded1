"""Measures the installed kernel, and evcxr_jupyter if it is installed; medians of 30, both in alternation in one run.

    python tests/bench_kernel.py [ROUNDS]
"""
import json, os, queue, statistics, sys, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel"))
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30


class Bench:
    def __init__(self, name):
        self.began = time.time()
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code, during=None, timeout=300):
        """Returns the seconds to idle, and the status."""
        began = time.time()
        msg_id = self.client.execute(code, allow_stdin=False)
        while True:
            assert time.time() - began < timeout, code
            try:
                m = self.client.get_iopub_msg(timeout=0.02 if during else 1)
                if m["parent_header"].get("msg_id") == msg_id and m["msg_type"] == "status" and m["content"]["execution_state"] == "idle":
                    break
            except queue.Empty:
                pass
            if during:
                during(time.time() - began)
        seconds = time.time() - began
        while self.client.get_shell_msg(timeout=30)["parent_header"].get("msg_id") != msg_id:
            pass
        return seconds

    def complete(self, code):
        began = time.time()
        msg_id = self.client.complete(code, len(code))
        while True:
            m = self.client.get_shell_msg(timeout=60)
            if m["parent_header"].get("msg_id") == msg_id:
                return time.time() - began, m["content"]["matches"]

    def memory(self):
        """Returns the memory of the kernel and its child processes in MB."""
        import subprocess
        rows = [l.split() for l in subprocess.run(["ps", "-e", "-o", "pid=,ppid=,rss="], capture_output=True, text=True).stdout.splitlines()]
        total, frontier = 0, {self.manager.provisioner.process.pid}
        total += sum(int(r[2]) for r in rows if int(r[0]) in frontier)
        while frontier:
            found = [r for r in rows if int(r[1]) in frontier]
            total += sum(int(r[2]) for r in found)
            frontier = {int(r[0]) for r in found}
        return total / 1024


def ms(values):
    values = sorted(values)
    return {"p50": round(values[len(values) // 2] * 1e3), "p95": round(values[int(len(values) * 0.95)] * 1e3)}


def first_result(name):
    b = Bench(name)
    b.run("1 + 1")
    seconds = time.time() - b.began
    b.close()
    return seconds


def measure(name):
    ours = name == "rask"
    b = Bench(name)
    out = {}
    b.run("let x = 1;")
    time.sleep(3)
    out["memory idle MB"] = round(b.memory())
    out["plain cell ms"] = ms([b.run(f"x + {i}") for i in range(ROUNDS)])
    out["let ms"] = ms([b.run(f"let y = x + {i};") for i in range(ROUNDS)])
    if ours:
        b.run('let df = DataFrame::from_columns([("a", Series::from_iter(0..1000i64)), ("b", Series::from_iter(0..1000i64))]);')
        out["frame cell ms"] = ms([b.run(f'let z = df.filter(col("a").gt({i}));') for i in range(ROUNDS)])
        out["delayed closure ms"] = ms([b.run(f"delayed(|x: u64| x + {i}).call((1,));") for i in range(ROUNDS)])
    for i in range(33):
        b.run(f"#[derive(Debug, Clone)] struct S{i} {{ x: f64, y: Vec<String> }}\nimpl S{i} {{ fn len(&self) -> f64 {{ self.x * {i}.0 }} }}\nfn make{i}() -> S{i} {{ S{i} {{ x: 1.0, y: vec![] }} }}\nlet s{i} = make{i}();")
    out["plain cell after 100 items ms"] = ms([b.run(f"x + {i}") for i in range(ROUNDS)])
    out["memory after 100 cells MB"] = round(b.memory())
    b.run("let numbers = vec![1u32, 2, 3];")
    b.complete("numbers.le")
    out["completion idle ms"] = ms([b.complete("numbers.le")[0] for _ in range(ROUNDS)])
    busy = []

    def ask(elapsed):
        if elapsed > 1 and len(busy) < ROUNDS:
            seconds, matches = b.complete("numbers.le")
            busy.append(seconds if any("len" in m for m in matches) else 60.0)
    b.run("std::thread::sleep(std::time::Duration::from_secs(12));", during=ask if ours else None)
    out["completion busy ms"] = ms(busy) if busy else "after the cell"
    stops = []
    for _ in range(10):
        pressed = []

        def stop(elapsed):
            if elapsed > 0.7 and not pressed:
                pressed.append(time.time())
                b.manager.interrupt_kernel()
        b.run("loop { std::thread::sleep(std::time::Duration::from_millis(10)); }", during=stop)
        stops.append(time.time() - pressed[0])
    out["interrupt to idle ms"] = ms(stops)
    crashes = []
    for _ in range(5):
        b.run("std::process::abort()")
        crashes.append(b.run("1 + 1"))
    out["crash to next result ms"] = ms(crashes)
    b.close()
    return out


if __name__ == "__main__":
    names = [n for n in ("rask", "rust") if n in KernelSpecManager().find_kernel_specs()]
    starts = {n: [] for n in names}
    for _ in range(10):
        for n in names:
            starts[n].append(first_result(n))
    for n in names:
        print(n, json.dumps({"first result ms": ms(starts[n]), **measure(n)}, indent=2), flush=True)
