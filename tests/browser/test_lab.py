"""The tour in a real JupyterLab in Chromium: every cell runs, pictures and tables are drawn, workers are on screen meanwhile.

`RASK_BROWSER` names the browser; `RASK_SCREENSHOTS` a folder for what it showed.
"""
import os, re, shutil, socket, subprocess, sys, tempfile, time, unittest, urllib.request
from playwright.sync_api import sync_playwright

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


class Lab(unittest.TestCase):
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

    def open(self, dark):
        page = self.browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(self.server.url + "/lab/workspaces/{0}/tree/{0}.ipynb".format("dark" if dark else "light"))
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

    def run_all(self, page):
        """Runs every cell; returns the texts of the live view that were seen on the way."""
        seen = []
        page.evaluate("window.ended = false; void window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.ended = true)")
        end = time.time() + 90
        while not page.evaluate("window.ended") or page.evaluate(BUSY):
            if time.time() > end:
                self.shoot(page, "stuck")
                prompts = page.evaluate("Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')).map(e => e.textContent)")
                self.fail(f"the tour does not come to an end: {prompts}\n{open(self.server.log.name).read()}")
            texts = page.evaluate("Array.from(document.querySelectorAll('.rask-progress')).map(e => e.innerText)")
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
        """Text in our outputs stands out from the page behind it (WCAG's ratio, 3 at least)."""
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
