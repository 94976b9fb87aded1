"""Task graphs through the installed kernel: bags, clients, futures, pictures, the live view with its widgets and Cancel, the dashboard."""
import json, os, queue, re, time, unittest, urllib.error, urllib.request
from client import Kernel, within

SLOW = ("fn nap(i: u64) -> u64 { std::thread::sleep(std::time::Duration::from_millis(40)); i }\n"
        "let total: u64 = delayed(|v: Vec<u64>| v.iter().sum::<u64>())\n"
        "    .call(((0..{n}u64).map(|i| delayed(nap).call((i,))).collect::<Vec<_>>(),)).compute()?;\ntotal")
POSTS = "".join(f'  <row Id="{i}" PostTypeId="{1 + i % 2}" CreationDate="2014-05-13T23:58:30.457" Body="&lt;p&gt;text {i}&lt;/p&gt;" '
                f'Tags="&lt;python&gt;&lt;t{i % 7}&gt;" />\r\n' for i in range(3000))


class Bags(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.k = Kernel()
        cls.k.write("Posts.xml", POSTS)

    @classmethod
    def tearDownClass(cls):
        cls.k.close()

    def test_lines_to_attributes_to_a_frame(self):
        k = self.k
        ran = k.ok('let posts = Text::new().blocksize("20kB").read("Posts.xml").map(|row| xml::attributes(&row)).filter(|row| row["PostTypeId"] == "1");\nposts')
        self.assertRegex(ran.text, r"Bag<Attributes>\(filter-\d+: \d+ partitions, 3 stages, \d+ tasks\)")
        self.assertIn("2014-05-13T23:58:30.457", k.ok("posts.take(1)?").text)
        svg = k.ok('posts.visualize().rankdir("LR")').content("execute_result")[0]["data"]["image/svg+xml"]
        for name in ("read-text", "attributes|map", "filter"):
            self.assertRegex(svg, name)
        k.ok('let df = posts.to_dataframe(&[("Id", DType::Int64), ("Body", DType::Str), ("Tags", DType::Str)]);')
        self.assertEqual(k.ok("df.len()?").text, "1500")
        self.assertIn("&lt;p&gt;text 0", k.ok("df.head(2)?").content("execute_result")[0]["data"]["text/html"])

    def test_words_and_tags(self):
        k = self.k
        k.ok('let tag = regex::Regex::new(r"<([^>]*)>").unwrap();\n'
             'let tags = read_text("Posts.xml").map(|row| xml::attributes(&row)["Tags"].clone())\n'
             '    .flat_map(move |t| tag.captures_iter(&t).map(|c| c[1].to_owned()).collect::<Vec<_>>());')
        self.assertIn('("python", 3000)', k.ok("tags.frequencies().topk_by(1, |(_, n)| *n).compute()?").text)
        self.assertEqual(k.ok("let (n, kinds) = compute((&tags.count(), &tags.distinct().count()))?;\n(n, kinds)").text, "(6000, 8)")
        k.fails('read_text("Post.xml").count().compute()?', "no file matches", "Posts.xml")
        k.fails('read_text("Posts.xml").map(|row| xml::attributes(&row)["Nope"].clone()).compute()?', "no attribute", "Nope", "read-text-map")
        self.assertIn("the bag has only 3 elements", k.ok("Bag::from_iter(0..3).take(5)?").stream("stderr"))

    def test_clients_and_futures(self):
        k = self.k
        ran = k.ok('let client = Client::local().workers(3).threads_per_worker(2).memory_limit("2GB").start()?;\nclient')
        card = re.sub(r"<[^>]+>", " ", ran.content("execute_result")[0]["data"]["text/html"])
        self.assertRegex(card, r"Workers\s+3\s+Threads\s+6 \(2 per worker\)\s+Memory\s+5\.59 GiB")
        k.ok("let a = client.submit(|x: u64| x + 1, (1,));\nlet b = client.submit(|x: u64, y: u64| x * y, (&a, 21));")
        self.assertEqual(k.ok("(a.result()?, b.result()?, b.status())").text, '(2, 42, "finished")')
        self.assertEqual(k.ok("client.gather(&client.map(|x: u64| x * x, 0..5))?").text, "[0, 1, 4, 9, 16]")
        k.fails("client.submit(|| -> u64 { panic!(\"no luck\") }, ()).result()?", "no luck")
        k.ok("client.close();")
        k.fails("Client::local().memory_limit(\"much\").start()?", "memory_limit", "128 MiB")

    def test_pictures_after_a_run(self):
        k = self.k
        k.ok("fn one(x: u64) -> u64 { x + 1 }\nlet end = delayed(one).call((delayed(one).call((1,)),));\nend.compute()?;")
        svg = k.ok("end.visualize()").content("execute_result")[0]["data"]["image/svg+xml"]
        self.assertIn("colour: duration", svg)
        k.ok('end.visualize().save("end.pdf")?;\nend.visualize().rankdir("BT").color("order").save("end.dot")?;')
        with open(os.path.join(k.folder, "end.pdf"), "rb") as f:
            self.assertEqual(f.read(4), b"%PDF")
        self.assertIn("rankdir", open(os.path.join(k.folder, "end.dot")).read())

    def test_the_dashboard_follows_a_computation(self):
        k = self.k
        link = k.ok("Client::current().dashboard_link()").text.strip('"')
        self.assertRegex(link, r"^http://127\.0\.0\.1:\d+/status\?token=[0-9a-f]{32}$")
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(link.split("?")[0])
        seen = []

        def during(_):
            state = json.load(urllib.request.urlopen(link.replace("/status", "/session.json")))
            seen.extend(c for c in state["computations"] if c["running"])

        k.ok(SLOW.replace("{n}", "60"), during=during)
        self.assertTrue(any(0 < c["part"] < 1 and c["names"][0]["name"] == "nap" for c in seen), seen[-1:])
        events = urllib.request.urlopen(link.replace("/status", "/events"))
        self.assertIn(b'"state":"Finished"', events.readline())


class Front:
    """A page with a widget manager: it receives every message of the kernel, and keeps the state of every widget."""

    def __init__(self, kernel):
        self.k, self.models, self.shown, self.messages = kernel, {}, {}, []
        self.say("comm_open", {"comm_id": "control", "target_name": "jupyter.widget.control", "data": {}}, {"version": "1.0.0"})

    def say(self, kind, content, metadata=None):
        message = self.k.client.session.msg(kind, content, metadata=metadata)
        self.k.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def send(self, comm, data):
        return self.say("comm_msg", {"comm_id": comm, "data": data})

    def hear(self, until, timeout=30):
        end = time.time() + timeout
        while time.time() < end:
            try:
                m = self.k.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                m = None
            if m:
                self.take(m)
            if until():
                return
        raise AssertionError(f"did not come about in {timeout} s; widgets: {self.models}")

    def take(self, m):
        kind, c = m["msg_type"], m["content"]
        self.messages.append(m)
        if kind == "comm_open" and c["target_name"] == "jupyter.widget":
            assert m["metadata"]["version"].startswith("2."), m["metadata"]
            for child in c["data"]["state"].get("children", []):
                assert child.removeprefix("IPY_MODEL_") in self.models, "what a widget holds is opened before it"
            self.models[c["comm_id"]] = c["data"]["state"]
        elif kind == "comm_msg" and c["data"].get("method") == "update":
            self.models[c["comm_id"]].update(c["data"]["state"])
        elif kind == "comm_close":
            self.models.pop(c["comm_id"], None)
        elif kind in ("display_data", "update_display_data"):
            self.shown[c["transient"]["display_id"]] = c["data"]

    def of(self, name):
        return {i: s for i, s in self.models.items() if s["_model_name"] == name}

    def heard(self, kind):
        return [m for m in self.messages if m["msg_type"] == kind]


class LiveView(unittest.TestCase):
    def setUp(self):
        self.k = Kernel()
        self.addCleanup(self.k.close)

    def finish(self, front, msg_id):
        front.hear(lambda: any(m["parent_header"].get("msg_id") == msg_id and m["content"].get("execution_state") == "idle" for m in front.heard("status")))
        while True:
            reply = self.k.client.get_shell_msg(timeout=5)
            if reply["parent_header"].get("msg_id") == msg_id:
                return reply["content"]

    def test_widgets_live_and_freeze(self):
        front = Front(self.k)
        self.k.ok("let kept = 7;")
        cell = self.k.send(SLOW.replace("{n}", "100"))
        view = "application/vnd.jupyter.widget-view+json"
        front.hear(lambda: front.shown)
        [(display, first)] = front.shown.items()
        self.assertEqual(first[view]["model_id"], next(i for i, s in front.of("VBoxModel").items()))
        self.assertIn("nap", first["text/html"])
        [tab] = front.of("TabModel").values()
        self.assertEqual(tab["titles"], ["Workers", "Tasks", "Task stream"])
        front.hear(lambda: any(0.2 < s["value"] < 1 for s in front.of("FloatProgressModel").values()))
        # A page that is reloaded requests the states of all widgets.
        asked = front.send("control", {"method": "request_states"})
        front.hear(lambda: any(m["content"]["data"].get("method") == "update_states" for m in front.heard("comm_msg")))
        states = next(m for m in front.heard("comm_msg") if m["content"]["data"].get("method") == "update_states")["content"]["data"]["states"]
        self.assertEqual({i for i in front.models}, set(states))
        self.assertTrue(asked)
        reply = self.finish(front, cell)
        self.assertEqual(reply["status"], "ok")
        self.assertNotIn(view, front.shown[display])
        self.assertIn("Finished", front.shown[display]["text/html"])
        self.assertIn("101 of 101 tasks", front.shown[display]["text/html"])
        self.assertEqual(front.models, {}, "all is closed at the end")
        times = [m["header"]["date"] for m in front.heard("comm_msg") if "value" in m["content"]["data"].get("state", {})]
        seconds = (times[-1] - times[0]).total_seconds()
        heads = len({t.timestamp() // 0.1 for t in times})
        self.assertLess(heads / seconds, 10, "at most ten updates a second")

    def test_cancel_stops_within_half_a_second_and_keeps_variables(self):
        front = Front(self.k)
        self.k.ok("let kept = String::from(\"kept\");")
        for kind, code in [("delayed", SLOW.replace("{n}", "100000")),
                           ("bag", "Bag::from_iter(0..100000u64).map(|i| { std::thread::sleep(std::time::Duration::from_millis(30)); i }).sum().compute()?"),
                           ("futures", "Client::current().gather(&Client::current().map(|i: u64| { std::thread::sleep(std::time::Duration::from_millis(30)); i }, 0..10000))?")]:
            def cancel():
                front.shown.clear()
                cell = self.k.send(code)
                front.hear(lambda: front.of("ButtonModel") and front.shown)
                [(button, state)] = front.of("ButtonModel").items()
                self.assertEqual(state["description"], "Cancel")
                pressed = time.time()
                front.send(button, {"method": "custom", "content": {"event": "click"}})
                reply = self.finish(front, cell)
                seconds = time.time() - pressed
                self.assertEqual((reply["status"], reply["ename"]), ("error", "Interrupted"), reply)
                self.assertEqual(front.models, {})
                [last] = front.shown.values()
                self.assertIn("Stopped", last["text/html"])
                self.assertEqual(self.k.ok("kept").text, '"kept"')
                return seconds
            with self.subTest(kind):
                within(0.5, cancel)

    def test_html_where_nobody_shows_widgets(self):
        ran = self.k.ok(SLOW.replace("{n}", "60"))
        [first] = ran.content("display_data")
        self.assertEqual(set(first["data"]), {"text/plain", "text/html"})
        self.assertIn("notebook:interrupt-kernel", first["data"]["text/html"])
        self.assertIn("Finished", ran.content("update_display_data")[-1]["data"]["text/html"])
        self.assertEqual(ran.content("comm_open"), [])

    def test_nothing_for_short_computations(self):
        ran = self.k.ok("Bag::range(100_000, 100).map(|x| x * 2).sum().compute()?")
        self.assertEqual(ran.content("display_data"), [])

    def test_a_crash_freezes_the_view(self):
        front = Front(self.k)
        self.k.ok("1")
        cell = self.k.send("fn quit() -> u64 { std::thread::sleep(std::time::Duration::from_millis(1500)); std::process::abort() }\n"
                           "delayed(quit).call(()).compute()?")
        front.hear(lambda: front.shown)
        self.assertEqual(self.finish(front, cell)["status"], "error")
        [last] = front.shown.values()
        self.assertEqual(set(last), {"text/plain", "text/html"})
        self.assertEqual(front.models, {})

    def test_a_progress_bar_is_text(self):
        ran = self.k.ok("let bar = ProgressBar::new();\n" + SLOW.replace("{n}", "60"))
        said = ran.stream("stdout")
        self.assertRegex(said, r"\r\[#+ +\] Computing: \d+ of 61 tasks done")
        self.assertRegex(said, r"\r\[#{30}\] Finished: 61 of 61 tasks done, [^\n]*\n")
        self.assertEqual(ran.content("display_data"), [])
