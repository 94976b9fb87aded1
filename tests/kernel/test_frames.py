"""Data frames through the installed kernel: more rows than fit into memory, and the live view of a scan."""
import unittest
from client import Kernel

PEAK = ('fn peak() -> i64 { std::fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM"))'
        '.unwrap().split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1024 }')


class FramesBeyondMemory(unittest.TestCase):
    """A frame of 1.3 GB that is generated on the fly, with a memory limit of 100 MB."""

    @classmethod
    def setUpClass(cls):
        cls.k = Kernel()
        cls.k.ok(PEAK)
        cls.k.ok('let client = Client::local().workers(2).threads_per_worker(1).memory_limit("50MB").start()?;\n'
                 'let df = datasets::timeseries_between("2000-01-01", "2001-01-01", "1s");\n'
                 'assert_eq!(df.len()?, 366 * 86_400);')
        cls.k.ok('std::fs::write("/proc/self/clear_refs", "5")?; let before = peak();')

    @classmethod
    def tearDownClass(cls):
        cls.k.close()

    def within(self, code, want):
        ran = self.k.ok(code, timeout=300)
        self.assertRegex(ran.text, want)
        self.assertLess(int(self.k.ok("peak() - before").text), 420, "MB above the idle process")

    def test_sorts_go_to_disk(self):
        self.within('let first = df.sort_values("x").col("x").head(1)?.to_vec::<f64>()?[0];\n'
                    'first == df.col("x").min().compute()?.as_f64().unwrap()', "true")
        self.within('df.select(["x", "id"]).sort_values("x").to_parquet("sorted.parquet")?;\nlet sorted = read_parquet("sorted.parquet");\nsorted.len()?', "^31622400$")
        # A closure holds a whole partition and a copy of it as a vector, and so does the concurrent one.
        ran = self.k.ok('let falls = sorted.repartition(20).map_partitions(|part| {\n    let x = part.column("x")?.to_vec::<f64>()?;\n'
                        '    DataFrame::from_columns([("n", Series::from_iter([x.windows(2).filter(|w| w[0] > w[1]).count() as i64]))]).compute()\n});\n'
                        'falls.col("n").sum().compute()?', timeout=300)
        self.assertEqual(ran.text, "0")

    def test_groups_go_to_disk(self):
        self.within('df.with_column("k", (col("x") * 1e7).floor()).groupby("k").agg([("n", "id", "count"), ("s", "y", "sum")]).col("n").sum().compute()?', "^31622400$")

    def test_joins_go_to_disk(self):
        self.within('let (a, b) = (df.select(["timestamp", "x"]), df.select(["timestamp", "id"]));\na.merge(&b, "timestamp").col("id").count().compute()?', "^31622400$")

    def test_partitions_go_to_disk(self):
        self.within('let parts = df.repartition(40);\n(parts.npartitions(), parts.len()?, parts.get_partition(39).len()?)', r"\(40, 31622400, 790560\)")

    def test_what_is_too_large_to_keep_says_so(self):
        for code in ("df.compute()?", "df.persist()?"):
            self.k.fails(code, "memory limit of 95.37 MiB", timeout=120)


class ScansInTheLiveView(unittest.TestCase):
    def test_rows_and_bytes_of_a_scan(self):
        with Kernel() as k:
            k.write("t.csv", "a,b,c\n" + "".join(f"{i},{i * 7 % 1000},text {i}\n" for i in range(1_000_000)))
            ran = k.ok('let df = read_csv("t.csv").with_column("d", col("c").map(|s: &str| (0..10_000u64).fold(s.len() as u64, |a, b| a.wrapping_mul(31).wrapping_add(b)) as i64));\n'
                       'df.groupby("b").agg([("n", "d", "max")]).compute()?.len()', timeout=120)
            self.assertEqual(ran.text, "1000")
            shown = [m["content"]["data"].get("text/html", "") for m in ran.messages if m["msg_type"] in ("display_data", "update_display_data")]
            self.assertRegex(shown[-1], r"read-csv.*1,000,000 rows, [\d.]+ MiB read")
            self.assertRegex(shown[-1], r"groupby-aggregate.*1,000 rows")


class NullsInFilters(unittest.TestCase):
    def test_no_condition_and_no_negation_lets_a_null_through(self):
        conditions = ['col("x").isin([1])', 'col("x").eq(1)', 'col("x").gt(1)', 'col("x").between(1, 1)', 'col("s").eq("ax")',
                      'col("s").str().contains("x")', 'col("s").str().startswith("a")', 'col("s").str().endswith("x")']
        with Kernel() as k:
            k.ok('let d = DataFrame::from_columns([("x", Series::from_iter([Some(1i64), None, Some(2)])), '
                 '("s", Series::from_iter([Some("ax"), None, Some("b")]))]);')
            ran = k.ok("".join(f"println!(\"{{}} {{}} {{}}\", d.filter({c}).len()?, d.filter(!{c}).len()?, d.filter(!{c}.fillna(false)).len()?);\n"
                               for c in conditions))
            self.assertEqual(ran.stream("stdout").split("\n")[:-1], ["1 1 2"] * len(conditions))


if __name__ == "__main__":
    unittest.main()
