"""Compares tasks and bags with Dask in the same run: time, memory and bytes per task, each in a new process.

    python tests/bench_tasks.py [--dask PYTHON] [--folder FOLDER] [NAME ...]

Rask runs as notebook cells in the installed kernel, Dask in PYTHON (one that has `dask[complete]`), in turn. Data is made in FOLDER
once. Prints a line for each workload and engine, and the ratio.
"""
import argparse, json, os, random, re, subprocess, sys, textwrap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel"))

MEASURE = r'''
fn memory(what: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
fn inc(x: u64) -> u64 { x + 1 }
fn add(a: u64, b: u64) -> u64 { a + b }
'''
# Name: the cells for Rask (the last prints JSON), and the Python code for Dask, which sets `seconds` and `out`.
WORK = {
    "tree of 16,383 calls, compute only": (
        ["let mut level: Vec<_> = (0..8192u64).map(|i| delayed(inc).call((i,))).collect();\n"
         "while level.len() > 1 { level = level.chunks(2).map(|p| delayed(add).call((&p[0], &p[1]))).collect(); }\nlet root = level.remove(0);",
         'let began = std::time::Instant::now();\nlet out = root.compute()?;\nprintln!("{{\\"seconds\\": {}, \\"out\\": {out}}}", began.elapsed().as_secs_f64());'],
        """
        from dask import delayed
        inc = delayed(lambda x: x + 1); add = delayed(lambda a, b: a + b)
        L = [inc(i) for i in range(8192)]
        while len(L) > 1: L = [add(L[i], L[i + 1]) for i in range(0, len(L), 2)]
        t = time.time(); out = L[0].compute(); seconds = time.time() - t
        """),
    "1,000,000 independent calls": (
        ['let before = memory("VmRSS");\nlet began = std::time::Instant::now();\n'
         "let calls: Vec<_> = (0..1_000_000u64).map(|i| delayed(inc).call((i,))).collect();\nlet built = began.elapsed().as_secs_f64();\n"
         'let held = memory("VmRSS") - before;\nlet out: u64 = compute(&calls)?.iter().sum();\n'
         'println!("{{\\"seconds\\": {}, \\"built\\": {built}, \\"bytes_a_task\\": {}, \\"peak_a_task\\": {}, \\"out\\": {out}}}", '
         'began.elapsed().as_secs_f64(), held / 1_000_000, (memory("VmHWM") - before) / 1_000_000);'],
        """
        from dask import delayed, compute
        inc = delayed(lambda x: x + 1)
        t = time.time(); out = sum(compute(*[inc(i) for i in range(10_000)])); seconds = 100 * (time.time() - t)  # a hundredth of the calls
        """),
    "a chain of 1,000,000 calls": (
        ['let before = memory("VmRSS");\nlet began = std::time::Instant::now();\nlet mut d = delayed(inc).call((0,));\n'
         'for _ in 1..1_000_000 { d = delayed(inc).call((d,)); }\nlet held = memory("VmRSS") - before;\nlet out = d.compute()?;\n'
         'println!("{{\\"seconds\\": {}, \\"bytes_a_task\\": {}, \\"peak_a_task\\": {}, \\"out\\": {out}}}", '
         'began.elapsed().as_secs_f64(), held / 1_000_000, (memory("VmHWM") - before) / 1_000_000);'],
        """
        from dask import delayed
        inc = delayed(lambda x: x + 1)
        t = time.time(); d = inc(0)
        for _ in range(1, 10_000): d = inc(d)
        out = d.compute(); seconds = 100 * (time.time() - t)  # a hundredth of the calls
        """),
    "1,000,000 tasks of a bag": (
        ['let before = memory("VmRSS");\nlet began = std::time::Instant::now();\nlet bag = Bag::range(1_000_000, 1_000_000).map(|x| x * 2);\n'
         'let held = memory("VmRSS") - before;\nlet out = bag.sum().compute()?;\n'
         'println!("{{\\"seconds\\": {}, \\"bytes_a_task\\": {}, \\"peak_a_task\\": {}, \\"out\\": {out}}}", '
         'began.elapsed().as_secs_f64(), held / 1_000_000, (memory("VmHWM") - before) / 1_000_000);'],
        """
        import dask.bag as db
        t = time.time(); out = db.range(10_000, npartitions=10_000).map(lambda x: x * 2).sum().compute(scheduler="threads"); seconds = 100 * (time.time() - t)  # a hundredth
        """),
    "200,000 rows of XML: filter, tags, frequencies": (
        ['let tag = regex::Regex::new(r"<([^<>]*)>").unwrap();\nlet began = std::time::Instant::now();\n'
         'let out = Text::new().blocksize("10MB").read("posts.xml").map(|row| xml::attributes(&row)).filter(|row| row["PostTypeId"] == "1")\n'
         '    .map(move |row| tag.find_iter(&row["Tags"]).map(|m| m.as_str().trim_matches(|c| c == \'<\' || c == \'>\').to_owned()).collect::<Vec<_>>()).filter(|tags| tags.iter().any(|t| t == "python"))\n'
         '    .flatten().frequencies().topk_by(3, |(_, n)| *n).compute()?;\n'
         'println!("{{\\"seconds\\": {}, \\"out\\": \\"{}\\"}}", began.elapsed().as_secs_f64(), out[0].1);'],
        """
        import dask.bag as db, re
        from xml.etree import ElementTree
        tag = re.compile(r'(?<=<)\\S*?(?=>)')
        t = time.time()
        b = db.read_text('posts.xml', blocksize=1e7)
        r = b.map(lambda s: ElementTree.fromstring(s).attrib).filter(lambda r: r['PostTypeId'] == '1').map(lambda r: tag.findall(r['Tags']))
        out = r.filter(lambda t: 'python' in t).flatten().frequencies(sort=True).compute()[0][1]; seconds = time.time() - t
        """),
    "words of 1 GB of text": (
        ['let began = std::time::Instant::now();\nlet counts = read_text("words.txt").flat_map(|line| line.words()).frequencies();\n'
         'let out = counts.topk_by(1, |(_, n)| *n).compute()?;\n'
         'println!("{{\\"seconds\\": {}, \\"out\\": \\"{}\\", \\"peak\\": {}}}", began.elapsed().as_secs_f64(), out[0].1, memory("VmHWM"));'],
        """
        import dask.bag as db
        t = time.time(); out = db.read_text('words.txt', blocksize=16 << 20).str.split().flatten().frequencies(sort=True).compute()[0][1]; seconds = time.time() - t
        """),
    "4 GB of values below a limit of 400 MB": (
        ['let client = Client::local().workers(2).threads_per_worker(1).memory_limit("200MB").start()?;\nlet before = memory("VmRSS");',
         'let began = std::time::Instant::now();\nfn part(i: u64) -> Vec<f64> { (0..2_500_000u64).map(|k| (k * i % 1000) as f64).collect() }\n'
         'fn sum(v: Vec<f64>) -> f64 { v.iter().sum() }\n'
         'let parts: Vec<_> = (0..200u64).map(|i| delayed(part).call((i,))).collect();\n'
         'let total = delayed(|v: Vec<f64>| v.iter().sum::<f64>()).call((parts.iter().map(|p| delayed(sum).call((p,))).collect::<Vec<_>>(),));\n'
         '// Every part is read again once all have been summed.\n'
         'let again: Vec<_> = parts.iter().map(|p| delayed(|v: Vec<f64>, total: f64| v[7] / total).call((p, &total))).collect();\n'
         'let out = delayed(|v: Vec<f64>| v.iter().sum::<f64>()).call((again,)).compute()?;\n'
         'println!("{{\\"seconds\\": {}, \\"out\\": {out}, \\"peak_above_idle\\": {}}}", began.elapsed().as_secs_f64(), memory("VmHWM") - before);'],
        None),
}


