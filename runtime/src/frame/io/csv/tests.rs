//! End-to-end tests of files, options and errors: every text is read in blocks of several sizes and
//! in several partitions, with the same result each time.

use crate::csv::kind::Kind;
use crate::frame::Table;
use crate::frame::source::csv::open::open;
use crate::frame::source::csv::scan::CsvTable;
use crate::frame::source::provider::{FrameSource, SourceTable};
use crate::prelude::*;
use arrow::array::RecordBatch;
use datafusion::physical_plan::collect_partitioned;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::io::Write;
use std::sync::Arc;

pub(super) const SIZES: [i32; 6] = [1, 7, 64, 200, 4096, 1 << 20];
pub(super) const PARTITIONS: [usize; 5] = [1, 2, 3, 10, 57];

/// Reads a file in this many partitions, again if types were widened.
pub(super) fn read(options: &Csv, path: &str, partitions: usize) -> Result<RecordBatch, String> {
    let table = open(&options.0, path).map_err(|e| e.to_string())?;
    let config =
        SessionConfig::new().with_target_partitions(partitions).with_round_robin_repartition(false);
    let context = SessionContext::new_with_config(config);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    loop {
        let source: Arc<dyn FrameSource> = Arc::new(CsvTable::new(table.clone()));
        let plan = context.read_table(SourceTable::provider(source.clone())).unwrap();
        let parts = runtime.block_on(async {
            let physical =
                crate::frame::source::csv::speculate::guessed(plan.create_physical_plan().await?)?;
            collect_partitioned(physical, context.task_ctx()).await
        });
        match parts {
            Ok(parts) => {
                let all: Vec<_> = parts.into_iter().flatten().collect();
                return Ok(arrow::compute::concat_batches(&source.schema(), &all).unwrap());
            }
            Err(_) if !source.is_current() => {}
            Err(e) => return Err(e.to_string()),
        }
    }
}

/// Writes a text and reads it in all combinations, which must agree.
pub(super) fn check(options: &Csv, text: &[u8]) -> Result<Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let neutral = |r: Result<RecordBatch, String>| r.map_err(|e| e.replace(path, "f.csv"));
    let want = neutral(read(options, path, 1));
    for size in SIZES {
        for partitions in PARTITIONS {
            let got = neutral(read(&options.clone().blocksize(size), path, partitions));
            assert_eq!(
                got,
                want,
                "blocks of {size} bytes in {partitions} partitions of {:?}",
                String::from_utf8_lossy(&text[..text.len().min(300)])
            );
        }
    }
    want.map(Table::new)
}

pub(super) fn texts(t: &Table, column: &str) -> Vec<Option<String>> {
    t.column(column).unwrap().to_vec().unwrap()
}

pub(super) fn some(list: &[&str]) -> Vec<Option<String>> {
    list.iter().map(|s| Some((*s).to_owned())).collect()
}

#[test]
fn line_ends_marks_and_ragged_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["\u{feff}a,b", "1,x", "", "2", "3,", "4,\"q\""].join(end);
        let t = check(&Csv::new(), text.as_bytes()).unwrap();
        assert_eq!(t.column("a").unwrap().to_vec::<i64>().unwrap(), [1, 2, 3, 4], "{end:?}");
        assert_eq!(
            texts(&t, "b"),
            [Some("x".to_owned()), None, None, Some("q".to_owned())],
            "{end:?}"
        );
    }
    let t = check(&Csv::new(), b"a,b\n5\" pipe,\"x\"y\n\"\"\"\",z").unwrap();
    assert_eq!((texts(&t, "a"), texts(&t, "b")), (some(&["5\" pipe", "\""]), some(&["xy", "z"])));
}

