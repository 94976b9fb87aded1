"""The tested clients: nbclient, nbconvert, papermill, the console; and the kernel in a long session."""
import os, random, statistics, subprocess, sys, tempfile, time, unittest
import nbformat
from nbclient import NotebookClient
from client import Kernel

BIN = os.path.dirname(sys.executable)


def notebook(folder, *cells):
    file = os.path.join(folder, "book.ipynb")
    spec = {"kernelspec": {"name": "rask", "display_name": "Rust (Rask)", "language": "rust"}, "language_info": {"name": "rust"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=spec), file)
    return file


def run(*args, **options):
    return subprocess.run([os.path.join(BIN, args[0]), *args[1:]], capture_output=True, text=True, timeout=180, **options)


class Tools(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rask-tools-")

    def test_jupyter_execute(self):
        file = notebook(self.folder, "let x = 20;", "%time x + 22", "display(&\"shown\");")
        done = run("jupyter", "execute", "--inplace", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        cells = nbformat.read(file, as_version=4).cells
        self.assertEqual([o.data["text/plain"] for o in cells[1].outputs if o.output_type == "execute_result"], ["42"])
        self.assertEqual(cells[2].outputs[0].data["text/plain"], '"shown"')

    def notebook_says(self, name, promises):
        """Runs a notebook unchanged; each cell shows what the text around it promises. Returns the outputs of all cells by first line."""
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "notebooks", name)
        book = nbformat.read(source, as_version=4)
        NotebookClient(book, timeout=120, kernel_name="rask", resources={"metadata": {"path": self.folder}}).execute()
        said = {c.source.split("\n")[0]: str(c.outputs) for c in book.cells if c.cell_type == "code"}
        for start, parts in promises:
            [output] = [o for cell, o in said.items() if cell.startswith(start)]
            for part in parts:
                self.assertIn(part, output, start)
        return said

    def test_the_notebook_about_bags(self):
        self.notebook_says("02-bags.ipynb", [
            ("fn numerator", ["numerator", "denominator", "divide", "svg"]), ("result.compute", ["0.02273478835978836"]), ("result.visualize", ["colour: duration"]),
            ("let (quotient", ["(3, 2, 17)"]), ("fn load", ["Finished", "121 of 121 tasks", "70210"]), ("let client", ["Workers", "1.86 GiB"]),
            ("let squares", ["[0, 1, 4, 9, 16, 25, 36, 49, 64, 81], 285"]), ("let posts", ["Bag<Attributes>", "3 stages"]), ("posts.take", ['"Id": "0"']),
            ("posts.visualize", ["filter"]), ("let tag =", ['("rust", 2500)']), ("let scores", ["28.0"]), ("posts.foldby", ["(1, 835)", "(2, 1665)"]),
            ("let df", ["&lt;p&gt;", "float64"]), ("df.groupby", ["topic-3"]), ("posts.map(|row| html", ["Post 0 & more"]), ("let kept", ["in memory"]),
            ('posts.map(|row| row["Author"]', ["no attribute", "Author"]), ("kept.count", ["2500"])])

    def test_the_notebook_about_csv_files(self):
        self.notebook_says("03-csv.ipynb", [
            ("// A file with everything", ["id", "datetime", "float64", "lazy"]), ("shop.head", ["and &quot;more&quot;", "2024-02-01"]),
            ("let prices", ["on request", "line 24692", "because"]), ('Csv::new().na_values("on request")', ["44."]),
            ('Csv::new().dtype("price"', ["line 24692", "as float64"]), ('std::fs::write("csv/messy.txt"', ["1234.5", "-7.25", "3 rows"]),
            ('read_csv("csv/*.txt")', ["expected 1 field, saw 2"]), ("let df = shop", ["28 rows"])])

    def test_the_notebook_about_data_frames(self):
        self.notebook_says("04-dataframes.ipynb", [
            ("let flights", ["N14228", "int64"]), ("let df = flights", ["morning", "517.0"]), ("df.with_column(\"code\"", ["N3", "66424"]),
            ("df.groupby([", ["27.418821", "1301"]), ("df.pivot_table", ["18.710169", "LGA"]), ("flights.select([\"dep_delay\", \"arr_delay\", \"distance\"]", ["12.63907", "75%", "1389.0"]),
            ("flights.select([\"dep_delay\", \"arr_delay\", \"air_time\"]", ["0.914803"]), ("let by_airline", ["United Air Lines", "58665"]), ("let weather", ["38.924706", "1.23"]),
            ("let posts", ["[python, dask, pandas]"]), ("tags.filter", ["dask"]), ("%%sql", ["10940"]), ("flights.filter", ["FilterExec", "dep_delay"]),
            ("std::fs::create", ["UA", "58665"]), ("flights.groupby(\"carier\")", ["did you mean", "carrier"]),
            ("let tenths", ["1 partitions: 0.6\\n", "5 partitions: 0.6\\n"]), ("let busiest", ["Chicago Ohare Intl", "17283"]), ("let reports", ["75.92", "VX"]),
            ("weather.resample(\"12h\"", ["2013-01-01T06:00:00", "39.02"])])

    def test_the_notebook_about_arrays(self):
        self.notebook_says("05-arrays.ipynb", [
            ("let x = da::ones", ["(50, 50)", "19.53 kiB", "svg"]), ("let y = &x", ["svg", "add"]), ("y.sum()", ["5000.0"]),
            ("let big", ["11.92 GiB", "(40000, 40000)", "(4096, 4096)"]), ("let part", ["Wall time", "27492237.072440665"]), ("let z", ["(40, 40)"]), ("z.mean()", ["0."]),
            ("da::linspace", ["[0.0, 0.25, 0.5, 0.25, 0.0]"]), ("let m", ["[18, 19, 20, 21, 22, 23]"]),
            ("println!(\"sums", ["[36, 40, 44, 48, 52, 56]", "[5, 11, 17, 23]", "[18, 20, 22]", "over 20     66"]), ("let large", ["(?,)", "float64"]), ("println!(\"{} elements", ["elements, mean 0.999"]),
            ("println!(\"median", ["median        0.499924", "[0.2500, 0.4999, 0.7501]", "[5, 4]", "[0, 1, 3, 6, 10, 15]"]), ("let tall", ["[1004.1, 1002.9, 1002.8]", "true"]), ("let a = da::random_seeded((300", ["true"]),
            ("let smooth", ["[0.33, 1.67, 4.67, 9.67"]), ("m.to_zarr", ["15, 51, 87, 123"]), ("da::zeros", ["polygon", "187.50 kiB"]),
            ("da::ones((3, 4))", ["(3, 4)", "(5, 4)", "expected equal lengths"]), ("(da::full", ["integer overflow", "int64"])])

    def test_the_notebook_about_the_kernel(self):
        said = self.notebook_says("01-kernel.ipynb", [("let mut numbers", ["[1, 2, 3]"]), ("%lsmagic", ["%%sql"]), ("%time let", ["Wall time", "178571417857143"]), ("%timeit", ["per loop"]),
                             ("%who", ["Vec<i32>"]), ("%%sql late", ["OO", "EV", "delay"]), ("!echo", ["files here"]), ("for percent", ["100 %"]), ("let shown", ["done"]),
                             ("fn shout", ["consider removing the borrow"]), ("let first", ["borrows from `numbers`"]), ("let n: i32", ["invalid digit"]),
                             ("std::fs", ["warning", "unused `Result`"]), ("let mut turns", ["true"])])
        self.assertNotIn("0 %\n20 %", said["for percent in (0..=100).step_by(20) {"])

    def test_nbconvert(self):
        file = notebook(self.folder, "let n: u8 = 7; // a note", "n + 1")
        done = run("jupyter", "nbconvert", "--execute", "--to", "html", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        html = open(file.replace(".ipynb", ".html")).read()
        self.assertTrue('class="highlight hl-rust"' in html and '<span class="kd">let</span>' in html, "the code is highlighted as Rust")
        self.assertIn("8", html)
        done = run("jupyter", "nbconvert", "--to", "script", "--execute", "--stdout", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("let n: u8 = 7;", done.stdout)
        notebook(self.folder, "1")
        done = run("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output", "out.ipynb", file)
        self.assertEqual(nbformat.read(os.path.join(self.folder, "out.ipynb"), as_version=4).metadata.language_info.file_extension, ".rs")

    def test_papermill(self):
        out = os.path.join(self.folder, "out.ipynb")
        file = notebook(self.folder, "let x = 20;", "x + 22")
        done = run("papermill", file, out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(nbformat.read(out, as_version=4).cells[1].outputs[0].data["text/plain"], "42")
        file = notebook(self.folder, "let x = 20;", "panic!(\"on purpose\")", "x")
        done = run("papermill", file, out)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("on purpose", done.stderr)

    def test_the_console(self):
        done = run("jupyter", "console", "--kernel", "rask", "--simple-prompt", input="let x = 20;\nx + 22\nprintln!(\"out\");\nexit\n")
        self.assertIn("42", done.stdout, done.stderr)
        self.assertIn("out", done.stdout)


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


class LongDay(unittest.TestCase):
    def test_three_hundred_cells(self):
        """Memory does not grow, no idle is lost, and no cell is much slower than the first ones."""
        dice = random.Random(2026)
        with Kernel() as k:
            k.ok("let mut total = 0u64;\nlet df = DataFrame::from_columns([(\"a\", Series::from_iter(0..1000i64))]);")
            cells = ["total += {i};", "println!(\"line {i}\");", "let v{i} = vec![{i}u64; 10];", "fn f{i}(x: u64) -> u64 {{ x + {i} }}",
                     "df.filter(col(\"a\").gt({i})).len()?", "display(&{i});", "nothing_{i}", "struct S{i} {{ x: u8 }}", "delayed(|x: u64| x + {i}).call((1,)).compute()?"]
            k.ok("total")
            times, sizes = [], []
            evaluator = int(k.ok("std::process::id()").text)
            kernel = k.manager.provisioner.process.pid
            for i in range(300):
                code = dice.choice(cells).format(i=i)
                ran = k.run(code)
                self.assertEqual(ran.reply["status"], "error" if code.startswith("nothing") else "ok", (code, ran.reply))
                if not code.startswith("nothing"):
                    times.append(ran.seconds)
                if i in (99, 299):
                    sizes.append((resident(kernel), resident(evaluator)))
            first, last = statistics.median(times[:60]), statistics.median(times[-60:])
            print(f"      300 cells: first 60 {first * 1e3:.0f} ms, last 60 {last * 1e3:.0f} ms; MB of kernel and evaluator after 100 {sizes[0]}, after 300 {sizes[1]}")
            self.assertLess(last, first * 1.5)
            self.assertLess(sum(sizes[0]), 900)
            self.assertLess(sum(sizes[1]), sum(sizes[0]) * 1.25)

    def test_three_hundred_items_cost_hardly_more_than_six(self):
        with Kernel() as k:
            k.ok("let x = 1;")

            def cell_cost():
                """Returns the CPU seconds of some cells, which hardly depend on the load of the machine."""
                before = k.spent()
                for i in range(15):
                    k.ok(f"x + {i}")
                return (k.spent() - before) / 15
            item = ("#[derive(Debug, Clone, PartialEq)] struct S{i} {{ x: f64, y: Vec<String> }}\nimpl S{i} {{ fn len(&self) -> f64 {{ self.x * {i}.0 + self.y.len() as f64 }} }}\n"
                    "fn make{i}() -> S{i} {{ S{i} {{ x: 1.0, y: vec![] }} }}\nlet s{i} = make{i}();")
            for i in range(2):
                k.ok(item.format(i=i))
            few = cell_cost()
            for count, most in [(34, 1.35), (100, 1.6)]:
                for i in range(2 if count == 34 else 34, count):
                    k.ok(item.format(i=i))
                many = cell_cost()
                print(f"      CPU of a plain cell with 6 items {few * 1e3:.0f} ms, with {3 * count} items and {count} variables {many * 1e3:.0f} ms")
                self.assertLess(many, few * most)
            self.assertEqual(k.ok("s33.len() + s0.len() + s99.len()").text, "132.0")
            self.assertEqual(k.ok("s7 == make7()").text, "true")


if __name__ == "__main__":
    unittest.main()
