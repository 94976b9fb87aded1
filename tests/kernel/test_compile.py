"""How cells are compiled: by compilers that are started ahead, and what each kind of cell costs."""
import json, os, resource, signal, statistics, subprocess, tempfile, time, unittest
from client import Kernel
from jupyter_client.kernelspec import KernelSpecManager


def waiting(k):
    """Returns the ids of the compilers that wait for a cell, by their level of optimisation."""
    kernel, found = k.manager.provisioner.process.pid, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            args = open(f"/proc/{pid}/cmdline").read().split("\0")
            parent = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue  # It has ended.
        if int(parent) == kernel and "src/root.rs" in args and os.path.basename(args[0]) == "rustc":
            found[next(a[-1] for a in args if a.startswith("-Copt-level="))] = int(pid)
    return found


def spares(k, other_than=()):
    """Waits until two compilers wait that are not among `other_than`."""
    deadline = time.time() + 30
    while True:
        found = waiting(k)
        if set(found) == {"0", "2"} and not set(found.values()) & set(other_than):
            return found
        assert time.time() < deadline, f"no compilers wait: {found}, besides {other_than}"
        time.sleep(0.02)


def session(k):
    """Returns the folder of the session."""
    [folder] = {os.path.dirname(os.readlink(f"/proc/{pid}/cwd")) for pid in spares(k).values()}
    return folder


# What a compiler that was started ahead cannot do, or would be mistaken in if it were not done with care.
CELLS = [
    ("a macro by its absolute path", "#[macro_export] macro_rules! twice { ($x:expr) => { 2 * $x } }\ncrate::twice!(21)", "42"),
    ("a type with a name of the prelude", "#[derive(Debug)] struct Bag(u8);\nBag(1)", "Bag(1)"),
    ("a macro with a name of std", "macro_rules! vec { ($x:expr) => { $x } }\nvec!(7)", "7"),
    ("a source larger than a pipe", "\"" + "x" * 300_000 + "\".len()", "300000"),
    ("the place of the source", "(file!(), module_path!())", '("src/lib.rs", "ctx")'),
    ("128 bits", "(std::hint::black_box(u128::MAX) / std::hint::black_box(10), std::hint::black_box(7i128).checked_mul(-3))",
     "(34028236692093846346337460743176821145, Some(-21))"),
    ("functions of libm", "{ let x: f64 = std::hint::black_box(0.5); (x.powf(2.0), x.sin().mul_add(2.0, 0.0) == 2.0 * x.sin(), 7.5f64 % std::hint::black_box(2.0)) }", "(0.25, true, 1.5)"),
    ("a panic that is caught", "std::panic::catch_unwind(|| { if std::hint::black_box(true) { panic!(\"caught\") } }).is_err()", "true"),
]

# What the compiler says must be the same in both ways: the words, the lines, and the suggestions.
BAD = [
    "let x: u8 = \"a\";\nx", "1 +", "panic!(\"here\")", "unknown_name", "let m = HashMap::new();", "vec![1].nothing()", "let s = String::from(\"a\");\nlet t = s;\ns.len() + t.len()",
    "let mut v = vec![1];\nlet first = &v[0];\nv.push(2);\nfirst.to_string()", "fn f(x: &str) -> &str { x }\nf(1)", "fn g(a: u8, b: u8) -> u8 { a + b }\ng(1)",
    "struct P { x: u8 }\nprintln!(\"{}\", P { x: 1 });", "std::collections::HashMap::<f64, u8>::new().insert(1.0, 2)", "let t: std::thread::JoinHandle<u8> = std::thread::spawn(|| std::rc::Rc::new(1));",
    "nothing!(1)", "use nowhere::Thing;", "match Some(1) { Some(x) => x }", "let n = \"1\".parse().unwrap();\nprintln!(\"{n}\")", "fn h<T: Ord>(x: T) -> T { x }\nh(1.0)",
    "#[deprecated] fn old() {}\nold()", "fn unused(x: u8) -> Result<u8, String> { Ok(x) }\nunused(1);\nlet y = 1;", "unsafe extern \"C\" { fn nowhere(); }\nunsafe { nowhere() }",
    "impl Clone for Vec<u8> { fn clone(&self) -> Self { vec![] } }", "trait T { fn a(&self); }\nstruct S;\nimpl T for S {}", "#[derive(Debug, Clone, Copy)] struct W(String);", "const N: u8 = 256;",
]