def make(folder):
    """Creates the data: rows of XML in the format of Stack Exchange, and a gigabyte of words."""
    random.seed(5)
    posts = os.path.join(folder, "posts.xml")
    if not os.path.exists(posts):
        words = [f"word{i}" for i in range(3000)]
        tags = ["python", "r", "pandas", "keras", "nlp", "regression", "clustering", "statistics"] + [f"tag{i}" for i in range(200)]
        with open(posts, "w") as f:
            for i in range(200_000):
                body = " ".join(random.choices(words, k=70))
                t = "".join(f"&lt;{x}&gt;" for x in random.sample(tags, random.randrange(1, 5)))
                f.write(f'  <row Id="{i}" PostTypeId="{1 if random.random() < .6 else 2}" CreationDate="2014-05-13T23:58:30.457" Score="{i % 17}" '
                        f'Body="&lt;p&gt;{body}&lt;/p&gt;&#xA;" OwnerUserId="{i % 5000}" Tags="{t}" />\r\n')
    text = os.path.join(folder, "words.txt")
    if not os.path.exists(text):
        words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randrange(2, 10))) for _ in range(50_000)]
        weights = [1 / (i + 3) for i in range(len(words))]
        block = "".join(" ".join(random.choices(words, weights, k=12)) + "\n" for _ in range(200_000))
        with open(text, "w") as f:
            size = 0
            while size < 1_000_000_000:
                f.write(block)
                size += len(block)


def rask(cells, folder):
    from client import Kernel
    with Kernel() as k:
        k.ok(f"std::env::set_current_dir({json.dumps(folder)})?;\n" + MEASURE)
        for cell in cells:
            ran = k.ok(cell, timeout=900)
        return json.loads(ran.stream("stdout"))


def dask(python, code, folder):
    program = "import time, json\n" + textwrap.dedent(code).strip() + "\nprint(json.dumps({'seconds': seconds, 'out': out}))\n"
    guarded = "if __name__ == '__main__':\n" + textwrap.indent(program, "    ")
    path = os.path.join(folder, "dask_work.py")
    with open(path, "w") as f:
        f.write(guarded)
    done = subprocess.run([python, path], cwd=folder, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else {"error": done.stderr.strip().splitlines()[-1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dask")
    parser.add_argument("--folder", default=os.path.expanduser("~/.cache/rask/bench"))
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    os.makedirs(asked.folder, exist_ok=True)
    make(asked.folder)
    for name, (cells, code) in WORK.items():
        if asked.names and not any(n in name for n in asked.names):
            continue
        ours = rask(cells, asked.folder)
        print(f"{name}\n    rask {ours}", flush=True)
        if asked.dask and code:
            theirs = dask(asked.dask, code, asked.folder)
            print(f"    dask {theirs}", flush=True)
            if "seconds" in theirs:
                print(f"    ratio 1 / {theirs['seconds'] / ours['seconds']:.1f}", flush=True)
