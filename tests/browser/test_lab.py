"""The tour in a real JupyterLab in Chromium: every cell runs, graphs and tables are drawn, and the live view is shown.

`RASK_BROWSER` is the browser; `RASK_SCREENSHOTS` is a folder for screenshots.
"""
import nbformat, os, re, shutil, socket, subprocess, sys, tempfile, time, unittest, urllib.request
from playwright.sync_api import TimeoutError, sync_playwright

NOTEBOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "notebooks", "00-tour.ipynb")
BUSY = "Array.from(document.querySelectorAll('.jp-InputPrompt')).some(e => e.textContent.includes('*'))"
QUIET = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Server:
    """JupyterLab on a free port in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rask-lab-")
        for name in ("light.ipynb", "dark.ipynb"):
            shutil.copy(NOTEBOOK, os.path.join(self.folder, name))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = ["--no-browser", f"--port={port}", "--ServerApp.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True",
                   "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={self.folder}"] + (["--allow-root"] if os.geteuid() == 0 else [])
        self.log = open(os.path.join(self.folder, "server.log"), "w+")
        self.process = subprocess.Popen([sys.executable, "-m", "jupyterlab"] + options, stdout=self.log, stderr=subprocess.STDOUT)
        end = time.time() + 60
        while True:
            try:
                urllib.request.urlopen(self.url + "/api", timeout=1)
                return
            except OSError:
                assert time.time() < end and self.process.poll() is None, open(self.log.name).read()
                time.sleep(0.2)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Browser(unittest.TestCase):
    """A JupyterLab and a browser for all tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(executable_path=os.environ["RASK_BROWSER"], args=QUIET)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        cls.server.close()

    def open(self, dark=False, name=None):
        page = self.browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(self.server.url + "/lab/workspaces/{0}/tree/{0}.ipynb".format(name or ("dark" if dark else "light")))
        page.wait_for_selector(".jp-Notebook", timeout=90_000)
        page.wait_for_function("window.jupyterapp !== undefined")
        theme = "Dark" if dark else "Light"
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
        page.wait_for_function(f"document.body.dataset.jpThemeLight === '{'false' if dark else 'true'}'")
        page.wait_for_function("window.jupyterapp.shell.currentWidget?.context !== undefined")
        page.evaluate("""async () => {
            const notebook = window.jupyterapp.shell.currentWidget;
            await notebook.context.ready;
            await notebook.sessionContext.ready;
            await notebook.sessionContext.session.kernel.info;
        }""")
        return page

    def shoot(self, page, name):
        folder = os.environ.get("RASK_SCREENSHOTS")
        if folder:
            page.screenshot(path=os.path.join(folder, name + ".png"))


