"""Every public generic costs a cell at most three times a plain cell, except those in a table. They are listed by the pages of rustdoc, including
those created by macros; `generics.json` has a cell for each, and `"": set-up` for the variables that they use."""
import html, json, os, re, statistics, subprocess, threading, unittest
from client import Kernel

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MOST = 3.0
# The noise from other programs: caches and cores are shared.
NOISE = 1.6
# The exceptions: the code of a map with key types defined in the cell, which is compiled in the cell with Rask and without. None may be
# added, and none may grow.
DEAR = {
    "IntoArg<HashMap<K, T>> for HashMap<K, Delayed<T>>": 4, "Pluck<&'static str> for BTreeMap<String, V>": 3,
    "Pluck<&'static str> for HashMap<String, V>": 3.5, "Pluck<K> for HashMap<K, V>": 3,
}
PLAIN = "std::hint::black_box(1u64);"
# Generics that are in every cell, or in none.
LEFT_OUT = {"host"}
# Types of other crates, whose pages may or may not exist.
FOREIGN = {"Bundle", "Value"}
MARK = re.compile(r'<h2 id="(?P<part>[^"]+)"|<h3 class="code-header">(?P<head>.*?)</h3>'
                  r'|<section id="[^"]*" class="(?P<kind>[^"]*)">|<h4 class="code-header">(?P<method>.*?)</h4>'
                  r'|<pre class="rust item-decl"><code>(?P<item>.*?)</code></pre>', re.S)


def text(markup):
    """Returns the text of a part of a page, in one line."""
    markup = re.sub(r'<div class="where">|<br\s*/?>', " ", markup)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", markup))).strip()


def bracketed(code, at, pair):
    """Returns the end of the brackets that open at a position; arrows do not close them."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] == pair[0]) - (code[i] == pair[1] and code[i - 1] != "-")
        if depth == 0:
            return i + 1
    raise ValueError(code)


def parameters(code, at):
    """Returns whether there are parameters other than lifetimes at a position, and where they end."""
    if code[at:at + 1] != "<":
        return False, at
    end = bracketed(code, at, "<>")
    inside, depth, parts = code[at + 1:end - 1], 0, [""]
    for i, c in enumerate(inside):
        depth += (c in "<([") - (c in ")]" or c == ">" and inside[i - 1] != "-")
        parts = parts + [""] if c == "," and depth == 0 else parts[:-1] + [parts[-1] + c]
    return any(p.strip() and not p.strip().startswith("'") for p in parts), end


def function(signature):
    """Returns the name of a function, and whether it is generic."""
    found = re.match(r"pub (?:const |async |unsafe |extern \"C\" )*fn ([\w]+)", signature)
    if not found:
        return None, False
    generic, at = parameters(signature, found.end())
    arguments = signature[at:bracketed(signature, at, "()")]
    return found[1], generic or re.search(r"\bimpl\b", arguments) is not None


def on_page(page, name):
    """Returns the generics of a page: methods as `Type::method`, impls of a trait as `Trait for Type`."""
    part, kind, generic = "", "", False
    for m in MARK.finditer(page):
        if m["part"]:
            part, generic = m["part"], False
        elif m["kind"]:
            kind = m["kind"]
        elif m["item"]:
            found, is_generic = function(text(m["item"]))
            if is_generic:
                yield found
        elif m["head"] and kind == "impl":
            head = text(m["head"])
            head = re.sub(r"^unsafe ", "", head)
            generic, at = parameters(head, len("impl"))
            if generic and part in ("trait-implementations", "foreign-impls", "implementors"):
                yield re.sub(r" where .*", "", head[at:]).strip()
        elif m["method"] and part == "implementations" and kind.split()[0] == "method":
            found, is_generic = function(text(m["method"]))
            if found and (generic or is_generic):
                yield f"{name}::{found}"


def generics(folder):
    """Returns all generics in the crate's list of items. A function is listed with its module: `bag::concat`."""
    found = {}
    listed = open(os.path.join(folder, "all.html"), encoding="utf-8").read()
    for href, kind, name in re.findall(r'<li><a href="((?:\w+/)*(struct|enum|trait|fn)\.(\w+)\.html)">', listed):
        module = [os.path.basename(folder), *href.split("/")[:-1]]
        # Items of the prelude are listed elsewhere too.
        if module[-1] == "prelude" or LEFT_OUT & set(module) or name in FOREIGN:
            continue
        page = open(os.path.join(folder, href), encoding="utf-8").read()
        for generic in on_page(page, name):
            found.setdefault(f"{module[-1]}::{generic}" if kind == "fn" else generic, href)
    return found