#[test]
fn types_are_those_of_all_values() {
    let mut text = String::from("id,code,qty,flag,late,zip,when,day\n");
    for i in 0..400 {
        let code = if i < 300 { format!("{}", 1000 + i) } else { format!("A{i}") };
        let qty = if i < 200 {
            i.to_string()
        } else if i % 50 == 0 {
            String::new()
        } else {
            format!("{i}.5")
        };
        let flag = if i == 370 {
            "maybe"
        } else if i % 2 == 1 {
            "True"
        } else {
            "False"
        };
        let late = if i < 250 { String::new() } else { format!("t{}", i % 3) };
        let day = if i == 399 { "2019-06-02 08:30:00" } else { "2019-06-01" };
        text += &format!("{i},{code},{qty},{flag},{late},0{i},2019-06-01 10:00:00.5,{day}\n");
    }
    for infer in [1, 10, 1000] {
        let t = check(&Csv::new().infer_rows(infer), text.as_bytes()).unwrap();
        use DType::{Datetime, Float64, Int64, Str};
        assert_eq!(
            t.dtypes(),
            [Int64, Str, Float64, Str, Str, Str, Datetime, Datetime],
            "{infer} rows looked at"
        );
        assert_eq!(t.column("qty").unwrap().sum::<f64>().unwrap(), 78_798.0);
        assert_eq!(
            (
                texts(&t, "code")[0].as_deref(),
                texts(&t, "flag")[370].as_deref(),
                texts(&t, "zip")[7].as_deref()
            ),
            (Some("1000"), Some("maybe"), Some("07"))
        );
    }
}

#[test]
fn frames_take_the_wider_type_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..3000)
        .map(|i| if i == 2999 { "x,2.5,b\n".to_owned() } else { format!("{i},1,a\n") })
        .collect();
    std::fs::write(&path, format!("k,v,s\n{rows}")).unwrap();
    let frame = Csv::new().infer_rows(5).read(path.to_str().unwrap());
    let because = || texts(&frame.csv_types().unwrap(), "because")[0].clone().unwrap();
    assert!(because().starts_with("\"0\" in") && because().ends_with("line 2"), "{}", because());
    assert_eq!(frame.dtypes().unwrap()[0], DType::Int64);
    let sums = frame.groupby("s").sum("v").compute().unwrap();
    assert_eq!(sums.column("v").unwrap().to_vec::<f64>().unwrap(), [2999.0, 2.5]);
    assert_eq!(texts(&frame.filter(col("v").gt(1.5)).compute().unwrap(), "k"), some(&["x"]));
    assert_eq!((frame.dtypes().unwrap()[0].clone(), frame.len().unwrap()), (DType::Str, 3000));
    assert!(because().starts_with("\"x\" in") && because().ends_with("line 3001"), "{}", because());
}

#[test]
fn missing_values() {
    let text = b"a,b,c,d,e\n1,1.5,x,True,2020-01-01\n,NA,,False,\n3,nan,N/A,True,2020-01-03\n4,,null,False,NULL\n5,-inf,None,True,2020-01-05\n6,1e3,<NA>,False,2020-01-06\n7,-NaN, ,True,2020-01-07\n8,0,-,False,2020-01-10\n";
    let t = check(&Csv::new(), text).unwrap();
    assert_eq!(t.dtypes(), [DType::Int64, DType::Float64, DType::Str, DType::Bool, DType::Date]);
    assert_eq!(
        t.column("a").unwrap().to_vec::<Option<i64>>().unwrap()[..3],
        [Some(1), None, Some(3)]
    );
    assert_eq!(
        t.column("b").unwrap().to_vec::<Option<f64>>().unwrap(),
        [Some(1.5), None, None, None, Some(f64::NEG_INFINITY), Some(1000.0), None, Some(0.0)]
    );
    assert_eq!(texts(&t, "c")[5..], [None, Some(" ".to_owned()), Some("-".to_owned())]);
    let t = check(&Csv::new().na_values(["-", "7"]), text).unwrap();
    assert_eq!(
        (texts(&t, "c")[7].clone(), t.column("a").unwrap().to_vec::<Option<i64>>().unwrap()[6]),
        (None, None)
    );
    let t = check(&Csv::new().keep_default_na(false).dtype_all(DType::Str), text).unwrap();
    assert_eq!(texts(&t, "c")[..3], some(&["x", "", "N/A"]));
}

