"""Runs notebooks/00-tour.ipynb with the installed `rask` kernel and compares the output of its cells with tour_expected.json.

    python tests/kernel/test_tour.py        # needs nbclient, nbformat, jupyter_client and the `rask` kernelspec

A cell whose metadata contains {"rask": {"check": KEY}} must show the number, the numbers or the table under KEY.
Counts must be exact; a mean must be correct in every digit shown, and show at least two decimal places.
"""
import html.parser, json, pathlib, re, tempfile, unittest
from decimal import Decimal
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = pathlib.Path(__file__).resolve().parent
NOTEBOOK = HERE.parents[1] / "notebooks" / "00-tour.ipynb"
EXPECTED = json.loads((HERE / "tour_expected.json").read_text())
THOUSANDS = ",_\u00a0\u2009\u202f"
NUMBER = re.compile(rf"(?<![\w.])[-\u2212]?(?:\d{{1,3}}(?:[{THOUSANDS}]\d{{3}})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)")


class Page(html.parser.HTMLParser):
    """The visible content of some HTML: its text, and each table as rows of cells ("th" or "td", text).

    Rows of a thead, and rows of nothing but th, are headings; a tfoot is left out.
    """

    def __init__(self, source):
        super().__init__()
        self.words, self.tables, self.open, self.part, self.in_cell, self.hidden = [], [], [], "tbody", False, 0
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in ("style", "script"):
            self.hidden += 1
        elif tag == "table":
            self.open.append([])
            self.tables.append(self.open[-1])
            self.part = "tbody"
        elif tag in ("thead", "tbody", "tfoot"):
            self.part = tag
        elif tag == "tr" and self.open:
            self.open[-1].append((self.part, []))
        elif tag in ("td", "th") and self.open and self.open[-1]:
            self.open[-1][-1][1].append((tag, ""))
            self.in_cell = True

    def handle_endtag(self, tag):
        if tag in ("style", "script"):
            self.hidden -= 1
        elif tag == "table" and self.open:
            self.open.pop()
        elif tag in ("thead", "tfoot"):
            self.part = "tbody"
        elif tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data):
        if self.hidden:
            return
        self.words.append(data)
        if self.in_cell:
            cells = self.open[-1][-1][1]
            cells[-1] = (cells[-1][0], " ".join(f"{cells[-1][1]} {data}".split()))

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def with_columns(self, columns):
        """Returns the body rows (their td cells) of each table that has a heading row ending in these columns."""
        found = []
        for rows in self.tables:
            heads = [[text for _, text in cells] for part, cells in rows if part == "thead" or all(kind == "th" for kind, _ in cells)]
            body = [[text for kind, text in cells if kind == "td"] for part, cells in rows if part == "tbody"]
            if any([(text.split() or [""])[0] for text in head[-len(columns):]] == columns for head in heads):
                found.append([row for row in body if row])
        return found


def number(text):
    """Parses a text as a number; None if it is not one."""
    text = text.strip()
    return Decimal(re.sub(f"[{THOUSANDS}]", "", text).replace("\u2212", "-")) if NUMBER.fullmatch(text) else None


def same(shown, want):
    """Returns whether a shown text matches the expected value."""
    if isinstance(want, str):
        return shown.strip().strip('"') == want
    got = number(shown)
    if got is None:
        return False
    digits = got.as_tuple().exponent
    if isinstance(want, int):
        return digits == 0 and got == want
    exact = Decimal(want)
    return digits <= -2 and abs(got - exact) <= Decimal(5).scaleb(digits - 1) + abs(exact) * Decimal("1e-12")


def join(value):
    return "".join(value) if isinstance(value, list) else str(value)