def pages():
    """Returns the folder of the pages built by `cargo verify`; builds them if the source is newer."""
    folder = os.environ.get("RASK_PAGES")
    if not folder:
        run = lambda *args: subprocess.run(["cargo", *args], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        target = json.loads(run("metadata", "--no-deps", "--format-version=1", "--offline"))["target_directory"]
        folder = os.path.join(target, "doc", "rask")
        source = os.path.join(ROOT, "runtime", "src")
        changed = max(os.path.getmtime(os.path.join(d, f)) for d, _, files in os.walk(source) for f in files)
        if not os.path.exists(folder + "/all.html") or os.path.getmtime(folder + "/all.html") < changed:
            run("doc", "--release", "--workspace", "--no-deps", "--quiet")
    return folder


class Meter(Kernel):
    """A kernel, and the cost of its cells relative to a plain one: the CPU seconds of the kernel's children that have ended."""

    def __init__(self, setup):
        super().__init__()
        self.ok(setup)
        self.plain = statistics.median(self.cost(PLAIN) for _ in range(5))

    def cost(self, code):
        before = self.spent()
        # A cell that ends in a value already contains its loop.
        self.ok(code if code.startswith("for ") else f"for _ in 0..1 {{ {code} }}")
        return self.spent() - before

    def times(self, code):
        """Returns the cost of a cell in plain cells; the median of three if the first is near or above the limit."""
        first = self.cost(code) / self.plain
        if first < 0.8 * MOST:
            return first
        return statistics.median([first, self.cost(code) / self.plain, self.cost(code) / self.plain])


class Generics(unittest.TestCase):
    def test_every_generic_is_thin(self):
        cells = json.load(open(os.path.join(HERE, "generics.json")))
        setup = cells.pop("")
        there = generics(pages())
        self.assertGreater(len(there), 300, "the pages are read")
        missing = [f"{key} ({there[key]})" for key in sorted(there.keys() - cells.keys())]
        gone = sorted(cells.keys() - there.keys())
        self.assertEqual((missing, gone), ([], []), "generics without a cell, and cells without a generic, in generics.json")
        left, found, broken = sorted(cells.items(), reverse=True), {}, []

        def work():
            try:
                with Meter(setup) as meter:
                    while left:
                        key, code = left.pop()
                        try:
                            found[key] = meter.times(code)
                        except AssertionError as e:
                            broken.append(f"{key}: {str(e)[:600]}")
            except Exception as e:
                broken.append(repr(e)[:2000])
        workers = [threading.Thread(target=work) for _ in range(min(2, os.cpu_count()))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        # Two workers and other programs share the processor: what is above its limit is measured again, alone.
        over = [k for k in found if found[k] > DEAR.get(k, MOST) * NOISE]
        if over:
            with Meter(setup) as meter:
                for key in over:
                    found[key] = min(found[key], *(meter.times(cells[key]) for _ in range(3)))
        worst = sorted(found, key=found.get, reverse=True)
        middle = statistics.median(found.values())
        print(f"      {len(found)} generics; the median {middle:.2f} x; the dearest:", ", ".join(f"{k} {found[k]:.2f} x" for k in worst[:8]))
        self.assertEqual(broken, [])
        self.assertEqual(DEAR.keys() - found.keys(), set(), "a generic of the table is gone")
        self.assertEqual(len(found), len(cells), "every cell was run")
        self.assertEqual([f"{k}: {found[k]:.2f} times a plain cell" for k in worst if found[k] > DEAR.get(k, MOST) * NOISE], [])


if __name__ == "__main__":
    unittest.main()
