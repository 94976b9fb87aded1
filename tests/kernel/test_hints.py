"""The hints for users of pandas under an error: for syntax that Rust does not have, and for every name of the coverage page that
a type does not have."""
import os, re, unittest
from client import COLOUR, Kernel

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "runtime", "src", "frame", "coverage.md")
# An expression of each section of the page to call methods on.
OF = {"DataFrame": "df", "Series": 'df.col("x")', "GroupBy": 'df.groupby("k")', "str": 'col("s").str()', "dt": 'col("t").dt()',
      "cat": 'col("c").cat()', "Rolling": 'col("x").rolling(2)', "Resampler": 'df.resample("1D", "t")'}

# A cell, and the parts that its error must contain.
CASES = [
    ('df["x"]', ['col("x")', 'df.col("x")']),
    ("df.x", ['col("x")', 'df.col("x")']),
    ('df.groupby("k").x.mean()', ['.mean("x")']),
    ('df.filter(col("a") > 60)', [".gt(60)"]),
    ('df.filter(col("a") < 60)', [".lt(60)"]),
    ('df.filter(col("a") == 60)', [".eq(60)"]),
    ('df.filter(col("a") != 60)', [".neq(60)"]),
    ('df.filter(col("a").gt(1) && col("b").gt(2))', ["`&&` of columns is `&`"]),
    ('df.filter(col("a").gt(1) || col("b").gt(2))', ["`||` of columns is `|`"]),
    ('df.filter(!df.col("b"))', ["takes an expression"]),
    ('df.with_column("y", col("x").map(|d| d > 15.0))', ["|d: f64|"]),
    ('df.filter("x > 60")', ['query("x > 60")']),
    ('df.sort_values("x", false)', ["sort_values_descending", "sort_by"]),
    ("df.isnull()", ["isna"]),
    ("df.iloc(0)", ["left out"]),
    ("df.info()", ["`info` of pandas"]),
    ("df.rows()", ["to_rows"]),
    ("df.plot()", ["plot::scatter"]),
    ('to_datetime("t")', ["to_datetime"]),
    ('df.groupby("k").count()', ["columns", ".."]),
    ('df.filter(col("a").isin(col("b")))', ["such as [1, 2]", 'other.col("x")']),
    ('let n = 1;\n!echo hi', ["head of a cell"]),
    ("df.compute().head(3)", ["`?`"]),
]


def names():
    """Returns the names of each section of the page that do not exist under the same name."""
    part, found = "", {}
    for line in open(PAGE, encoding="utf-8"):
        if line.startswith("# "):
            part = line[2:].strip()
        cells = [c.strip() for c in line.split("|")]
        if part in OF and len(cells) == 5 and cells[2] in ("renamed", "left out", "not yet") and re.fullmatch(r"[a-z]\w*", cells[1]):
            found.setdefault(part, []).append(cells[1])
    return found


class Hints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.k = Kernel()
        cls.k.ok('let df = DataFrame::from_columns([("k", Series::from_iter(["a", "b"])), ("x", Series::from_iter([1i64, 2])), '
                 '("a", Series::from_iter([1i64, 2])), ("b", Series::from_iter([true, false]))]);')

    @classmethod
    def tearDownClass(cls):
        cls.k.close()

    def failed(self, code):
        ran = self.k.run(code)
        self.assertEqual(ran.reply["status"], "error", code)
        return ran

    def test_ways_of_writing_that_rust_lacks(self):
        for code, parts in CASES:
            with self.subTest(code):
                ran = self.failed(code)
                for part in parts:
                    self.assertIn(part, ran.traceback + ran.error, code)

    def test_every_name_of_pandas_is_answered(self):
        answered = 0
        for part, all_names in names().items():
            # A method cannot have the name of a keyword.
            all_names = [n for n in all_names if n not in ("match", "mod", "where")]
            ran = self.failed("\n".join(f"{OF[part]}.{name}();" for name in all_names))
            said = ran.traceback
            missing = set(re.findall(r"no method named `(\w+)`", said)) | set(re.findall(r"private method: `(\w+)`", said))
            silent = [n for n in all_names if n in missing and not re.search(rf"`{n}` of pandas|`{n}` here|have `{n}`|has it|have it", said)]
            self.assertEqual(silent, [], part)
            answered += len(missing & set(all_names))
        self.assertGreater(answered, 50)

    def test_a_result_shows_its_table(self):
        ran = self.k.ok("df.head(1)")
        self.assertIn("<table", ran.content("execute_result")[0]["data"].get("text/html", ""))


if __name__ == "__main__":
    unittest.main()