class Ahead(unittest.TestCase):
    def test_a_cell_is_compiled_by_the_waiting_compiler(self):
        with Kernel() as k:
            for level, code in [("0", "1 + 1"), ("2", "(0..3).map(|x| x * 2).sum::<i32>()"), ("0", "1 + 2")]:
                before = spares(k)
                k.ok(code)
                after = spares(k, [before[level]])
                other = {"0": "2", "2": "0"}[level]
                self.assertEqual(after[other], before[other], f"{code} is compiled at level {level}")
            self.assertEqual(sum(name.startswith("spare-") for name in os.listdir(session(k))), 2, "the folders of used compilers are removed")
            last = spares(k)
        deadline = time.time() + 10
        while any(os.path.exists(f"/proc/{pid}") for pid in last.values()):
            self.assertLess(time.time(), deadline, "the compilers end with the kernel")
            time.sleep(0.05)

    def test_cells_give_the_same_in_both_ways(self):
        """The second kernel has no spares: its socket is removed."""
        with Kernel() as ahead, Kernel() as usual:
            os.remove(os.path.join(session(usual), "spare.sock"))
            for what, code, want in CELLS:
                with self.subTest(what):
                    for k in (ahead, usual):
                        self.assertEqual(k.ok(code).text, want)
            for code in BAD:
                with self.subTest(code):
                    one, two = ahead.run(code), usual.run(code)
                    self.assertEqual(one.reply["status"], two.reply["status"])
                    self.assertEqual(one.stream("stderr"), two.stream("stderr"))
                    if one.reply["status"] == "error":
                        self.assertEqual((one.error, one.traceback), (two.error, two.traceback))

    def test_a_compiler_that_was_killed_is_replaced(self):
        with Kernel() as k:
            for _ in range(2):
                before = spares(k)
                for pid in before.values():
                    os.kill(pid, signal.SIGKILL)
                self.assertEqual(k.ok("2 + 3").text, "5")
                self.assertEqual(k.ok("(0..3).map(|x| x * 2).sum::<i32>()").text, "6")
                spares(k, before.values())

    def test_a_cell_right_after_the_start_does_not_wait_for_rust_analyzer(self):
        """Types that the compiler tells are the same, and where it cannot tell them, rust-analyzer is waited for."""
        for code, then, want in [
            ("let a = vec![1, 2];\nlet (b, c) = (a.len(), \"x\".to_owned());\nlet d = a.iter().map(|x| x * 2).sum::<i32>();", "(a, b, c, d)", '([1, 2], 2, "x", 6)'),
            ("let df = DataFrame::from_columns([(\"k\", Series::from_iter(0..3i64))]);\nlet n = df.len()?;", "(df.columns()?, n)", '(["k"], 3)'),
        ]:
            with Kernel() as k:
                k.ok(code)
                self.assertEqual(k.ok(then).text.replace("\n", ""), want)
        with Kernel() as k:
            early = k.fails("let f = |x: i32| x + 1;", "is a closure", "Box<dyn Fn(i32) -> i32>")
            self.assertEqual(early.error, k.fails("let f = |x: i32| x + 1;").error)
        with Kernel() as k:
            early = k.fails("let a = 1;\nlet b: String = a;", "mismatched types")
            self.assertEqual(early.traceback.replace("[1]", "[2]"), k.fails("let a = 1;\nlet b: String = a;").traceback)


# The cost of a cell of each kind, at most, in units: the CPU time of rustc for an empty library, which is measured in turn.
# What a compiler that is started ahead does before the cell comes counts too, and so does a wrapper.
KINDS = [
    ("a plain cell", "1 + {i}", 4),
    ("a variable", "let v{i} = {i};", 4),
    ("text", "format!(\"{{}} apples\", {i})", 5),
    ("a frame", "df.filter(col(\"x\").gt({i})).head(3)?", 6),
    ("a group", "df.groupby(\"k\").mean(\"x\").compute()?.len() + {i}", 6),
    ("a query", "sql(\"select k, sum(x) from df where x > {i} group by k\", [(\"df\", &df)]).compute()?", 8),
    ("an array", "(&x * 2.0 + {i}.0).sum().compute()?", 7),
    ("an iterator", "(0..{i}i64).map(|x| x * 2).collect::<Vec<_>>()", 8),
    ("a function", "fn f{i}(x: u64) -> u64 {{ x + {i} }}", 4),
    ("a closure in a bag", "Bag::from_iter(0..10i64).map(|x| x * {i}).sum().compute()?", 11),
    ("a delayed call", "delayed(|x: u64| x + {i}).call((1,)).compute()?", 9),
]


class Cost(unittest.TestCase):
    def unit(self, folder):
        """Returns the CPU seconds of rustc for an empty library."""
        spec = KernelSpecManager().get_kernel_spec("rask")
        manifest = json.load(open(os.path.join(spec.argv[spec.argv.index("--runtime") + 1], "runtime.json")))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([os.path.join(manifest["sysroot"], "bin", "rustc"), "-", "--crate-type", "cdylib", "-Cprefer-dynamic", "-o", os.path.join(folder, "empty.so")],
                       input=b"", check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def test_each_kind_of_cell(self):
        with Kernel() as k, tempfile.TemporaryDirectory() as folder:
            k.ok("let df = DataFrame::from_columns([(\"k\", Series::from_iter((0..100i64).map(|i| i % 7))), (\"x\", Series::from_iter((0..100i64).map(|i| i as f64)))]);")
            k.ok("let x = da::arange(0.0..100.0);")
            costs, units = {what: [] for what, _, _ in KINDS}, []
            for i in range(2, 9):
                units.append(self.unit(folder))
                for what, code, _ in KINDS:
                    before = k.spent()
                    k.ok(code.format(i=i))
                    spares(k)
                    costs[what].append(k.spent() - before)
            unit = min(units)
            print(f"      an empty library {unit * 1e3:.0f} ms;", ", ".join(f"{what} {statistics.median(c) / unit:.1f}" for what, c in costs.items()))
            for what, _, limit in KINDS:
                with self.subTest(what):
                    self.assertLess(min(costs[what]) / unit, limit)


if __name__ == "__main__":
    unittest.main()