#[test]
fn options() {
    let text =
        b"\xef\xbb\xbf# exported\r\nid;amt;ok;d;id\r\n1;1.234,5;yes;31/12/2019;9\r\n2;-7,25;no;01/02/2020;8\r\n# c\r\n3;;yes;15/02/2020;7";
    let csv = Csv::new()
        .sep(';')
        .decimal(',')
        .thousands('.')
        .comment('#')
        .true_values("yes")
        .false_values("no")
        .encoding("utf-8-sig");
    let t = check(&csv, text).unwrap();
    assert_eq!(
        (t.columns(), t.len()),
        (vec!["id".to_owned(), "amt".into(), "ok".into(), "d".into(), "id.1".into()], 3)
    );
    assert_eq!(
        t.column("amt").unwrap().to_vec::<Option<f64>>().unwrap(),
        [Some(1234.5), Some(-7.25), None]
    );
    assert_eq!(t.column("ok").unwrap().to_vec::<bool>().unwrap(), [true, false, true]);
    let t = check(&csv.clone().usecols(["ok", "id"]), text).unwrap();
    assert_eq!(t.columns(), ["id", "ok"]);
    let t =
        check(&csv.clone().parse_dates("d").date_format("%d/%m/%Y").nrows(2).index_col("d"), text)
            .unwrap();
    assert_eq!(
        (t.len(), t.columns()[0].as_str(), t.dtypes()[0].clone()),
        (2, "d", DType::Datetime)
    );
    let t = check(&csv.skipfooter(2).skiprows(0), text).unwrap();
    assert_eq!(t.len(), 1);
    let t = check(&Csv::new().skipfooter(1), b"a\n1\n2\ntotal 3\n").unwrap();
    assert_eq!(t.column("a").unwrap().to_vec::<i64>().unwrap(), [1, 2]);
    let t = check(&Csv::new().nrows(2), b"a\n1\n2\ntotal 3\n").unwrap();
    assert_eq!(t.column("a").unwrap().to_vec::<i64>().unwrap(), [1, 2]);

    let table: [(Csv, &str, &[&str]); 9] = [
        (Csv::new().sep("::"), "a::b\n1::x:y\n", &["x:y"]),
        (Csv::new().sep(r"\s+"), "a  b\n 1 \t x\n", &["x"]),
        (Csv::new().sep_regex("[;|] *"), "a;b\n1| x\n", &["x"]),
        (
            Csv::new().sep_regex(r",\s*").names(["a", "b"]).header(None),
            "1,  x, 7\n2,\"y, z\"\n",
            &["x", "y, z"],
        ),
        (
            Csv::new().escapechar('\\').doublequote(false),
            "a,b\n1,\"q\\\"u\"\n2,c\\,d\n",
            &["q\"u", "c,d"],
        ),
        (Csv::new().quotechar('\''), "a,b\n1,'x,\ny'\n", &["x,\ny"]),
        (Csv::new().quotechar(None), "a,b\n1,\"x\n", &["\"x"]),
        (Csv::new().header(1).skiprows(1), "junk\nmore,junk\na,b\n1,x\n", &["x"]),
        (
            Csv::new().names(["a", "b"]).header(0).skip_initial_space(true),
            "p,q\n1, \"x\"\n",
            &["x"],
        ),
    ];
    for (csv, text, want) in table {
        let t = check(&csv, text.as_bytes()).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        assert_eq!(
            (texts(&t, "b"), t.column("a").unwrap().to_vec::<i64>().unwrap()[0]),
            (some(want), 1),
            "{text:?}"
        );
    }
}

#[test]
fn lines_with_too_many_fields() {
    let mut text = String::from("a,b,c\n");
    for i in 0..50 {
        text += &match i {
            7 | 23 => format!("{i},x,{i},EXTRA\n"),
            11 | 31 => format!("{i}\n"),
            40 => "\n".to_owned(),
            _ => format!("{i},x,{i}\n"),
        };
    }
    let e = check(&Csv::new(), text.as_bytes()).unwrap_err();
    assert!(
        e.contains("f.csv")
            && e.contains("line 9 ")
            && e.contains("expected 3 fields, saw 4")
            && e.contains("7,x,7,EXTRA"),
        "{e}"
    );
    for how in [BadLines::Skip, BadLines::Warn] {
        let t = check(&Csv::new().on_bad_lines(how), text.as_bytes()).unwrap();
        assert_eq!(
            (t.len(), t.column("a").unwrap().sum::<i64>().unwrap()),
            (47, 1225 - 7 - 23 - 40)
        );
        assert_eq!(
            t.column("c")
                .unwrap()
                .to_vec::<Option<i64>>()
                .unwrap()
                .iter()
                .filter(|c| c.is_none())
                .count(),
            2
        );
    }
    let names = Csv::new().names(["a", "b"]).usecols(0..2).on_bad_lines(BadLines::Skip);
    assert_eq!(
        check(&names, b"1,x,extra\n2\n3,y,more,most\n")
            .unwrap()
            .column("a")
            .unwrap()
            .to_vec::<i64>()
            .unwrap(),
        [1, 2]
    );
}

