"""Interrupts, crashes and kills: which variables a cell loses or keeps, and how soon the next cell runs."""
import os, signal, subprocess, sys, time, unittest
from client import Kernel, within

SECONDS = "std::time::Duration::from_secs"
# What runs when the user presses Stop. Every variable is kept in each of these cases.
KEPT = [
    ("delayed calls", "fn nap(i: u64) -> u64 { std::thread::sleep(std::time::Duration::from_millis(50)); i }\n"
     "let many: Vec<_> = (0..10_000u64).map(|i| delayed(nap).call((i,))).collect();\ndelayed(|v: Vec<u64>| v.len()).call((many,)).compute()?"),
    ("a delayed call that sleeps", f"delayed(|| std::thread::sleep({SECONDS}(600))).call(()).compute()?"),
    ("a loop inside of a task", "delayed(|| { let mut n = 0u64; loop { n = std::hint::black_box(n + 1); if n == u64::MAX { break } } n }).call(()).compute()?"),
    ("a bag", "Bag::from_iter(0..1_000_000u64).map(|i| { std::thread::sleep(std::time::Duration::from_millis(20)); i }).sum().compute()?"),
    ("a bag that spins", "Bag::range(1_000_000_000_000, 8).map(|i| std::hint::black_box(i) ^ 3).max().compute()?"),
    ("words of a text", 'loop { read_text("big.csv").str().split_by(",").flatten().frequencies().count().compute()?; }'),
    ("futures", f"Client::current().submit(|| std::thread::sleep({SECONDS}(600)), ()).result()?"),
    ("a frame", 'loop { big.groupby("a").sum("b").compute()?; }'),
    ("a printing loop", 'loop { println!("again"); }'),
    ("a loop in another function that prints", 'fn chatter() { for i in 0u64.. { eprintln!("{i}"); } }\nchatter()'),
    ("a loop that never looks up", "let mut n = 0u64;\nwhile n < u64::MAX { n = std::hint::black_box(n + 1); }"),
    ("a loop that sleeps", "for _ in 0..100_000 { std::thread::sleep(std::time::Duration::from_millis(10)); }"),
    ("a nested loop of sums", "let mut s = 0u64;\nfor i in 0..u64::MAX { for j in 0..1_000u64 { s = std::hint::black_box(s ^ (i + j)); } }"),
    ("a value that prints when it is dropped", "struct Loud;\nimpl Drop for Loud { fn drop(&mut self) { println!(\"bye\"); loop { break } } }\n"
     "{ let _loud = Loud; loop { std::thread::sleep(std::time::Duration::from_millis(1)); } }"),
    ("a question", 'input("never answered")?'),
    ("a line of the shell", "!sleep 600"),
    ("a script of bash", "%%bash\nfor i in $(seq 600); do sleep 1; done"),
    ("%timeit", f"%timeit std::thread::sleep(std::time::Duration::from_millis(30))"),
]


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def wait_gone(pids, seconds):
    end = time.time() + seconds
    while any(alive(p) for p in pids) and time.time() < end:
        time.sleep(0.02)
    return [p for p in pids if alive(p)]


