//! Tests of bags through the public methods: equal results at every block size and number of
//! workers.

use super::*;
use crate::html;
use crate::prelude::*;
use crate::sched::tests::with_cluster;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Creates a folder with these files.
fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, impl Fn(&str) -> String + use<>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let root = dir.path().to_str().unwrap().to_owned();
    (dir, move |name: &str| format!("{root}/{name}"))
}

const WORDS: &str = "the cat sat on the mat\r\nThe dog\tate  the cat\r\n\r\nna\u{ef}ve caf\u{e9} \u{2014} the end\r\nlast line without newline the";

#[test]
fn lines_words_globs_and_delimiters() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(b"p\nq\n").unwrap();
    let gz = gz.finish().unwrap();
    let (_dir, at) = folder(&[
        ("t.txt", WORDS.as_bytes()),
        ("part-0.txt", b"a\nb\nc\n"),
        ("part-1.txt", b"d\ne"),
        ("semi.txt", b"x;y;z"),
        ("z.txt.gz", &gz),
    ]);
    let want: Vec<&str> = WORDS.split_inclusive('\n').collect();
    for workers in [1, 2, 5] {
        with_cluster(workers, 1, None, || {
            for size in ["5", "11", "24", "25", "1000", "1 MiB"] {
                let lines = Text::new().blocksize(size).read(&at("t.txt"));
                assert_eq!(lines.compute().unwrap(), want, "{size} on {workers}");
                assert_eq!(lines.count().compute().unwrap(), 5);
                let words = lines.str().lower().str().split().flatten().frequencies();
                let mut counts = words.compute().unwrap();
                assert_eq!(
                    counts[..3],
                    [("the".to_owned(), 6), ("cat".to_owned(), 2), ("sat".to_owned(), 1)],
                    "in order of appearance"
                );
                counts.sort();
                assert_eq!((counts.len(), counts[14].0.as_str()), (15, "\u{2014}"));
                assert_eq!(
                    words.topk_by(2, |(_, n)| *n).compute().unwrap(),
                    [("the".to_owned(), 6), ("cat".to_owned(), 2)]
                );
                assert_eq!(
                    lines.str().strip().str().upper().take(1).unwrap(),
                    ["THE CAT SAT ON THE MAT"]
                );
                let by_slices = lines.flat_map(|l| l.words()).frequencies().compute().unwrap();
                assert_eq!(by_slices.iter().map(|(_, n)| n).sum::<u64>(), 21);
            }
        });
    }
    assert_eq!(read_text(&at("part-*.txt")).compute().unwrap(), ["a\n", "b\n", "c\n", "d\n", "e"]);
    assert_eq!(read_text(&at("part-*.txt")).npartitions(), 2);
    assert_eq!(Text::new().files_per_partition(2).read(&at("part-*.txt")).npartitions(), 1);
    assert_eq!(read_text(&at("z.txt.gz")).compute().unwrap(), ["p\n", "q\n"]);
    assert_eq!(
        Text::new().linedelimiter(";").read(&at("semi.txt")).compute().unwrap(),
        ["x;", "y;", "z"]
    );
    let with_path = Text::new().include_path(true).read(&at("part-*.txt")).compute().unwrap();
    assert_eq!((with_path[0].0.as_str(), with_path[3].0.as_str()), ("a\n", "d\n"));
    assert!(with_path[0].1.ends_with("part-0.txt") && with_path[3].1.ends_with("part-1.txt"));
}