class Keys(Browser):
    """User actions: Tab, Shift+Tab, Stop, Restart, Run All."""

    def notebook(self, name, *cells):
        spec = {"kernelspec": {"name": "rask", "display_name": "Rust (Rask)", "language": "rust"}, "language_info": {"name": "rust"}}
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=spec)
        nbformat.write(book, os.path.join(self.server.folder, name + ".ipynb"))
        return self.open(name=name)

    def command(self, page, command):
        page.evaluate(f"void window.jupyterapp.commands.execute('{command}')")

    def prompts(self, page):
        return page.evaluate("Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')).map(e => e.textContent)")

    def wait_idle(self, page, prompt):
        """Waits until the last running cell shows `prompt`."""
        page.wait_for_function(f"Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')).some(e => e.textContent === '{prompt}')", timeout=60_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=30_000)

    def outputs(self, page):
        return page.evaluate("Array.from(document.querySelectorAll('.jp-CodeCell')).map(c => Array.from(c.querySelectorAll('.jp-OutputArea-output')).map(e => e.innerText).join('|'))")

    def run_cell(self, page, index):
        page.locator(".jp-CodeCell .cm-content").nth(index).click()
        page.keyboard.press("Control+Enter")

    def test_tab_and_shift_tab(self):
        page = self.notebook("tab", "let numbers = vec![1u32, 2, 3];\n/// Adds one.\nfn plus_one(x: i64) -> i64 { x + 1 }", "numbers.sor", "plus_one(")
        self.run_cell(page, 0)
        self.wait_idle(page, "[1]:")
        page.locator(".jp-CodeCell .cm-content").nth(1).click()
        page.keyboard.press("End")
        # JupyterLab waits a second for completions, and rust-analyzer reads for longer after the start.
        offered = "document.querySelectorAll('.jp-CodeCell')[1].innerText.includes('numbers.sort') || document.querySelector('.jp-Completer:not(.lm-mod-hidden)')"
        for _ in range(10):
            page.keyboard.press("Tab")
            try:
                page.wait_for_function(offered, timeout=3000)
                break
            except TimeoutError:
                continue
        if page.locator(".jp-Completer:not(.lm-mod-hidden)").count():
            self.shoot(page, "tab")
            page.keyboard.press("Enter")
        page.wait_for_function("document.querySelectorAll('.jp-CodeCell .cm-content')[1].innerText.startsWith('numbers.sort')")
        page.locator(".jp-CodeCell .cm-content").nth(2).click()
        page.keyboard.press("End")
        page.keyboard.press("Shift+Tab")
        page.wait_for_selector(".jp-Tooltip", timeout=10_000)
        said = page.locator(".jp-Tooltip").inner_text()
        self.shoot(page, "shift-tab")
        self.assertIn("plus_one(x: i64) -> i64", said)
        self.assertIn("Adds one", said)
        page.close()

    def test_stop_and_restart(self):
        page = self.notebook("stop", "let kept = 5;", "loop { std::thread::sleep(std::time::Duration::from_millis(10)); }", "kept")
        self.run_cell(page, 0)
        self.wait_idle(page, "[1]:")
        self.run_cell(page, 1)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='busy']")
        page.wait_for_timeout(1000)
        self.command(page, "notebook:interrupt-kernel")
        self.wait_idle(page, "[2]:")
        self.assertIn("Interrupted", self.outputs(page)[1])
        self.shoot(page, "stop")
        self.run_cell(page, 2)
        self.wait_idle(page, "[3]:")
        self.assertEqual(self.outputs(page)[2], "5")
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=30_000)
        self.run_cell(page, 2)
        page.wait_for_function("document.querySelectorAll('.jp-CodeCell')[2].innerText.includes('cannot find value')", timeout=30_000)
        # The number arrives with the reply, after the text of the error.
        page.wait_for_function("document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')[2].innerText === '[1]:'", timeout=30_000)
        page.close()

    def test_the_live_view_and_its_cancel(self):
        """Workers, tasks and the task stream while a cell runs; Cancel stops it and keeps the variables."""
        slow = ("let kept = 5;\nfn load(i: u64) -> u64 { std::thread::sleep(std::time::Duration::from_millis(60)); i }\n"
                "fn clean(x: u64) -> u64 { std::thread::sleep(std::time::Duration::from_millis(30)); x }\n"
                "let all: Vec<_> = (0..{n}u64).map(|i| delayed(clean).call((delayed(load).call((i,)), ))).collect();")
        run = "delayed(|v: Vec<u64>| v.iter().sum::<u64>()).name(\"total\").call((all.clone(),)).compute()?"
        page = self.notebook("live", slow.replace("{n}", "1000"), run, "kept", slow.replace("{n}", "60"), run)
        self.run_cell(page, 0)
        self.wait_idle(page, "[1]:")
        self.run_cell(page, 1)
        live = page.locator(".jp-CodeCell").nth(1)
        live.locator("button:has-text('Cancel')").wait_for(timeout=30_000)
        live.locator(".widget-html:has-text('worker 1')").wait_for()
        page.wait_for_timeout(1500)
        self.shoot(page, "live-workers")
        for title, text in (("Tasks", "load"), ("Task stream", "thread 0")):
            live.locator(f".lm-TabBar-tab:has-text('{title}')").last.click()
            # The hidden tab may show it too.
            live.locator(f"text={text} >> visible=true").first.wait_for(timeout=10_000)
            self.shoot(page, "live-" + title.lower().replace(" ", "-"))
        live.locator("button:has-text('Cancel')").click()
        self.wait_idle(page, "[2]:")
        said = self.outputs(page)[1]
        self.assertIn("Stopped", said)
        self.assertIn("Interrupted", said)
        self.assertEqual(live.locator("button:has-text('Cancel')").count(), 0, "the view has frozen")
        self.shoot(page, "live-cancelled")
        self.run_cell(page, 2)
        self.wait_idle(page, "[3]:")
        self.assertEqual(self.outputs(page)[2], "5")
        self.run_cell(page, 3)
        self.wait_idle(page, "[4]:")
        self.run_cell(page, 4)
        self.wait_idle(page, "[5]:")
        self.assertIn("Finished", self.outputs(page)[4])
        self.shoot(page, "live-finished")
        # The saved notebook contains the final view, and no widget.
        self.command(page, "docmanager:save")
        page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
        saved = open(os.path.join(self.server.folder, "live.ipynb")).read()
        self.assertIn("Finished", saved)
        self.assertNotIn("widget-view", saved)
        page.close()

    def test_the_dashboard_is_live(self):
        """The dashboard of the session's computations, which recovers when the kernel does not answer for a while."""
        page = self.notebook("dash", "Client::current().dashboard_link()",
                             "Bag::from_iter(0..400u64).map(|i| { std::thread::sleep(std::time::Duration::from_millis(20)); i }).sum().compute()?")
        self.run_cell(page, 0)
        self.wait_idle(page, "[1]:")
        dashboard = self.browser.new_page(viewport={"width": 1280, "height": 800})
        asked = []
        dashboard.on("request", lambda r: asked.append(r.url))
        dashboard.goto(self.outputs(page)[0].strip().strip("'\""))
        dashboard.wait_for_selector("#link:has-text('live')")
        self.run_cell(page, 1)
        dashboard.wait_for_selector("#now:has-text('Computing')", timeout=30_000)
        dashboard.wait_for_selector("code:has-text('from-sequence-map-sum-partition')")
        dashboard.wait_for_timeout(1500)
        self.shoot(dashboard, "dashboard")
        dashboard.wait_for_selector("#now:has-text('Finished')", timeout=60_000)
        self.shoot(dashboard, "dashboard-finished")
        self.assertTrue(all(u.startswith("http://127.0.0.1:") for u in asked), asked)
        self.wait_idle(page, "[2]:")
        page.close()
        dashboard.close()

    def test_notebook_7(self):
        """The other front end of the same server."""
        self.notebook("seven", "let x = 20;\nprintln!(\"out\");\nx + 22").close()
        page = self.browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(self.server.url + "/notebooks/seven.ipynb")
        page.wait_for_selector(".jp-CodeCell .cm-content", timeout=60_000)
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=60_000)
        self.run_cell(page, 0)
        self.wait_idle(page, "[1]:")
        self.shoot(page, "notebook-7")
        [said] = self.outputs(page)
        self.assertIn("out", said)
        self.assertIn("42", said)
        page.close()

    def test_run_all_stops_at_an_error(self):
        page = self.notebook("all", "let a = 1;\nprintln!(\"first\");", "panic!(\"second\")", "println!(\"third\");")
        self.command(page, "notebook:run-all-cells")
        self.wait_idle(page, "[2]:")
        self.shoot(page, "run-all")
        first, second, third = self.outputs(page)
        self.assertEqual(first.strip(), "first")
        self.assertIn("Panic: second", second)
        self.assertIn("cell [2], line 1, column 1", second)
        self.assertEqual(third, "")
        self.assertEqual(self.prompts(page)[2].strip(), "[ ]:", "a cell that did not run has no number")
        page.close()

    def test_a_question_is_asked_under_the_cell(self):
        page = self.notebook("ask", "let name = input(\"Your name: \")?;\nname.len()")
        self.run_cell(page, 0)
        page.wait_for_selector(".jp-Stdin-input", timeout=30_000)
        self.assertIn("Your name:", page.locator(".jp-Stdin").inner_text())
        page.locator(".jp-Stdin-input").fill("Ada")
        page.keyboard.press("Enter")
        self.wait_idle(page, "[1]:")
        self.assertIn("3", self.outputs(page)[0])
        page.close()