class Stop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.k = Kernel()
        with open(os.path.join(cls.k.folder, "big.csv"), "w") as f:
            f.write("a,b\n" + "".join(f"{i % 977},{i}\n" for i in range(1_000_000)))
        cls.k.ok('let kept = String::from("kept");\nlet numbers = vec![1u64, 2, 3];\nlet big = read_csv("big.csv");')

    @classmethod
    def tearDownClass(cls):
        cls.k.close()

    def stop(self, code, after=1.2):
        """Runs the cell and presses Stop once it runs; returns the result, and the seconds from Stop to idle."""
        pressed = []

        def during(elapsed):
            if elapsed > after and not pressed:
                pressed.append(time.time())
                self.k.manager.interrupt_kernel()
        ran = self.k.run(code, during=during, allow_stdin=True) if "input(" in code else self.k.run(code, during=during)
        self.assertTrue(pressed, f"{code!r} ended by itself: {ran.reply}")
        return ran, time.time() - pressed[0]

    def test_stop_keeps_every_variable(self):
        pid = self.k.ok("std::process::id()").text
        slowest = 0
        for what, code in KEPT:
            with self.subTest(what):
                def stop():
                    ran, seconds = self.stop(code)
                    self.assertIn("Interrupted", ran.error)
                    self.assertEqual(self.k.ok("(kept.clone(), numbers.len(), std::process::id())").text, f'("kept", 3, {pid})', what)
                    return seconds
                slowest = max(slowest, within(2, stop))
        print(f"      stop to idle: {slowest:.2f} s at most")

    def test_a_compiler_is_stopped_at_once(self):
        # Code that doubles at each level keeps the compiler busy for a long time.
        macro = ("macro_rules! twice { ($($x:tt)*) => { $($x)* $($x)* } }\n"
                 "{ let mut s = 0u64; " + "twice! { " * 17 + "s += 1;" + " }" * 17 + " println!(\"{s}\"); }")
        def stop():
            ran, seconds = self.stop(macro, after=0.6)
            self.assertIn("during compilation; all variables are kept", ran.error)
            return seconds
        within(1, stop)
        self.assertEqual(self.k.ok("kept.clone()").text, '"kept"')

    def test_a_wait_for_types_is_stopped(self):
        """Right after the start, the types of variables are asked of the compiler, and where it cannot tell, of rust-analyzer, which is still reading."""
        def stop(delay):
            with Kernel() as k:
                started, pressed = [], []

                def during(elapsed):
                    if not started and any(m["msg_type"] == "execute_input" for m in k.current):
                        started.append(time.time())
                    if started and not pressed and time.time() - started[0] > delay:
                        pressed.append(time.time())
                        k.manager.interrupt_kernel()
                ran = k.run("let v = vec![1];\nlet f = |x: i32| x;\nloop { std::thread::sleep(std::time::Duration::from_millis(5)); }", during=during)
                seconds = time.time() - pressed[0]
                self.assertIn("Interrupted", ran.error)
                self.assertEqual(k.ok("let v = vec![1, 2];\nv.len()").text, "2")
                return seconds
        for delay in (0.05, 0.2, 0.5, 1):
            with self.subTest(delay=delay):
                within(1, lambda: stop(delay))

    def test_queued_cells_are_dropped(self):
        first = self.k.send(f"std::thread::sleep(std::time::Duration::from_millis(1500));")
        others = [self.k.send(f"println!(\"never {i}\");") for i in range(3)]
        time.sleep(0.7)
        self.k.manager.interrupt_kernel()
        self.k.collect(first)
        for other in others:
            ran = self.k.collect(other)
            self.assertEqual((ran.reply["ename"], ran.stream("stdout")), ("Dropped", ""))
        self.assertEqual(self.k.ok("1 + 1").text, "2")


