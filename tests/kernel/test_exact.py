"""Sums and statistics of frames: the exact value rounded once, compared with Python's fractions, and the same bits for any
partitions, workers and memory."""
import math, random, struct, unittest
from fractions import Fraction
from client import Kernel

ROWS, GROUPS = 3000, 13
PARTITIONS = (1, 2, 3, 10, 57)
SHORT = ("sum", "mean", "var", "std", "sem", "skew", "kurt", "prod")


def ulps(a, b):
    """Returns the number of floats between two."""
    def place(x):
        bits = struct.unpack("<q", struct.pack("<d", x))[0]
        return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)
    return abs(place(a) - place(b))


def root(x):
    """Returns the square root of a fraction, to 200 bits."""
    return Fraction(math.isqrt((x.numerator << 400) // x.denominator), 1 << 200)


def exact(values):
    """Returns the expected values: sum and mean to the last bit, all others as fractions."""
    x = [Fraction(v) for v in values]
    n, total = len(x), sum(x)
    m2, m3, m4 = (sum((v - total / n) ** k for v in x) / n for k in (2, 3, 4))
    var = m2 * n / (n - 1)
    return {"sum": total, "mean": total / n, "var": var, "std": root(var), "sem": root(var / n), "prod": math.prod(x),
            "skew": root(Fraction(n * (n - 1))) / (n - 2) * m3 / (m2 * root(m2)),
            "kurt": Fraction(n - 1, (n - 2) * (n - 3)) * ((n + 1) * m4 / m2 ** 2 - 3 * (n - 1))}


class ExactSums(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rng = random.Random(4)
        cls.columns = {
            "short": [rng.randrange(-99_999, 99_999) / 1000 for _ in range(ROWS)],
            "wide": [(rng.random() - 0.5) * 10 ** rng.randrange(-12, 12) for _ in range(ROWS)],
            # Values up to the largest float that cancel: no overflow of a partial sum may be permanent.
            "huge": [s * v for v in ((rng.random() + 0.1) * 10 ** rng.randrange(-300, 308) for _ in range(ROWS // 2)) for s in (1, -1)],
        }
        cls.columns["huge"][7::GROUPS] = [rng.random() for _ in cls.columns["huge"][7::GROUPS]]
        order = rng.sample(range(ROWS), ROWS)
        cls.columns["huge"] = [cls.columns["huge"][i] for i in order]
        cls.k = Kernel()
        lines = (",".join(repr(v) for v in row) for row in zip((i % GROUPS for i in range(ROWS)), *cls.columns.values()))
        cls.k.write("t.csv", "g," + ",".join(cls.columns) + "\n" + "\n".join(lines) + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.k.close()

    def one_answer(self, result, workers=(1, 4, 16)):
        """A result, which is the same however it is computed."""
        seen = set()
        for n in workers:
            self.k.ok(f"let _client = Client::local().workers({n}).threads_per_worker(1).start()?;")
            seen.add(self.k.ok("let mut seen = std::collections::BTreeSet::new();\n"
                               f"for n in {list(PARTITIONS)} {{ let df = df.repartition(n); seen.insert(format!(\"{{:?}}\", {result})); }}\n"
                               "println!(\"{}\", seen.iter().map(String::as_str).collect::<Vec<_>>().join(\"\\n\"));").stream("stdout").strip())
        self.assertEqual(len(seen), 1, result)
        [answer] = seen
        self.assertEqual(answer.count("\n"), 0, f"{result}: {answer[:2000]}")
        return answer

    def check(self, name, got, values, kinds):
        want = exact(values)
        for kind, value in zip(kinds, got):
            try:
                right = float(want[kind])
            except OverflowError:
                right = math.inf if want[kind] > 0 else -math.inf
            self.assertLessEqual(ulps(value, right), 0 if kind in ("sum", "mean", "prod") else 4, (name, kind, value, right))

    def test_groups_are_right_to_the_last_bit(self):
        self.k.ok('let df = read_csv("t.csv");')
        for name, kinds in (("short", SHORT[:7]), ("wide", SHORT), ("huge", ("sum", "mean", "prod"))):
            specs = ", ".join(f'("{k}", "{name}", "{k}")' for k in kinds)
            one = ", ".join(f't.column("{k}")?.to_vec::<f64>()?' for k in kinds)
            answer = self.one_answer(f'{{ let t = df.groupby("g").agg([{specs}]).compute()?; ({one}) }}')
            columns = eval(answer.replace("inf", "math.inf"))
            for g in range(GROUPS):
                self.check(f"{name} of group {g}", [c[g] for c in columns], self.columns[name][g::GROUPS], kinds)

    def test_columns_sql_and_running_sums_are_right_to_the_last_bit(self):
        self.k.ok('let df = read_csv("t.csv");')
        for name, values in self.columns.items():
            kinds = SHORT[:5] if name != "huge" else ("sum", "mean")
            one = ", ".join(f'df.col("{name}").{k}().compute()?.as_f64()' for k in kinds)
            got = eval(self.one_answer(f"({one},)").replace("Some", "").replace("inf", "math.inf"))
            self.check(name, got, values, kinds)
            query = f'select sum({name}) as s, avg({name}) as m, sum(distinct {name}) as d from df'
            got = self.one_answer(f'{{ let t = sql("{query}", [("df", &df)]).compute()?; ["s", "m", "d"].map(|n| t.column(n).and_then(|c| c.to_vec::<f64>()).unwrap()[0]) }}')
            s, m, d = eval(got.replace("inf", "math.inf"))
            self.check(name, (s, m), values, ("sum", "mean"))
            self.assertEqual(d, float(sum(Fraction(v) for v in set(values))))
            running, total = [], Fraction(0)
            for v in values:
                total += Fraction(v)
                running.append(float(total))
            self.assertEqual(eval(self.one_answer(f'df.with_column("c", col("{name}").cumsum()).compute()?.column("c")?.to_vec::<f64>()?')), running)
        rolled = eval(self.one_answer('df.with_column("c", col("wide").rolling(7).sum()).compute()?.column("c")?.to_vec::<Option<f64>>()?')
                      .replace("Some", ""))
        wide = [Fraction(v) for v in self.columns["wide"]]
        self.assertEqual(rolled[6:], [float(sum(wide[i - 6:i + 1])) for i in range(6, ROWS)])

    def test_pairs_are_the_same_for_any_partitions(self):
        self.k.ok('let df = read_csv("t.csv");')
        got = eval(self.one_answer('(df.col("short").cov("wide").compute()?.as_f64(), df.col("short").corr("wide").compute()?.as_f64())').replace("Some", ""))
        x, y = ([Fraction(v) for v in self.columns[c]] for c in ("short", "wide"))
        mx, my = sum(x) / ROWS, sum(y) / ROWS
        xy, xx, yy = (sum((a - m) * (b - n) for a, b in zip(p, q)) for p, q, m, n in ((x, y, mx, my), (x, x, mx, mx), (y, y, my, my)))
        for value, right in zip(got, (xy / (ROWS - 1), xy / root(xx * yy))):
            self.assertLessEqual(ulps(value, float(right)), 4)

    def test_what_goes_to_disk_has_the_same_bits(self):
        digest = ('let t = datasets::timeseries_between("2000-01-01", "2000-01-08", "1s").with_column("k", (col("x") * 1e7).floor())'
                  '.groupby("k").agg([("s", "y", "sum"), ("d", "x", "std"), ("m", "y", "mean")]);\n'
                  'fn bits(c: &str) -> Expr { col(c).map(|x: f64| (x.to_bits() % 1_000_003) as i64) }\n'
                  'let all = t.with_columns([("s", bits("s")), ("d", bits("d")), ("m", bits("m"))]).sum().compute()?;\n'
                  '["s", "d", "m"].map(|c| all.column(c).and_then(|c| c.sum::<i64>()).unwrap())')
        seen = set()
        for workers, limit in ((2, "2GB"), (5, "8MB"), (2, "16MB")):
            self.k.ok(f'let _client = Client::local().workers({workers}).threads_per_worker(1).memory_limit("{limit}").start()?;')
            seen.add(self.k.ok(digest, timeout=120).text)
        self.assertEqual(len(seen), 1, seen)
        spilled = self.k.ok('datasets::timeseries_between("2000-01-01", "2000-01-08", "1s").with_column("k", (col("x") * 1e7).floor())'
                            '.groupby("k").sum("y").explain_analyze()?', timeout=120).text
        self.assertRegex(spilled, r"spill_count=[1-9]")
        self.k.ok("let _client = Client::local().start()?;")


if __name__ == "__main__":
    unittest.main()
