//! Values as CSV files write them.

use super::*;
use rand::{RngExt, SeedableRng};

#[test]
fn numbers_are_those_of_the_standard_library() {
    let mut random = rand::rngs::StdRng::seed_from_u64(5);
    let mut texts: Vec<String> = [
        "0",
        "-0",
        "+5",
        "1.",
        ".5",
        ".",
        "",
        "-",
        "1e5",
        "1E-400",
        "9223372036854775807",
        "9223372036854775808",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend(
        [
            "-9223372036854775808",
            "99999999999999999999",
            "9007199254740993",
            "0.1e",
            "1 2",
            "0x10",
            "1_0",
            "12345678",
        ]
        .map(str::to_owned),
    );
    for _ in 0..20_000 {
        let n = random.random_range(1..22);
        texts.push(
            (0..n).map(|_| char::from(b"0123456789.-e"[random.random_range(0..13)])).collect(),
        );
        texts.push(format!("{:.*}", random.random_range(0..9), random.random_range(-1e6..1e6)));
        texts.push(f64::from_bits(random.random()).to_string());
    }
    let mut quick = [0; 2];
    for t in texts.iter().filter(|t| !t.contains("NaN")) {
        // On its own, and after other text.
        let behind = format!("0123456789,.-+{t}");
        let alone = Field::of(t.as_bytes());
        for field in [alone, Field { data: behind.as_bytes(), start: 14, end: behind.len() }] {
            assert_eq!(int(field), t.parse().ok(), "{t}");
            let (got, want) = (float(field), t.parse::<f64>().ok());
            assert_eq!(got.map(f64::to_bits), want.map(f64::to_bits), "{t}");
            // The fast paths give the same results.
            quick[0] += usize::from(
                plain_int(field).is_some_and(|n| Some(n) == int(field) || panic!("{t}: {n}")),
            );
            quick[1] +=
                usize::from(plain_float(field).is_some_and(|n| {
                    got.map(f64::to_bits) == Some(n.to_bits()) || panic!("{t}: {n}")
                }));
            let code = crate::csv::kind::is_code(t.as_bytes());
            assert!(
                !code || plain_int(field).or(plain_float(field).map(|n| n as i64)).is_none(),
                "{t}"
            );
        }
    }
    assert!(quick[0] > 1000 && quick[1] > 10_000, "only {quick:?} take the fast paths");
    let number = |t: &str| float(Field::of(t.as_bytes()));
    assert_eq!(
        (int(Field::of(b" 7 ")), number(" 1.5\t"), number("-inf")),
        (Some(7), Some(1.5), Some(f64::NEG_INFINITY))
    );
    assert_eq!(
        (number("nan"), number("x"), number("1.2.3"), number("--1")),
        (None, None, None, None)
    );
}

#[test]
fn dates_and_instants_are_those_of_chrono() {
    for year in [1600, 1899, 1900, 1969, 1970, 2000, 2023, 2024, 9999] {
        for month in 0..14 {
            for day in 0..33 {
                let text = format!("{year:04}-{month:02}-{day:02}");
                let want = NaiveDate::from_ymd_opt(year, month, day)
                    .map(|d| d.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp() / 86_400);
                assert_eq!(date(text.as_bytes()).map(i64::from), want, "{text}");
            }
        }
    }
    let micros = |t: &str, f: &str| {
        NaiveDateTime::parse_from_str(t, f).unwrap().and_utc().timestamp_micros()
    };
    assert_eq!(
        time(b"2014-05-13T23:58:30.457"),
        Some(micros("2014-05-13T23:58:30.457", "%Y-%m-%dT%H:%M:%S%.f"))
    );
    assert_eq!(time(b"1969-12-31 23:59:59.999999"), Some(-1));
    assert_eq!(time(b"2020-02-29 07:05"), Some(micros("2020-02-29 07:05", "%Y-%m-%d %H:%M")));
    for bad in [
        "2020-02-30",
        "2020-01-01 24:00",
        "2020-01-01 10:00:60",
        "2020-01-01 10:00:00.",
        "2020-01-01 10:00:00.1234567",
        "2020-1-1",
    ] {
        assert_eq!(time(bad.as_bytes()), None, "{bad}");
    }
    for (format, text) in [
        ("%d/%m/%Y", "31/12/2019"),
        ("%m%d%Y", "12312019"),
        ("%Y-%m-%d %H", "2019-12-31 00"),
        ("%d.%b %y", "31.Dec 19"),
        ("%d/%m/%Y", "31/12/2019 "),
    ] {
        assert_eq!(Format::new(format).micros(text.as_bytes()), time(b"2019-12-31"), "{format}");
    }
    assert_eq!(Format::new("%d/%m/%Y").micros(b"1/2/2020"), time(b"2020-02-01"));
    assert_eq!(Format::new("%m%d%Y").micros(b"13012020"), None);
}

#[test]
fn what_stands_for_other_things() {
    let values = Values::new(
        vec![String::new(), "-".to_owned()],
        &["yes".to_owned()],
        &["no".to_owned()],
        b',',
        Some(b'.'),
    );
    let number = |t: &str| values.float(Field::of(t.as_bytes()));
    assert!(
        values.is_missing(b"")
            && values.is_missing(b"-")
            && !values.is_missing(b"NA")
            && values.missing_first
    );
    assert_eq!(
        (values.bool(b"yes"), values.bool(b"False"), values.bool(b"maybe")),
        (Some(true), Some(false), None)
    );
    assert_eq!(
        (number("1.234,5"), number("-7,25"), values.int(Field::of(b"1.000"))),
        (Some(1234.5), Some(-7.25), Some(1000))
    );
    assert_eq!((number("1,2.3"), number(".1"), number("12.")), (None, None, None));
}