class Lab(Browser):
    def run_all(self, page):
        """Runs every cell; returns the texts of the live view that were seen in the meantime."""
        seen = []
        page.evaluate("window.ended = false; void window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.ended = true)")
        end = time.time() + 90
        while not page.evaluate("window.ended") or page.evaluate(BUSY):
            if time.time() > end:
                self.shoot(page, "stuck")
                prompts = page.evaluate("Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')).map(e => e.textContent)")
                self.fail(f"the tour does not come to an end: {prompts}\n{open(self.server.log.name).read()}")
            texts = page.evaluate("Array.from(document.querySelectorAll('.rask-progress, .jp-OutputArea-output .widget-vbox')).map(e => e.innerText)")
            seen += [t for t in texts if t not in seen]
            page.wait_for_timeout(100)
        return seen

    def check_tour(self, dark):
        page = self.open(dark)
        seen = self.run_all(page)
        errors = page.evaluate("Array.from(document.querySelectorAll('[data-mime-type=\"application/vnd.jupyter.stderr\"], .jp-RenderedText[data-mime-type*=error]')).map(e => e.innerText)")
        self.assertEqual(errors, [])
        prompts = page.evaluate("Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')).map(e => e.textContent)")
        self.assertTrue(all(re.fullmatch(r"\[\d+\]:", p) for p in prompts), prompts)
        brewing = [t for t in seen if "brew" in t and "Computing" in t]
        self.assertGreaterEqual(len(brewing), 4, f"the workers are on screen while they work: {seen}")
        self.assertIn("worker 0", brewing[0])
        pictures = page.evaluate("Array.from(document.querySelectorAll('.jp-RenderedSVG img')).map(e => [e.complete, e.naturalWidth, e.naturalHeight])")
        self.assertEqual(len(pictures), 2)
        self.assertTrue(all(done and w > 300 and h > 200 for done, w, h in pictures), pictures)
        tables = page.evaluate("Array.from(document.querySelectorAll('table.rask-table')).map(e => e.textContent)")
        self.assertTrue(any("UA58665" in t for t in tables), tables)
        self.check_contrast(page)
        for i, selector in enumerate(["table.rask-table", ".jp-RenderedSVG", ".rask-progress"]):
            page.locator(selector).last.scroll_into_view_if_needed()
            self.shoot(page, f"{'dark' if dark else 'light'}-{i}")
        page.close()

    def check_contrast(self, page):
        """The text of outputs has enough contrast with the page (WCAG contrast ratio of at least 3)."""
        low = page.evaluate("""() => {
            const parse = c => (c.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.5) return c; } return [255, 255, 255]; };
            const bad = [];
            for (const e of document.querySelectorAll('.rask-table th, .rask-table td, .rask-table span, .rask-progress span, .rask-progress b, .rask-progress code')) {
                if (!e.innerText.trim()) continue;
                const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
                if ((a + 0.05) / (b + 0.05) < 3) bad.push([e.innerText, (a + 0.05) / (b + 0.05)]);
            }
            return bad.slice(0, 5);
        }""")
        self.assertEqual(low, [])

    def test_the_tour_on_a_light_page(self):
        self.check_tour(dark=False)

    def test_the_tour_on_a_dark_page(self):
        self.check_tour(dark=True)


if __name__ == "__main__":
    unittest.main()