#[test]
fn lines_of_blanks_are_no_rows() {
    for (sep, text) in
        [(',', "   \na,b\n1,2\n   \n \t\n\n3,4\n \n"), ('\t', "a\tb\n1\t2\n  \n3\t4\n  ")]
    {
        let t = check(&Csv::new().sep(sep), text.as_bytes()).unwrap();
        assert_eq!(t.column("a").unwrap().to_vec::<i64>().unwrap(), [1, 3], "{text:?}");
    }
    let quoted = check(&Csv::new(), b"a\n \n1\n\" \"\n  \n3\n").unwrap();
    assert_eq!(texts(&quoted, "a"), some(&["1", " ", "3"]));
    // Written strings do not become blank lines.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blank.csv").display().to_string();
    DataFrame::from_columns([(" ", Series::from_iter([" ", "x", "\t"]))]).to_csv(&path).unwrap();
    let back = read_csv(&path).compute().unwrap();
    assert_eq!(
        (back.columns(), texts(&back, " ")),
        (vec![" ".to_owned()], some(&[" ", "x", "\t"]))
    );
    // A line with only a tab has two fields, so it is not blank.
    assert_eq!(check(&Csv::new().sep_regex(r"\t"), b"a\tb\n\t\n1\t2\n").unwrap().len(), 2);
    assert_eq!(check(&Csv::new().sep('\t'), b"a\tb\n\t\n1\t2\n").unwrap().len(), 2);
}

#[test]
fn compressed_and_encoded() {
    let text: String = std::iter::once("state\tg\n".to_owned())
        .chain((0..5000).map(|i| format!("é{}\t{}\n", i % 4, i as f64 / 1000.0)))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let gzip = |t: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(t).unwrap();
        out.finish().unwrap()
    };
    let (a, b) = text.as_bytes().split_at(30_000);
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(text.as_bytes()).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(text.as_bytes()).unwrap();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let files: [(&str, Vec<u8>, &str); 7] = [
        ("a.tsv", text.clone().into_bytes(), "utf-8"),
        ("b.tsv.gz", [gzip(a), gzip(b)].concat(), "utf-8"),
        ("c.tsv.bz2", bz.finish().unwrap(), "utf-8"),
        ("d.tsv.xz", xz.finish().unwrap(), "utf-8"),
        ("e.tsv.zst", zstd::encode_all(text.as_bytes(), 1).unwrap(), "utf-8"),
        ("f.tsv", utf16, "utf-16"),
        ("g.tsv", latin, "latin1"),
    ];
    let mut tables = Vec::new();
    for (name, bytes, encoding) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        for size in [200, 4096, 1 << 20] {
            let csv = Csv::new().sep('\t').encoding(encoding).blocksize(size);
            tables.push(
                read(&csv, path.to_str().unwrap(), 3).unwrap_or_else(|e| panic!("{name}: {e}")),
            );
        }
    }
    assert!(tables.iter().all(|t| *t == tables[0]) && tables[0].num_rows() == 5000);
    let short = gzip(text.as_bytes());
    std::fs::write(folder.path().join("h.tsv.gz"), &short[..short.len() / 2]).unwrap();
    let e = read(&Csv::new().sep('\t'), folder.path().join("h.tsv.gz").to_str().unwrap(), 2)
        .unwrap_err();
    assert!(e.contains("h.tsv.gz"), "{e}");
    let e =
        read(&Csv::new().sep('\t'), folder.path().join("g.tsv").to_str().unwrap(), 2).unwrap_err();
    assert!(
        e.contains("g.tsv") && e.contains("line 2") && e.contains("0xE9") && e.contains("latin1"),
        "{e}"
    );
}