#[test]
fn compressed_files_of_every_kind_come_back() {
    let (_dir, at) = folder(&[]);
    let bag = Bag::from_sequence_with((0..1000).map(|i| format!("line {i}")), 3);
    for ending in ["txt", "txt.gz", "txt.bz2", "txt.zst", "txt.xz"] {
        let paths = bag.to_textfiles(&at(&format!("out-*.{ending}"))).unwrap();
        assert_eq!(paths, (0..3).map(|i| at(&format!("out-{i}.{ending}"))).collect::<Vec<_>>());
        let back = read_text(&at(&format!("out-*.{ending}")));
        let lines = back.str().rstrip().compute().unwrap();
        assert!(lines.len() == 1000 && lines[999] == "line 999", "{ending}");
        if ending == "txt.gz" {
            // Concatenated members are read as one text.
            let both: Vec<u8> = paths.iter().flat_map(|p| std::fs::read(p).unwrap()).collect();
            std::fs::write(at("both.gz"), both).unwrap();
            assert_eq!(read_text(&at("both.gz")).count().compute().unwrap(), 1000);
        }
    }
    // Lines that were read keep their line ends.
    read_text(&at("out-0.txt")).to_textfiles(&at("again/*.txt")).unwrap();
    assert_eq!(std::fs::read(at("again/0.txt")).unwrap(), std::fs::read(at("out-0.txt")).unwrap());
}