class Tour(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        with tempfile.TemporaryDirectory(prefix="rask-tour-") as folder:
            try:
                NotebookClient(notebook, timeout=300, kernel_name="rask", resources={"metadata": {"path": folder}}).execute()
            except CellExecutionError as error:
                raise AssertionError(f"a cell of {NOTEBOOK.name} fails: {error}") from None
        cls.cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}

    def outputs(self, cell, kind):
        """Returns every payload of that MIME type among the results and displays of a cell."""
        found = [o.data[kind] for o in self.cells[cell].outputs if o.output_type in ("execute_result", "display_data") and kind in o.data]
        return [join(payload) for payload in found]

    def page(self, cell):
        return Page("\n".join(self.outputs(cell, "text/html")))

    def said(self, cell):
        """Returns the plain text of a cell: its printed output and its value."""
        outputs = self.cells[cell].outputs
        printed = [join(o.text) for o in outputs if o.output_type == "stream" and o.name == "stdout"]
        results = [join(o.data["text/plain"]) for o in outputs if o.output_type == "execute_result" and "text/plain" in o.data]
        return "\n".join(printed + results)

    def svg(self, cell):
        """Returns the SVG images of a cell, standalone or inside HTML."""
        inside = re.findall(r"<svg\b.*?</svg>", "\n".join(self.outputs(cell, "text/html")), re.S)
        return self.outputs(cell, "image/svg+xml") + inside

    def check_numbers(self, cell, want):
        said = self.said(cell)
        shown = [m.group() for m in NUMBER.finditer(said)]
        self.assertEqual(len(shown), len(want), f"the cell should say {want}; it says {said!r}")
        for text, value in zip(shown, want):
            self.assertTrue(same(text, value), f"the cell says {text}, {value} is right, in {said!r}")

    def check_table(self, cell, want):
        page, columns = self.page(cell), want["columns"]
        tables = page.with_columns(columns)
        self.assertEqual(len(tables), 1, f"the cell should show one HTML table with the columns {columns}; it shows {page.text!r}")
        self.assertEqual(len(tables[0]), len(want["rows"]), f"rows of the table: {tables[0]}")
        for row, right in zip(tables[0], want["rows"]):
            extra = len(row) - len(right)
            self.assertIn(extra, (0, 1), f"at most a row number may stand beside {columns}: {row}")
            for text, value, column in zip(row[extra:], right, columns):
                self.assertTrue(same(text, value), f"{column} is shown as {text!r}, {value!r} is right, in the row {row}")

    def test_every_number_is_right(self):
        checks = {cell.metadata["rask"]["check"]: name for name, cell in self.cells.items() if "check" in cell.metadata.get("rask", {})}
        self.assertEqual(set(checks), set(EXPECTED), "the notebook's checks and the keys of tour_expected.json")
        for key, cell in checks.items():
            with self.subTest(key):
                want = EXPECTED[key]
                if not isinstance(want, dict):
                    self.check_numbers(cell, [want])
                elif "columns" in want:
                    self.check_table(cell, want)
                else:
                    self.check_numbers(cell, list(want.values()))

    def test_first_cells(self):
        self.check_numbers("first", [2])
        self.assertEqual(self.said("use").strip(), "1 of 4 flights were late")
        self.assertEqual(self.cells["define"].outputs, [], "definitions say nothing")

    def test_lazy_table_describes_itself(self):
        text = self.page("lazy").text + self.said("lazy")
        for word in ("dep_delay", "time_hour", "int64", "partition", "task"):
            self.assertIn(word, text.lower())
        self.assertNotIn("N14228", text, "a lazy table shows no data")

    def test_head_shows_five_rows(self):
        tables = self.page("head").with_columns(["time_hour"])
        self.assertEqual(len(tables), 1, "one table whose last column is the last of flights")
        tails = [text for row in tables[0] for text in row if re.fullmatch(r"N\w{5}", text)]
        self.assertEqual((len(tables[0]), tails), (5, ["N14228", "N24211", "N619AA", "N804JB", "N668DN"]))

    def test_scatter_is_a_picture(self):
        bitmaps = self.outputs("scatter", "image/png") + re.findall(r"<img\b[^>]*\bsrc=.data:image/", "\n".join(self.outputs("scatter", "text/html")))
        self.assertTrue(self.svg("scatter") or bitmaps, [list(o.get("data", o)) for o in self.cells["scatter"].outputs])

    def test_graph_names_its_functions(self):
        pictures = self.svg("graph")
        self.assertTrue(pictures, [list(o.get("data", o)) for o in self.cells["graph"].outputs])
        text = Page("\n".join(pictures)).text
        functions = set(re.findall(r"delayed\((\w+)\)", join(self.cells["graph"].source)))
        self.assertEqual({f for f in functions if f not in text}, set(), f"functions missing from the graph, which says {text!r}")

    def test_workers_stay_in_the_saved_notebook(self):
        text = self.page("workers").text
        self.assertIn("worker", text.lower())
        self.assertIn("brew", text, "the name of the slow task")


if __name__ == "__main__":
    unittest.main()