#[test]
fn files_of_one_pattern() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let pattern = folder.path().join("p-*.csv");
    let pattern = pattern.to_str().unwrap();
    for n in [1, 2, 10] {
        write(
            &format!("p-{n}.csv"),
            &std::iter::once("k,v\n".to_owned())
                .chain((0..5).map(|i| format!("{},{}\n", ["a", "b", "c"][i % 3], n * 100 + i)))
                .collect::<String>(),
        );
    }
    write("p-3.csv", "k,v\n");
    write("p-4.csv", "v,k\n7,z\n");
    let want = read(&Csv::new().include_path(true), pattern, 1).unwrap();
    for partitions in PARTITIONS {
        assert_eq!(
            read(&Csv::new().include_path(true).blocksize(3), pattern, partitions).unwrap(),
            want,
            "{partitions}"
        );
    }
    let t = Table::new(want);
    assert_eq!(
        t.column("v").unwrap().to_vec::<i64>().unwrap()[..7],
        [100, 101, 102, 103, 104, 1000, 1001]
    );
    assert_eq!((texts(&t, "k")[15].as_deref(), t.len()), (Some("z"), 16));
    assert!(texts(&t, "path")[5].as_ref().unwrap().ends_with("p-10.csv"));
    write("p-5.csv", "k,w\n1,2\n");
    let e = read(&Csv::new(), pattern, 2).unwrap_err();
    assert!(e.contains("p-5.csv") && e.contains("together"), "{e}");
}

#[test]
fn bad_input_is_told_apart() {
    let said = |csv: &Csv, text: &[u8]| check(csv, text).unwrap_err();
    let csv = Csv::new();
    let table: [(&str, String, &[&str]); 9] = [
        ("empty", said(&csv, b""), &["is empty"]),
        ("open quote", said(&csv, b"a,b\n1,2\n3,\"x\n4,5\n"), &["line 3 ", "quotes"]),
        ("binary", said(&csv, b"\0\x01\x02\n\0\n"), &["NUL bytes"]),
        (
            "given type",
            said(&csv.clone().dtype("a", DType::Int64), b"a\n1\n\"two\"\n"),
            &["line 3 ", "\"two\"", "int64"],
        ),
        (
            "narrow type",
            said(&csv.clone().dtype("a", DType::Int8), b"a\n1\n300\n"),
            &["line 3 ", "\"300\"", "int8"],
        ),
        (
            "no date",
            said(&csv.clone().parse_dates("a"), b"a\n2020-01-31\n2020-02-31\n"),
            &["line 3 ", "2020-02-31", "datetime"],
        ),
        (
            "no such column",
            said(&csv.clone().usecols(["a", "bb"]), b"a,b\n1,2\n"),
            &["bb", "did you mean"],
        ),
        ("number of a column", said(&csv.clone().usecols(0..3), b"a,b\n1,2\n"), &["number 2"]),
        ("separator", said(&csv.sep('"'), b"a\n1\n"), &["separator"]),
    ];
    for (what, e, parts) in table {
        assert!(parts.iter().all(|p| e.contains(p)), "{what}: {e}");
    }
    let folder = tempfile::tempdir().unwrap();
    let e = Csv::new().read(folder.path().to_str().unwrap()).compute().unwrap_err().to_string();
    assert!(e.contains("is a directory") && e.contains("/*.csv"), "{e}");
    let e = Csv::new()
        .read(folder.path().join("x.csv").to_str().unwrap())
        .compute()
        .unwrap_err()
        .to_string();
    assert!(e.contains("no file matches"), "{e}");
    let path = folder.path().join("shrinks.csv");
    std::fs::write(&path, format!("a\n{}", "1\n".repeat(1000))).unwrap();
    let frame = Csv::new().read(path.to_str().unwrap());
    std::fs::write(&path, "a\n1\n").unwrap();
    let e = frame.compute().unwrap_err().to_string();
    assert!(e.contains("2002 bytes") && e.contains("4 now"), "{e}");
}

#[test]
fn a_filter_and_few_columns_give_what_all_give() {
    let text: String = (0..5000)
        .map(|i| format!("{i},t{},{}.25,{}\n", i % 7, i % 100, if i % 3 == 0 { "" } else { "x" }))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, format!("i,t,f,x\n{text}")).unwrap();
    let frame = Csv::new().blocksize(1000).read(path.to_str().unwrap());
    let t = frame.filter(col("t").eq("t3") & col("f").gt(50)).select(["x", "i"]).compute().unwrap();
    let want: Vec<i64> = (0..5000).filter(|i| i % 7 == 3 && i % 100 >= 50).collect();
    assert_eq!(t.column("i").unwrap().to_vec::<i64>().unwrap(), want);
    assert_eq!(
        texts(&t, "x").iter().filter(|x| x.is_none()).count(),
        want.iter().filter(|i| *i % 3 == 0).count()
    );
    assert_eq!(
        (frame.filter(col("x").is_null()).len().unwrap(), frame.len().unwrap()),
        (1667, 5000)
    );
    assert_eq!(frame.head(3).unwrap().column("i").unwrap().to_vec::<i64>().unwrap(), [0, 1, 2]);
    assert_eq!(
        frame.select("i").compute().unwrap().column("i").unwrap().to_vec::<i64>().unwrap(),
        (0..5000).collect::<Vec<_>>()
    );
}