#[test]
fn a_failed_write_leaves_no_file() {
    let (_dir, at) = folder(&[]);
    let bad = Bag::from_iter(0..3).map(|i| {
        assert!(i < 2, "no third");
        i.to_string()
    });
    assert!(bad.to_textfiles(&at("o/*.txt")).unwrap_err().to_string().contains("no third"));
    let left: Vec<_> = std::fs::read_dir(at("o"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!left.iter().any(|n| n == "2.txt" || n.starts_with(".rask")), "{left:?}");
    let e = Bag::from_iter(["a"]).to_textfiles("/proc/nowhere/*.txt").unwrap_err().to_string();
    assert!(e.contains("/proc/nowhere"), "{e}");
}

#[test]
fn bad_texts_are_told_with_file_and_byte_and_the_next_compute_works() {
    let (_dir, at) = folder(&[
        ("bad.txt", b"good\nb\xffd\nend\n"),
        ("latin.txt", b"caf\xe9\n"),
        ("cut.txt.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0no"),
    ]);
    for size in ["3", "1000"] {
        let e = Text::new().blocksize(size).read(&at("bad.txt")).compute().unwrap_err().to_string();
        assert!(
            e.contains("bad.txt") && e.contains("offset 6") && e.contains("0xFF"),
            "{size}: {e}"
        );
    }
    assert_eq!(
        Text::new().errors("replace").read(&at("bad.txt")).compute().unwrap()[1],
        "b\u{fffd}d\n"
    );
    assert_eq!(
        Text::new().encoding("latin1").read(&at("latin.txt")).compute().unwrap(),
        ["caf\u{e9}\n"]
    );
    assert!(read_text(&at("cut.txt.gz")).compute().unwrap_err().to_string().contains("cut.txt.gz"));
    for (text, part) in [
        (Text::new().read(&at("nothing.txt")), "no file matches"),
        (Text::new().blocksize("big").read(&at("bad.txt")), "blocksize: invalid size \"big\""),
        (Text::new().encoding("klingon").read(&at("bad.txt")), "klingon"),
        (Text::new().errors("lenient").read(&at("bad.txt")), "lenient"),
        (Text::new().compression("rar").read(&at("bad.txt")), "rar"),
        (Text::new().linedelimiter("").read(&at("bad.txt")), "empty"),
    ] {
        let e = text.map(|l| l.len()).sum().compute().unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }
    assert_eq!(Text::new().errors("ignore").read(&at("bad.txt")).count().compute().unwrap(), 3);
}

#[test]
fn texts_come_from_http_and_s3() {
    let address = crate::fs::tests::serve(&[
        ("/a.txt", "one\ntwo\n"),
        ("/bucket/logs/b.txt", "three\n"),
        ("/bucket/rows.csv", "id,text\n1,\"two\nlines\"\n2,x\n"),
        (
            "/bucket",
            "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>1</KeyCount><Contents><Key>logs/b.txt</Key>\
             <LastModified>2025-11-01T00:00:00.000Z</LastModified><ETag>\"x\"</ETag><Size>6</Size></Contents></ListBucketResult>",
        ),
    ]);
    assert_eq!(read_text(&format!("{address}/a.txt")).compute().unwrap(), ["one\n", "two\n"]);
    let e = read_text(&format!("{address}/none.txt")).compute().unwrap_err().to_string();
    assert!(e.contains("none.txt") && e.contains("404"), "{e}");
    for (name, value) in [
        ("AWS_ENDPOINT", address.as_str()),
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_REGION", "eu-north-1"),
    ] {
        crate::host::set_env(name, value);
    }
    assert_eq!(read_text("s3://bucket/logs/b.txt").compute().unwrap(), ["three\n"]);
    assert_eq!(read_text("s3://bucket/logs/*.txt").compute().unwrap(), ["three\n"]);
    let rows = crate::frame::read_csv("s3://bucket/rows.csv").compute().unwrap();
    assert_eq!(rows.column("text").unwrap().to_vec::<String>().unwrap(), ["two\nlines", "x"]);
    let e = crate::frame::read_csv("s3://bucket/none.csv").compute().unwrap_err().to_string();
    assert!(e.contains("s3://bucket/none.csv"), "{e}");
    let e = read_text("s3://bucket/logs/c.txt").compute().unwrap_err().to_string();
    assert!(e.contains("s3://bucket/logs/c.txt"), "{e}");
}

/// Returns the rows of a Stack Exchange dump.
fn posts() -> String {
    let rows = [
        (
            "5",
            "1",
            "2014-05-13T23:58:30.457",
            "9",
            "<p>I've \"asked\" 1 &lt; 2 &amp; 3</p>\n\n<p>second</p>\n",
            Some("<machine-learning>"),
        ),
        (
            "7",
            "1",
            "2014-05-14T00:11:06.457",
            "4",
            "<p>R & Python<br/>line</p>",
            Some("<education><open-source>"),
        ),
        ("9", "2", "2014-05-14T00:36:31.077", "5", "<p>answer</p>", None),
        (
            "14",
            "1",
            "2014-05-14T01:25:59.677",
            "26",
            "<pre><code>x &lt;- 1</code></pre>",
            Some("<r>"),
        ),
        (
            "15",
            "1",
            "2014-05-14T01:41:23.110",
            "2",
            "<a href=\"http://e.org/?a=1&amp;b=2\">caf\u{e9}</a> \u{1f600}",
            Some("<python><pandas>"),
        ),
    ];
    let escape = |s: &str| crate::show::html::escape(s).replace('\n', "&#xA;");
    let row = |(id, kind, date, score, body, tags): (
        &str,
        &str,
        &str,
        &str,
        &str,
        Option<&str>,
    )| {
        let tags = tags.map(|t| format!(" Tags=\"{}\"", escape(t))).unwrap_or_default();
        format!(
            "  <row Id=\"{id}\" PostTypeId=\"{kind}\" CreationDate=\"{date}\" Score=\"{score}\" Body=\"{}\"{tags} />\r\n",
            escape(body)
        )
    };
    rows.into_iter().map(row).collect()
}

#[test]
fn rows_of_xml_become_a_frame_and_text() {
    let (_dir, at) = folder(&[("Posts.xml", posts().as_bytes())]);
    for (workers, size) in [(1, "200"), (2, "7"), (3, "1 MiB")] {
        with_cluster(workers, 1, None, || {
            let rows =
                Text::new().blocksize(size).read(&at("Posts.xml")).map(|row| xml::attributes(&row));
            assert_eq!(rows.count().compute().unwrap(), 5);
            assert_eq!(rows.take(3).unwrap()[2].get("Tags"), None);
            let questions = rows.filter(|row| row["PostTypeId"] == "1");
            assert_eq!(
                questions.map(|row| row["Score"].parse::<i64>().unwrap()).sum().compute().unwrap(),
                41
            );
            let columns = [
                ("Id", DType::Int64),
                ("CreationDate", DType::Datetime),
                ("Body", DType::Str),
                ("Tags", DType::Str),
            ];
            let df = questions.to_dataframe(&columns);
            assert_eq!(df.dtypes().unwrap(), columns.clone().map(|(_, t)| t));
            let table = df.compute().unwrap();
            assert_eq!(
                table.column("Id").unwrap().to_vec::<i64>().unwrap(),
                [5, 7, 14, 15],
                "{size} on {workers}"
            );
            let bodies = table.column("Body").unwrap().to_vec::<String>().unwrap();
            let texts: Vec<_> = bodies.iter().map(|b| html::text(b)).collect();
            assert_eq!(
                texts,
                [
                    "I've \"asked\" 1 < 2 & 3\nsecond\n",
                    "R & Pythonline",
                    "x <- 1",
                    "caf\u{e9} \u{1f600}"
                ]
            );
            let shown = format!("{:?}", df.head(1).unwrap());
            assert!(shown.contains("2014-05-13") && shown.contains("machine-learning"), "{shown}");
            let all = rows
                .to_dataframe(&[("Tags", DType::Str), ("Score", DType::Float64)])
                .compute()
                .unwrap();
            assert_eq!(all.column("Tags").unwrap().to_vec::<Option<String>>().unwrap()[2], None);
        });
    }
}

#[test]
fn structs_become_frames_by_serde() {
    #[derive(Clone, serde::Serialize)]
    struct Person {
        name: String,
        age: Option<u32>,
        weight: f64,
    }
    let people = Bag::from_iter((0..300).map(|i| Person {
        name: format!("p{i}"),
        age: (i % 2 == 0).then_some(i),
        weight: f64::from(i) / 2.0,
    }));
    let df = people.to_dataframe(&[]);
    let table = df.compute().unwrap();
    assert_eq!(table.column("weight").unwrap().to_vec::<f64>().unwrap()[299], 149.5);
    assert_eq!(
        table.column("age").unwrap().to_vec::<Option<i64>>().unwrap()[..3],
        [Some(0), None, Some(2)]
    );
    let named = people.to_dataframe(&[("name", DType::Str), ("age", DType::Int8)]);
    let e = named.compute().unwrap_err().to_string();
    assert!(e.contains("\"age\"") && e.contains("to int8"), "{e}");
    let e = Bag::from_iter([1, 2])
        .to_dataframe(&[("x", DType::Int64)])
        .compute()
        .unwrap_err()
        .to_string();
    assert!(e.contains("neither a map nor a struct"), "{e}");
    let e = people.filter(|_| false).to_dataframe(&[]).compute().unwrap_err().to_string();
    assert!(e.contains("empty"), "{e}");
    // A bag whose partitions depend on one another is computed once.
    let groups = people
        .groupby(|p| p.name.len())
        .map(|(n, list)| serde_json::json!({ "letters": n, "people": list.len() }));
    let t = groups
        .to_dataframe(&[("letters", DType::Int64), ("people", DType::Int64)])
        .compute()
        .unwrap();
    let mut counts = t.column("people").unwrap().to_vec::<i64>().unwrap();
    counts.sort_unstable();
    assert_eq!(counts, [10, 90, 200]);
}

#[test]
fn every_method_gives_the_same_at_every_partitioning() {
    let items: Vec<i64> = (0..997).map(|i| (i * 7919) % 101 - 50).collect();
    let floats: Vec<f64> = items.iter().map(|x| *x as f64 / 7.0 + 1e9).collect();
    let mut seen: Vec<String> = Vec::new();
    for (partitions, workers) in [(1, 1), (2, 3), (7, 2), (997, 4), (1500, 2)] {
        let answers = with_cluster(workers, 1, None, || {
            let bag = Bag::from_sequence_with(items.clone(), partitions);
            let f = Bag::from_sequence_with(floats.clone(), partitions);
            let other = Bag::from_sequence_with(0..13i64, partitions.min(13));
            let mut out = Vec::new();
            macro_rules! say {
                ($($e:expr),* $(,)?) => { $( out.push(format!("{} = {:?}", stringify!($e), $e.compute().unwrap())); )* };
            }
            say!(
                bag.sum(),
                bag.mean(),
                bag.var(),
                bag.std(),
                bag.std_with(1),
                bag.min(),
                bag.max(),
                bag.count(),
                f.sum(),
                f.mean(),
                f.var(),
                f.std(),
                bag.map(|x| x > 49).any(),
                bag.map(|x| x > 49).all(),
                bag.topk(5),
                bag.topk_by(5, |x| -x.abs()),
                bag.distinct(),
                bag.distinct_by(|x| x % 3),
                bag.frequencies(),
                bag.foldby(|x| x.rem_euclid(5), 0i64, |t, x| t + x, |a, b| a + b),
                bag.groupby(|x| x.rem_euclid(10)),
                bag.fold(0i64, |t, x| t * 3 % 1009 + x, |a, b| (a + b) % 1009)
                    .map(|_| "fold of an operation that is not a monoid"),
                bag.reduce(|a, b| a.max(b)),
                bag.reduction(|p| p.into_iter().sum::<i64>(), |sums| sums.into_iter().sum::<i64>()),
                bag.filter(|x| x % 2 == 0).remove(|x| *x < 0),
                bag.flat_map(|x| vec![x; (x.rem_euclid(3)) as usize]),
                bag.enumerate(),
                bag.zip(&other.map(|x| x * x)),
                other.zip(&bag),
                other.product(&other).count(),
                other.product(&other),
                bag.accumulate(0i64, |t, x| t + x),
                bag.random_sample(0.1, 42),
                bag.sample(10, 7),
                bag.join(&other, |x| x.rem_euclid(13), |y| *y),
                bag.repartition(5),
                bag.repartition(3000),
                bag::concat(&[bag.clone(), other.clone()]),
                bag.map(|x| (x, -x)).unzip().1,
                bag.map(|x| (x, 1)).starmap(|a, b| a + b),
                bag.map(|x| vec![x, x + 1]).pluck(1),
                bag.map(|x| vec![x]).pluck_or(3, 9),
                Bag::from_delayed(&bag.to_delayed()),
                bag.persist().unwrap().map(|x| x + 1),
            );
            out.push(format!("{:?}", bag.take(20).unwrap()));
            out.push(format!("{:?}", bag.repartition_size("1 kB").unwrap().compute().unwrap()));
            out
        });
        if seen.is_empty() {
            seen = answers;
        } else {
            for (got, want) in answers.iter().zip(&seen) {
                assert_eq!(got, want, "{partitions} partitions on {workers} workers");
            }
        }
    }
    they_are_right(&seen, &items, &floats);
}

fn they_are_right(seen: &[String], items: &[i64], floats: &[f64]) {
    let find = |start: &str| seen.iter().find(|s| s.starts_with(start)).unwrap().clone();
    assert!(find("bag.sum()").ends_with(&format!("= {}", items.iter().sum::<i64>())));
    let exact: f64 = {
        let mut sum = crate::exact::ExactSum::default();
        floats.iter().for_each(|x| sum.add(*x));
        sum.value()
    };
    assert!(find("f.sum()").ends_with(&format!("= {exact:?}")));
    let mean = items.iter().sum::<i64>() as f64 / 997.0;
    let var: f64 = items.iter().map(|x| (*x as f64 - mean).powi(2)).sum::<f64>() / 997.0;
    let said: f64 = find("bag.var()").rsplit(' ').next().unwrap().parse().unwrap();
    assert!((said - var).abs() < 1e-9 * var, "{said} {var}");
    let shifted: f64 = find("f.var()").rsplit(' ').next().unwrap().parse().unwrap();
    assert!((shifted - var / 49.0).abs() < 1e-6 * var, "far from zero: {shifted} {}", var / 49.0);
    let sampled = find("bag.random_sample").matches(',').count();
    assert!((70..130).contains(&sampled), "{sampled}");
    assert!(find("other.product(&other).count()").ends_with("= 169"));
}

#[test]
fn partition_sizes_are_dasks() {
    let sizes = |bag: Bag<i32>| bag.map_partitions(|p| [p.len()]).compute().unwrap();
    assert_eq!(sizes(Bag::from_sequence_with(0..5, 2)), [3, 2]);
    assert_eq!(sizes(Bag::from_sequence(0..150)), [2; 75]);
    assert_eq!(sizes(Bag::from_sequence(0..1000)), [4; 250]);
    assert_eq!(sizes(Bag::from_iter(0..3)), [1, 1, 1]);
    assert_eq!(Bag::range(10, 4).compute().unwrap(), (0..10).collect::<Vec<_>>());
}

#[test]
fn an_empty_bag_has_an_answer_or_an_error_for_every_reduction() {
    for bag in [
        Bag::<f64>::from_iter([]),
        Bag::from_sequence_with(0..10, 3).map(f64::from).filter(|_| false),
    ] {
        assert_eq!((bag.sum().compute().unwrap(), bag.count().compute().unwrap()), (0.0, 0));
        assert!(
            !bag.map(|x| x > 0.0).any().compute().unwrap()
                && bag.map(|x| x > 0.0).all().compute().unwrap()
        );
        for (name, e) in [
            ("mean", bag.mean().compute().unwrap_err()),
            ("var", bag.var().compute().unwrap_err()),
            ("std", bag.std().compute().unwrap_err()),
            ("min", bag.min().compute().unwrap_err()),
            ("max", bag.max().compute().unwrap_err()),
            ("reduce", bag.reduce(|a, b| a + b).compute().unwrap_err()),
        ] {
            let e = e.to_string();
            assert!(e.starts_with(&format!("{name}: ")) && e.contains("empty"), "{e}");
        }
        assert_eq!(bag.fold(1.0, |a, b| a + b, f64::max).compute().unwrap(), 1.0);
        assert!(bag.topk(3).compute().unwrap().is_empty() && bag.frequencies_of_bits().is_empty());
        assert!(
            bag.take(3).unwrap().is_empty()
                && bag.groupby(|x| x.to_bits()).compute().unwrap().is_empty()
        );
        assert!(bag.accumulate(0.0, |a, b| a + b).compute().unwrap().is_empty());
    }
}

impl Bag<f64> {
    fn frequencies_of_bits(&self) -> Vec<(u64, u64)> {
        self.map(f64::to_bits).frequencies().compute().unwrap()
    }
}

#[test]
fn odd_bags_are_bags() {
    let none: Bag<i64> = bag::concat(&[]);
    assert_eq!(
        (none.count().compute().unwrap(), none.frequencies().compute().unwrap().len()),
        (0, 0)
    );
    assert_eq!(none.repartition(3).compute().unwrap(), [0i64; 0]);
    let none = Bag::<i64>::from_delayed(&[]);
    assert_eq!(
        (none.sum().compute().unwrap(), Bag::range(3, 2).zip(&none).count().compute().unwrap()),
        (0, 0)
    );
    let far = Bag::range(10_i64.pow(13), 1_000_000)
        .map_partitions(|p| p.into_iter().next())
        .filter(|x| *x > 0);
    assert_eq!(far.take(1).unwrap(), [10_000_000]);
    assert!(Bag::from_iter([1.0, f64::NAN, 3.0]).var().compute().unwrap().is_nan());
    assert!(Bag::from_iter([1.0]).var_with(2).compute().unwrap().is_nan());
    let pairs = [(9.0, 9.0), (1.0, 2.0), (0.0, f64::NAN), (2.0, 2.0)];
    for n in 1..=4 {
        let bag = Bag::from_sequence_with(pairs, n);
        assert_eq!(
            (bag.min().compute().unwrap(), bag.max().compute().unwrap()),
            ((1.0, 2.0), (9.0, 9.0))
        );
        assert_eq!(bag.topk(2).compute().unwrap(), [(9.0, 9.0), (2.0, 2.0)]);
    }
    assert_eq!(Bag::from_iter([1e308, 1e308, 1.0]).sum().compute().unwrap(), f64::INFINITY);
    assert!(
        Bag::from_iter(["a"])
            .to_textfiles("s3://b/*.txt")
            .unwrap_err()
            .to_string()
            .contains("s3://b")
    );
}

#[test]
fn a_mark_belongs_to_its_encoding() {
    let (_dir, at) = folder(&[
        ("u8", b"\xef\xbb\xbfa\nb\n"),
        ("le", b"\xff\xfea\0\n\0b\0"),
        ("be", b"\xfe\xff\0a\0\n\0b"),
        ("latin", b"\xff\xfea"),
        ("bar", b"\x83\x7c|b"),
    ]);
    assert_eq!(read_text(&at("u8")).compute().unwrap(), ["a\n", "b\n"]);
    for (name, label) in
        [("le", "utf-16"), ("be", "utf-16"), ("le", "utf-16le"), ("be", "utf-16be")]
    {
        assert_eq!(
            Text::new().encoding(label).read(&at(name)).compute().unwrap(),
            ["a\n", "b"],
            "{name} as {label}"
        );
    }
    assert!(read_text(&at("le")).compute().unwrap_err().to_string().contains("offset 0"));
    assert_eq!(
        Text::new().encoding("latin1").read(&at("latin")).compute().unwrap(),
        ["\u{ff}\u{fe}a"]
    );
    let bars = Text::new().encoding("shift_jis").linedelimiter("|").blocksize("1").read(&at("bar"));
    assert_eq!(bars.compute().unwrap(), ["\u{30dd}|", "b"]);
}

#[test]
fn take_reads_no_more_than_it_needs() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    let bag = Bag::from_sequence_with(0..1000, 100).map(|x| {
        READ.fetch_add(1, Ordering::SeqCst);
        x
    });
    assert_eq!(bag.take(3).unwrap(), [0, 1, 2]);
    assert_eq!(READ.load(Ordering::SeqCst), 3);
    assert_eq!(bag.take(25).unwrap().len(), 25);
    assert!(READ.load(Ordering::SeqCst) < 100);
    assert_eq!(bag.take(2000).unwrap().len(), 1000);
}

