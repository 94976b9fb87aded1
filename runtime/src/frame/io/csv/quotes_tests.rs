//! Fields in quotes that hold separators and line ends, wherever a file is cut.

use super::tests::*;
use crate::prelude::*;

#[test]
fn lines_inside_of_quotes() {
    let mut text = String::from("id,text,v\n");
    for i in 0..60 {
        let t = ["plain", "two\nlines", "say \"\"hi\"\", ok", "a,b\n,c\n\nd", "", "tail\n"][i % 6];
        text += &format!("{i},\"{t}\",{}\n", i * 10);
    }
    let t = check(&Csv::new(), text.as_bytes()).unwrap();
    assert_eq!((t.len(), t.column("v").unwrap().sum::<i64>().unwrap()), (60, 17_700));
    assert_eq!(
        texts(&t, "text")[1..5],
        [
            Some("two\nlines".to_owned()),
            Some("say \"hi\", ok".to_owned()),
            Some("a,b\n,c\n\nd".to_owned()),
            None
        ]
    );
    let fake: String = (0..40)
        .map(|i| format!("{i},\"note {i}\n9{i},fake,7\n8{i},fake,7\nend\",{i}\r\n"))
        .collect();
    let t = check(&Csv::new(), format!("id,text,v\r\n{fake}").as_bytes()).unwrap();
    assert_eq!((t.len(), t.column("v").unwrap().sum::<i64>().unwrap()), (40, 780));
}

#[test]
fn samples_from_inside_of_quotes_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows = |from: u32| (from..from + 60_000).map(|i| format!("{i},x\n")).collect::<String>();
    std::fs::write(
        &path,
        format!("id,note\n{}70000,\"{}\"\n{}", rows(0), "w,w\n".repeat(200_000), rows(80_000)),
    )
    .unwrap();
    let frame = Csv::new().read(path.to_str().unwrap());
    assert_eq!(
        frame.dtypes().unwrap()[0],
        DType::Str,
        "the sample in the middle lies inside of the quotes"
    );
    assert_eq!(frame.col("id").max().compute().unwrap(), 139_999);
    assert_eq!((frame.dtypes().unwrap()[0].clone(), frame.len().unwrap()), (DType::Int64, 120_001));
}

#[test]
fn cuts_inside_of_quotes_that_no_sample_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv").display().to_string();
    let rows = |from: u32, n: u32| (from..from + n).map(|i| format!("{i},x\n")).collect::<String>();
    // Between the samples at the start, the middle and the end.
    let hidden = |line: &str| format!("70000,\"{}\"\n", line.repeat(900_000 / line.len()));
    for line in ["w,w\n", "5,w\n", "1,2,3\n", "\"\"\n,", "7\n"] {
        std::fs::write(
            &path,
            format!("id,note\n{}{}{}", rows(0, 60_000), hidden(line), rows(80_000, 200_000)),
        )
        .unwrap();
        let read = || Csv::new().blocksize("100 KB").read(&path);
        let half = |frame: &DataFrame| {
            frame.with_column("half", col("id").map(|id: i64| id / i64::from(id != 5)))
        };
        type Made<'a> = (&'a str, &'a dyn Fn(&DataFrame) -> DataFrame);
        let columns: [Made<'_>; 4] = [
            ("as it is", &Clone::clone),
            ("filtered", &|df| df.filter(col("id").gt(-1))),
            ("with a closure that fails on what is no row", &|df| {
                half(&df.filter(!col("id").eq(5)))
            }),
            ("grouped", &|df| df.groupby("id").size()),
        ];
        for (what, made) in columns {
            let table = made(&read()).compute().unwrap();
            assert_eq!(
                table.len(),
                260_001 - usize::from(what.starts_with("with")),
                "{what}: {line:?}"
            );
            assert_eq!(
                table.column("id").unwrap().sum::<i64>().unwrap(),
                1_799_970_000 + 70_000 + 35_999_900_000
                    - if what.starts_with("with") { 5 } else { 0 },
                "{what}: {line:?}"
            );
        }
        // After quotes were seen, nothing is guessed; also if not everything is read.
        let frame = read();
        for _ in 0..2 {
            assert_eq!(frame.len().unwrap(), 260_001, "{line:?}");
            assert_eq!(frame.dtypes().unwrap(), [DType::Int64, DType::Str], "{line:?}");
            let some = sql("select * from t where note = 'x' limit 200000", [("t", &frame)])
                .compute()
                .unwrap();
            assert!(
                some.column("id")
                    .unwrap()
                    .to_vec::<i64>()
                    .unwrap()
                    .iter()
                    .all(|id| *id < 60_000 || *id >= 80_000),
                "{line:?}"
            );
        }
        let both = read();
        assert_eq!(both.merge(&read(), "id").len().unwrap(), 260_001, "{line:?}");
        assert_eq!(both.get_partition(20).col("note").nunique().compute().unwrap(), 1, "{line:?}");
        let groups = sql("select note, id from t group by note, id limit 3", [("t", &read())])
            .compute()
            .unwrap();
        assert!(
            groups.column("id").unwrap().to_vec::<i64>().unwrap().iter().all(|id| *id < 280_000),
            "{line:?}"
        );
        // Partitions that were created before this was known.
        let frame = read();
        let parts = frame.to_delayed();
        assert_eq!((frame.len().unwrap(), parts.len()), (260_001, frame.npartitions()), "{line:?}");
        let rows: usize = parts.iter().map(|p| p.compute().unwrap().len()).sum();
        assert_eq!(rows, 260_001, "{line:?}");
        let counted =
            read().groupby("id").size().to_bag::<(i64, i64)>().unwrap().compute().unwrap();
        assert_eq!(counted.len(), 260_001, "{line:?}");
    }
}