#[test]
fn rows_behind_much_that_is_left_out_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let path = path.to_str().unwrap();
    let n = 900_000;
    let rows: String = (0..n).map(|i| format!("{i},x\n")).collect();
    std::fs::write(path, format!("i,t\n{rows}")).unwrap();
    let late = read_csv(path).filter(col("i").ge(n - 7));
    assert_eq!((late.len().unwrap(), late.filter(col("t").eq("x")).len().unwrap()), (7, 7));
    // A misfit at the end is found by one more pass, and so are rows after blank and bad lines.
    let left_out = format!("{}{}", "\n".repeat(3 << 20), "1,2,3\n".repeat(700_000));
    std::fs::write(path, format!("i,t\n1,x\n{left_out}0.5,y\n")).unwrap();
    let frame = Csv::new().on_bad_lines(BadLines::Skip).read(path);
    assert_eq!(frame.len().unwrap(), 2);
    assert_eq!(frame.col("i").sum().compute().unwrap(), 1.5);
}

#[test]
fn few_texts_hold_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let n = 50_000;
    let rows: String = (0..n)
        .map(|i| format!("{i},a text that is too long to lie in a view: number {i}\n"))
        .collect();
    std::fs::write(path("t.csv"), format!("i,t\n{rows}")).unwrap();
    let frame = read_csv(&path("t.csv"));
    let rare = frame.filter(col("t").str().ends_with("00")).persist().unwrap();
    // The number 0 ends in only one zero.
    assert_eq!(rare.len().unwrap(), n / 100 - 1);
    for (name, frame) in [
        ("parts.arrow", frame.persist().unwrap().repartition(40)),
        ("sorted.arrow", frame.sort_values("t")),
    ] {
        frame.to_ipc(&path(name)).unwrap();
        let written = std::fs::metadata(path(name)).unwrap().len();
        assert!(
            written < 2 * rows.len() as u64,
            "{name}: {written} bytes for {} of text",
            rows.len()
        );
        let back = read_ipc(&path(name));
        assert_eq!(
            (
                back.len().unwrap(),
                back.filter(col("t").str().ends_with("number 777")).len().unwrap()
            ),
            (n, 1)
        );
    }
    // Strings of files and of memory have one type.
    std::fs::write(path("s.csv"), format!("s\n{}", "some\n".repeat(25))).unwrap();
    let one = |t: Table| {
        if t.len() == 12 {
            Ok(t)
        } else {
            DataFrame::from_columns([("s", Series::from_iter(["x"]))]).compute()
        }
    };
    assert_eq!(read_csv(&path("s.csv")).repartition(2).map_partitions(one).len().unwrap(), 13);
}

#[test]
fn a_url_is_read_as_a_file_is() {
    let address = crate::fs::tests::serve(&[("/a.csv", "a,b\n1,x\n2,\"y\nz\"\n")]);
    let t = read_csv(&format!("{address}/a.csv")).compute().unwrap();
    assert_eq!(texts(&t, "b"), some(&["x", "y\nz"]));
    let e = read_csv(&format!("{address}/gone.csv")).compute().unwrap_err().to_string();
    assert!(e.contains("gone.csv") && e.contains("404"), "{e}");
}

#[test]
fn samples_from_the_end_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let rows: String = (0..100_000)
        .map(|i| if i == 99_990 { "x\n".to_owned() } else { format!("{i}\n") })
        .collect();
    std::fs::write(&path, format!("a\n{rows}")).unwrap();
    let table = open(&Csv::new().0, path.to_str().unwrap()).unwrap();
    assert_eq!(table.types.kinds(), [Kind::Text]);
}

