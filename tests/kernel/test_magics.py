"""Magics, shell commands and evcxr's commands: what they show, keep and reject."""
import re, time, unittest
from client import COLOUR, Kernel, within


class Magics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.k = Kernel()
        cls.k.write("people.csv", "Name,age\nAda,36\nAlan,41\n")

    @classmethod
    def tearDownClass(cls):
        cls.k.close()

    def shown(self, code, **options):
        """Returns everything that the cell showed, as text."""
        ran = self.k.ok(code, **options)
        parts = [c["text"] for c in ran.content("stream")]
        for kind in ("execute_result", "display_data"):
            parts += ["\n".join(c["data"].values()) for c in ran.content(kind)]
        return COLOUR.sub("", "\n".join(parts))

    def test_times(self):
        self.assertRegex(self.shown("%time 1 + 1"), r"Wall time: [\d.]+ (ns|µs|ms) \(compiled in [\d.]+ ms\)")
        self.assertIn("Wall time", self.shown("%time let timed = vec![1, 2];"))
        self.assertEqual(self.k.ok("timed.len()").text, "2")
        self.assertIn("3", self.shown("%%time\nlet a = 1;\na + 2"))
        self.assertRegex(self.shown("%timeit (0..100u64).sum::<u64>()"), r"[\d.]+ (ns|µs|ms) ± [\d.]+ (ps|ns|µs|ms) per loop \(mean ± std. dev. of 7 runs, \d+ loops each")
        self.assertIn("of 2 runs, 5 loops each", self.shown("%%timeit -n 5 -r 2 let v = vec![1u64; 10];\nv.iter().sum::<u64>()"))
        self.k.fails("%timeit \"x\".parse::<i32>()?", "invalid digit", "column 9")
        self.k.fails("%timeit -n x 1", "-n needs a number")
        self.k.fails("%time", "no code to run")

        def slept():
            said = self.shown("%time std::thread::sleep(std::time::Duration::from_millis(300))")
            return float(re.search(r"Wall time: (\d+\.\d) ms", said)[1]) / 1e3
        self.assertGreaterEqual(within(0.31, slept), 0.3, "the time of compiling is apart")

    def test_magics_stand_among_statements(self):
        ran = self.k.ok("let base = 20;\n%time let more = base + 1;\nmore * 2")
        self.assertEqual(ran.text, "42")
        self.k.fails("let fine = 1;\n%time nothing_here\n2", "cannot find", "line 2, column 7")

    def test_comments_may_stand_before_a_magic(self):
        self.assertIn("Wall time", self.shown("/* slow */ %time 1 + 1"))
        self.assertIn("hi", self.shown("/* a\n b */ !echo hi"))
        self.assertIn("Wall time", self.shown("let beside = 2;\n/* c */ %time beside + 1"))

    def test_who(self):
        self.k.ok("let a_name = 5u8;\nlet a_list = vec![String::new()];")
        said = self.shown("%who")
        for part in ["a_name", "u8", "Vec&lt;String&gt;", "Vec<String>"]:
            self.assertIn(part, said)
        self.assertNotIn("a_name", self.shown("%who Vec"))

    def test_environment(self):
        self.assertIn("RASK_TEST=of the magic", self.shown("%env RASK_TEST=of the magic"))
        self.assertEqual(self.k.ok('std::env::var("RASK_TEST")?').text, '"of the magic"')
        self.assertEqual(self.k.ok("!echo $RASK_TEST").stream("stdout"), "of the magic\n")
        self.k.fails("std::process::abort()", "SIGABRT")
        self.assertEqual(self.k.ok('std::env::var("RASK_TEST")?').text, '"of the magic"')
        self.k.fails("%env RASK_TES", "did you mean RASK_TEST?")
        self.assertNotIn("RUSTC_WRAPPER", self.shown("!env"))

    def test_the_shell(self):
        ran = self.k.ok("!echo out; echo err >&2")
        self.assertEqual((ran.stream("stdout"), ran.stream("stderr")), ("out\n", "err\n"))
        self.k.fails("!exit 3", "exit status: 3")
        self.assertEqual(self.shown("%%bash\nfor i in 1 2; do echo $i; done"), "1\n2\n")
        first = []
        msg_id = self.k.send("!echo early; sleep 3; echo late")
        began = time.time()
        while not first:
            m = self.k.client.get_iopub_msg(timeout=5)
            if m["msg_type"] == "stream":
                first.append((m["content"]["text"], time.time() - began))
        self.assertEqual(first[0][0], "early\n")
        self.assertLess(first[0][1], 2.5, "the shell's output streams")
        states = []
        while "idle" not in states:
            m = self.k.client.get_iopub_msg(timeout=5)
            if m["parent_header"].get("msg_id") == msg_id and m["msg_type"] == "status":
                states.append(m["content"]["execution_state"])
        self.k.client.get_shell_msg(timeout=5)

    def test_sql_sees_the_frames(self):
        self.k.ok('let people = read_csv("people.csv");\nlet computed = people.compute()?;')
        self.assertIn(">77<", self.shown("%%sql\nselect sum(age) as s from people"))
        self.assertIn("Alan", self.shown("%%sql\nSELECT Name FROM people WHERE age > 40"))
        self.assertIn(">36<", self.shown("%%sql youngest\nselect min(age) as m from computed;"))
        self.assertEqual(self.k.ok('youngest.compute()?.column("m")?.to_vec::<i64>()?').text, "[36]")
        ran = self.k.fails("%%sql\nselect nope from people", "nope", "Name")
        self.assertNotIn("rask::frame", ran.traceback)
        self.k.fails("%%sql\ndrop table people", "sql")
        self.k.fails("%%sql\n", "no query")
        self.k.fails("%%sql not a name\nselect 1", "invalid variable name")

    def test_sql_negates_unsigned_columns(self):
        self.k.ok('let small = DataFrame::from_columns([("u", Series::from_iter([1u8, 200]))]);')
        self.assertIn("-200", self.shown("%%sql\nselect -u from small order by -u"))

    def test_rich_text(self):
        [html] = self.k.ok("%%html\n<b>bold</b>").content("display_data")
        self.assertEqual(html["data"]["text/html"], "<b>bold</b>")
        [markdown] = self.k.ok("%%markdown\n# Head").content("display_data")
        self.assertEqual(markdown["data"]["text/markdown"], "# Head")

    def test_load(self):
        ran = self.k.ok("%load people.csv")
        [payload] = ran.reply["payload"]
        self.assertEqual((payload["source"], payload["replace"]), ("set_next_input", True))
        self.assertIn("Ada,36", payload["text"])
        self.k.fails("%load missing.rs", "missing.rs")

    def test_help(self):
        said = self.shown("%lsmagic")
        for name in ["%time", "%%time", "%timeit", "%%timeit", "%who", "%reset", "%dep", "%env", "%load", "%%sql", "%%html", "%%markdown", "%%bash", "%lsmagic"]:
            self.assertIn(name, said)
        self.assertIn("runs the statement", self.shown("%time?"))
        self.k.fails("%tiem 1", "unknown magic %tiem", "did you mean %time?")
        self.k.fails("%nonsense", "nonsense")

    def test_commands_of_evcxr(self):
        self.k.ok("let shown_here = 7u16;")
        for code, part in [(":vars", "shown_here"), (":type shown_here", "u16"), (":version", "0.22"), (":help", ":dep"), (":show_deps", "chrono"), (":opt 2", "2"),
                           (":opt auto", "auto"), (":doc Vec::push", "Appends an element"), (":explain", "")]:
            if part:
                self.assertIn(part, self.shown(code), code)
        self.assertIn("Timing: true", self.shown(":timing"))
        self.assertRegex(self.shown("1 + 1"), r"compiled in [\d.]+ ms, ran in [\d.]+ (ns|µs|ms)")
        self.k.ok(":timing")
        self.k.ok(":fmt {:#?}")
        self.assertEqual(self.k.ok("Some(1)").text, "Some(\n    1,\n)")
        self.k.ok(":fmt")
        self.k.ok(":types")
        self.assertIn("Option<i32> = Some(1)", self.k.ok("Some(1)").text)
        self.k.ok(":types")
        self.k.ok(":efmt {:?}")
        self.k.fails('"x".parse::<i32>()?', "InvalidDigit")
        self.k.ok(":efmt {}")
        self.k.fails(":quit", "front end")
        self.k.fails(":toolchain nightly", "compiles cells itself")
        self.k.fails(":dpe x", "did you mean :dep?")

    def test_dependencies(self):
        ran = self.k.ok(':dep uuid = { version = "1", features = ["serde"] }\n:dep smallvec = "1"\nlet nil = uuid::Uuid::nil();\nlet few: smallvec::SmallVec<[u8; 4]> = smallvec::smallvec![1, 2];\nfew.len()', timeout=300)
        self.assertEqual(ran.text, "2")
        self.assertRegex(ran.stream("stderr"), r"built \d+ crates in")
        quick = self.k.ok("nil.to_string()")
        self.assertEqual(quick.text, '"00000000-0000-0000-0000-000000000000"')
        self.assertLess(min(self.k.ok(f"few.len() + {i}").seconds for i in range(6)), 0.5, "cargo is left out where nothing changed")
        self.k.fails(':dep no_such_crate_anywhere = "1"', "no matching package", timeout=120)
        self.k.fails(':dep uuid = "99"', "uuid", timeout=120)
        self.assertEqual(self.k.ok("few.len()", timeout=120).text, "2")

    def test_reset(self):
        with Kernel() as k:
            k.ok("let gone = 1;\nfn also_gone() {}")
            k.ok("%reset")
            k.fails("gone", "cannot find")
            k.fails("also_gone()", "cannot find")
            self.assertEqual(k.ok("col(\"a\").gt(1);\nlet again = vec![1];\nagain.len()").text, "1")
            k.ok(":clear")
            k.fails("again", "cannot find")