#[test]
fn chains_run_as_one_task_and_what_is_shared_runs_once() {
    let bag = Bag::from_sequence_with(0..100i64, 10).map(|x| x + 1).filter(|x| x % 2 == 0);
    let text = format!("{bag:?}");
    assert!(text.contains("10 partitions, 3 stages, 10 tasks"), "{text}");
    let tasks = |points: Vec<crate::graph::Point>| {
        crate::graph::Graph::new(&crate::graph::chains::fused(&points)).len()
    };
    let mut points = Vec::new();
    bag.each_point(&mut |point| points.push(point));
    assert_eq!(tasks(points), 10);
    // Ten partial sums, two merges of up to eight, one more merge, and the final task.
    assert_eq!(tasks(vec![bag.sum().point()]), 10 + 2 + 1 + 1);
    assert_eq!(
        tasks(vec![bag.sum().point(), bag.max().point()]),
        10 + 2 * 14,
        "the list is computed once for both"
    );
    let svg = bag.visualize().rankdir("LR").show().data["image/svg+xml"].clone();
    for name in ["from-sequence", "map", "filter"] {
        assert!(svg.contains(name), "{name}");
    }
    let fused = bag.visualize().optimize_graph(true).show().data["image/svg+xml"].clone();
    assert!(fused.contains("from-sequence-map-filter") && fused.matches("<ellipse").count() == 10);
    let kept = bag.persist().unwrap();
    assert!(format!("{kept:?}").contains("in memory"), "{kept:?}");
}

#[test]
fn a_panic_in_a_bag_names_the_step_and_the_partition() {
    let bag = Bag::from_sequence_with(0..100, 10).map(|x| {
        assert!(x != 55, "not {x}");
        x
    });
    let e = bag.sum().compute().unwrap_err();
    let ErrorKind::TaskPanicked { message, key, .. } = e.kind() else { panic!("{e}") };
    assert!(message == "not 55" && key.ends_with("-5"), "{e}");
    assert_eq!(bag.filter(|x| *x < 50).take(1).unwrap(), [0], "the next compute works");
}
