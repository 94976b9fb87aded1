"""How cells are compiled: by compilers that are started ahead, and what each kind of cell costs."""
import os, signal, time, unittest
from client import Kernel


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
            for code in ["let x: u8 = \"a\";\nx", "1 +", "unsafe extern \"C\" { fn nowhere(); }\nunsafe { nowhere() }", "panic!(\"here\")",
                         "#[deprecated] fn old() {}\nold()"]:
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


if __name__ == "__main__":
    unittest.main()