#[test]
fn samples_of_a_url_are_taken_from_its_midst_too() {
    use std::sync::atomic::Ordering::Relaxed;
    let rows = 300_000;
    let text = |odd: &str, at: usize| -> String {
        (0..rows).map(|i| if i == at { odd.to_owned() } else { format!("{i}\n") }).collect()
    };
    for (odd, kind) in [("0.5\n", Kind::Float), ("x\n", Kind::Text)] {
        for at in [rows / 2 + 10_000, rows - 10] {
            let (url, given) = crate::fs::serve_parts(
                Arc::new(format!("a\n{}", text(odd, at)).into_bytes()),
                usize::MAX,
                usize::MAX,
            );
            let table = open(&Csv::new().0, &url).unwrap();
            assert_eq!((table.types.kinds(), given.load(Relaxed)), (vec![kind], 3));
            // The types from the samples hold, so the file is read once.
            assert_eq!(read_csv(&url).len().unwrap(), rows);
            assert_eq!(given.load(Relaxed), 7);
        }
    }
    // The text in the middle turns out to be inside quotes.
    let inside = format!("a,b\n{}7,\"{}\"\n", "1,2\n".repeat(100_000), "x,y\n".repeat(200_000));
    let (url, _) = crate::fs::serve_parts(Arc::new(inside.into_bytes()), usize::MAX, usize::MAX);
    let frame = read_csv(&url);
    let a = frame.compute().unwrap().column("a").unwrap().to_vec::<i64>().unwrap();
    assert_eq!(a.iter().sum::<i64>(), 100_007);
    assert_eq!(frame.dtypes().unwrap()[0], DType::Int64);
}

#[test]
fn faults_that_were_found_by_reading() {
    let said = |csv: &Csv, text: &[u8]| check(csv, text).unwrap_err();
    let e = said(&Csv::new(), b"a,\"b\n1,2\n3,4\n");
    assert!(e.contains("line 1 ") && e.contains("quotes"), "{e}");
    let spaced = Csv::new().skip_initial_space(true);
    for csv in [spaced.clone(), Csv::new().sep_regex(r",\s*")] {
        let t = check(&csv, b"a,b\n1,          \"x\ny\"\n2,z\n").unwrap();
        assert_eq!(texts(&t, "b"), some(&["x\ny", "z"]));
    }
    let t = check(&spaced.sep('\t'), b"a\tb\tc\n1\t\t3\n5\" pipe\t\" x\ny\"\t4\n").unwrap();
    assert_eq!(
        (texts(&t, "b")[0].clone(), t.column("c").unwrap().to_vec::<i64>().unwrap()),
        (None, vec![3, 4])
    );
    assert_eq!(check(&Csv::new().sep_regex("  *"), b"a  b\n1  x\n").unwrap().columns(), ["a", "b"]);
    let t = check(&Csv::new().delim_whitespace(true).comment('#'), b"a b\n1 2 # note\n").unwrap();
    assert_eq!(t.column("b").unwrap().to_vec::<i64>().unwrap(), [2]);
    let t = check(&Csv::new().names("a").skiprows(1), b"junk\r1\r2\r").unwrap();
    assert_eq!(t.column("a").unwrap().to_vec::<i64>().unwrap(), [1, 2]);
    for end in ["4,5\n", "\"x", "x\n"] {
        let t = check(&Csv::new().nrows(1), format!("a\n1\n2\n3\n{end}").as_bytes()).unwrap();
        assert_eq!(t.column("a").unwrap().to_vec::<i64>().unwrap(), [1], "{end:?}");
    }
    for infer in [1, 100] {
        let t =
            check(&Csv::new().true_values(["yes", "1"]).infer_rows(infer), b"a\nyes\n1\n").unwrap();
        assert_eq!(texts(&t, "a"), some(&["yes", "1"]));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("p-1.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(path("p-2.csv"), "a,b\n3,x\n").unwrap();
    let t = Table::new(read(&Csv::new().names(["b", "a"]).header(0), &path("p-*.csv"), 2).unwrap());
    assert_eq!(
        (t.column("b").unwrap().to_vec::<i64>().unwrap(), texts(&t, "a")),
        (vec![1, 3], some(&["2", "x"]))
    );
    let t = Table::new(read(&Csv::new().nrows(1), &path("p-*.csv"), 2).unwrap());
    assert_eq!(t.column("b").unwrap().to_vec::<i64>().unwrap(), [2]);
    let rows = |from: u32| (from..from + 60_000).map(|i| format!("{i},x\n")).collect::<String>();
    std::fs::write(
        path("t.csv"),
        format!("id,note\n{}70000,\"{}\"\n{}", rows(0), "5,w\n".repeat(200_000), rows(80_000)),
    )
    .unwrap();
    assert_eq!(read_csv(&path("t.csv")).col("id").max().compute().unwrap(), 139_999);
}