class Death(unittest.TestCase):
    """Cells that crash their process."""

    def test_the_signal_is_named_and_the_next_cell_runs_at_once(self):
        with Kernel() as k:
            k.ok("use std::collections::BTreeMap;\nfn stays(x: i32) -> i32 { x + 1 }\n#[derive(Debug)] struct Kept(i32);")
            for what, code, parts in [
                ("a bad pointer", "println!(\"before\"); unsafe { (16 as *mut u8).write_volatile(1) }", ["SIGSEGV", "segmentation fault"]),
                ("abort", "std::process::abort()", ["SIGABRT"]),
                ("exit", "std::process::exit(3)", ["exit status: 3"]),
                ("a stack overflow", "fn deeper(n: u64) -> u64 { if n == 0 { 0 } else { 1 + std::hint::black_box(deeper(n + 1)) } }\ndeeper(1)", ["stack overflow"]),
                ("memory", "let huge: Vec<u8> = Vec::with_capacity(1 << 60);\nhuge.len()", ["SIGABRT", "memory"]),
            ]:
                def die():
                    k.ok("let gone = 1;\nlet gone_too = String::new();")
                    ran = k.fails(code, *parts, "these variables were lost: gone, gone_too")
                    if "before" in code:
                        self.assertEqual(ran.stream("stdout"), "before\n")
                    began = time.time()
                    self.assertEqual(k.ok("(stays(1), Kept(2), BTreeMap::from([(1, 2)]))").text, "(2, Kept(2), {1: 2})")
                    seconds = time.time() - began
                    k.fails("gone", "cannot find")
                    return seconds
                with self.subTest(what):
                    within(1, die)

    def test_items_of_the_cell_that_died_are_kept(self):
        with Kernel() as k:
            k.fails("fn mine() -> u8 { 7 }\nstd::process::abort()", "SIGABRT", "no variables were lost")
            self.assertEqual(k.ok("mine()").text, "7")

    def test_a_process_that_dies_between_cells(self):
        with Kernel() as k:
            k.ok("let gone = 1;\nstd::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(300)); std::process::abort() });")
            time.sleep(1)
            k.fails("gone", "SIGABRT", "gone", timeout=30)
            self.assertEqual(k.ok("1 + 1").text, "2")

    def test_a_call_that_never_looks_up_is_ended_and_says_what_is_gone(self):
        with Kernel() as k:
            k.ok("let gone = 1;")
            stopped = []

            def stop(elapsed):
                if elapsed > 1.5 and not stopped:
                    stopped.append(time.time())
                    k.manager.interrupt_kernel()
            ran = k.run(f"std::thread::sleep({SECONDS}(600));", during=stop)
            self.assertLess(time.time() - stopped[0], 7)
            self.assertIn("its process was killed; the variable gone was lost; functions and types are kept", ran.error)
            self.assertEqual(k.ok("1 + 1").text, "2")


class Orphans(unittest.TestCase):
    """Nothing outlives its kernel."""

    def children(self, k):
        pid = k.manager.provisioner.process.pid
        found = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True).stdout.splitlines()
        table = [(int(l.split(None, 2)[0]), int(l.split(None, 2)[1]), l.split(None, 2)[2]) for l in found]
        mine, frontier = [], [pid]
        while frontier:
            frontier = [p for p, parent, _ in table if parent in frontier]
            mine += frontier
        return pid, mine

    def test_shutdown_leaves_nothing_behind(self):
        k = Kernel()
        k.ok("1")
        _, children = self.children(k)
        self.assertGreaterEqual(len(children), 1)
        k.manager.shutdown_kernel()
        self.assertEqual(wait_gone(children, 1), [])
        k.close()

    def test_a_killed_kernel_takes_all_with_it(self):
        macro = ("macro_rules! twice { ($($x:tt)*) => { $($x)* $($x)* } }\n"
                 "{ let mut s = 0u64; " + "twice! { " * 17 + "s += 1;" + " }" * 17 + " println!(\"{s}\"); }")
        for what, code in [("running", f"std::thread::sleep({SECONDS}(600));"), ("compiling", macro), ("in the shell", "!sleep 600")]:
            with self.subTest(what):
                k = Kernel()
                k.ok("1")
                k.send(code)
                time.sleep(1)
                pid, children = self.children(k)
                self.assertGreaterEqual(len(children), 2 if what != "running" else 1, what)
                os.kill(pid, signal.SIGKILL)
                self.assertEqual(wait_gone(children, 1), [], what)
                k.close()

    def test_a_killed_front_end_takes_its_kernel_with_it(self):
        front_end = subprocess.Popen(
            [sys.executable, "-c", "import client; k = client.Kernel(); k.ok('1'); print(k.manager.provisioner.pid, flush=True); input()"],
            cwd=os.path.dirname(os.path.abspath(__file__)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        pid = int(front_end.stdout.readline())
        front_end.kill()
        front_end.communicate()
        self.assertEqual(wait_gone([pid], 5), [])


if __name__ == "__main__":
    unittest.main()