class Kept(unittest.TestCase):
    """Variables that cannot be kept for later cells, and the suggested rewrites."""

    def test_each_has_a_rewrite(self):
        with Kernel() as k:
            k.ok("let v = vec![1, 2, 3];\nfn evens() -> impl Iterator<Item = i32> { (0..9).step_by(2) }")
            for code, parts in [
                ("let f = |x: i32| x + 1;", ["`f` is a closure", "let f: Box<dyn Fn(i32) -> i32> = Box::new(|x: i32| x + 1);", "line 1, column 5"]),
                ("let it = (0..3).map(|x| x + 1);", ["let it = (0..3).map(|x| x + 1).collect::<Vec<_>>();"]),
                ("let e = evens();", ["impl Iterator<Item = i32>", "Box<dyn Iterator<Item = i32>> = Box::new(evens());"]),
                ("let r = &v;", ["`r` borrows from `v`", "let r = v.clone();", "Arc::new(v)"]),
                ("let part = &v[1..];", ["let part = v[1..].to_owned();"]),
                ("let i = v.iter();", ["let i = v.iter().cloned().collect::<Vec<_>>();"]),
            ]:
                k.fails(code, *parts, "in a block")
                self.assertEqual(k.ok("v.len()").text, "3")
            # The rewrites work.
            k.ok("let f: Box<dyn Fn(i32) -> i32> = Box::new(|x: i32| x + 1);\nlet it = (0..3).map(|x| x + 1).collect::<Vec<_>>();\n"
                 "let e: Box<dyn Iterator<Item = i32>> = Box::new(evens());\nlet part = v[1..].to_owned();\nlet i = v.iter().cloned().collect::<Vec<_>>();")
            self.assertEqual(k.ok("(f(1), it.len(), e.sum::<i32>(), part.len(), i.len())").text, "(2, 3, 20, 2, 3)")

    def test_types_that_only_the_compiler_knows(self):
        with Kernel() as k:
            k.ok("use std::collections::HashMap;\nlet m: HashMap<_, _> = [(1, 2.5)].into();")
            self.assertEqual(k.ok("m[&1]").text, "2.5")

    def test_names_with_patterns(self):
        with Kernel() as k:
            k.ok("let (mut a, b) = (1, \"two\");\nlet [c, .., d] = [1u8, 2, 3];\nlet Some(e) = Some(5) else { panic!() };\nstruct P { x: i32 }\nlet P { x: f } = P { x: 6 };\nlet g;\nif a > 0 { g = 7u8 } else { g = 0 }\na += 1;")
            self.assertEqual(k.ok("(a, b, c, d, e, f, g)").text, '(2, "two", 1, 3, 5, 6, 7)')

    def test_warnings_are_shown_and_are_no_errors(self):
        with Kernel() as k:
            ran = k.ok("std::fs::read(\"x\");\n1 + 1")
            said = COLOUR.sub("", ran.stream("stderr"))
            for part in ["warning: unused `Result` that must be used", "line 1, column 1", "let _ = std::fs::read"]:
                self.assertIn(part, said)
            self.assertLess(ran.kinds.index("stream"), ran.kinds.index("execute_result"))
            self.assertEqual(k.ok("let unused = 1;\nfn never_called() {}").stream("stderr"), "")
            self.assertIn("copy of the static N", k.ok("static N: std::sync::Mutex<i32> = std::sync::Mutex::new(0);").stream("stderr"))

    def test_the_compilers_fix_is_shown_in_the_users_line(self):
        with Kernel() as k:
            k.fails("fn f(s: String) {}\nlet s = String::from(\"x\");\nf(&s)", "consider removing the borrow", "3 | f(s)")
            k.fails("vec![1].lenn()", "there is a method `len`", "1 | vec![1].len()")
            k.ok("let v = vec![1];")
            k.fails("v.push(2)", "let mut v = v;")

    def test_a_panic_names_the_cell_of_the_function(self):
        with Kernel() as k:
            first = k.ok("// a comment\nfn inside(n: usize) -> u8 {\n    [1, 2][n]\n}").reply["execution_count"]
            k.ok("1")
            k.fails("inside(5)", f"cell [{first}], line 3, column 5", "[1, 2][n]")
            second = k.ok("fn task(n: u64) -> u64 { assert!(n > 1, \"small\"); n }").reply["execution_count"]
            k.fails("delayed(task).call((1,)).compute()?", "small", f"cell [{second}], line 1")


if __name__ == "__main__":
    unittest.main()
