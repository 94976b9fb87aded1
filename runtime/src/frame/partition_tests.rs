//! Frames by their partitions: how many there are never changes what comes out.

use super::*;
use crate::prelude::{Agg, Series};

fn numbers() -> DataFrame {
    DataFrame::from_columns([("x", Series::from_iter(0..100i64))])
}

fn xs(df: &DataFrame) -> Vec<i64> {
    df.compute().unwrap().column("x").unwrap().to_vec().unwrap()
}

#[test]
fn partitions_are_those_that_were_asked_for() {
    for n in [1, 3, 7, 100, 150] {
        let df = numbers().repartition(n);
        assert_eq!((df.npartitions(), xs(&df)), (n, (0..100).collect::<Vec<_>>()));
        let parts = df.partitions();
        let joined: Vec<i64> = parts.iter().flat_map(xs).collect();
        assert_eq!((parts.len(), joined.len()), (n, 100));
        let firsts = df.map_partitions(|part| Ok(part.head(1)));
        assert_eq!(firsts.len().unwrap(), n.min(100));
    }
    let df = numbers().repartition(4);
    assert_eq!(xs(&df.get_partition(2)), (50..75).collect::<Vec<_>>());
    let e = df.get_partition(4).compute().unwrap_err().to_string();
    assert!(e.contains("partition 4 is out of range") && e.contains("has 4"), "{e}");
    let e = df.map_partitions(|part| {
        if part.column("x")?.sum::<i64>()? == 0 { Ok(part) } else { part.column("y").map(|_| part) }
    });
    let e = e.compute().unwrap_err().to_string();
    assert!(e.contains("no column \"y\""), "{e}");
    let e = df.map_partitions(|_| panic!("no such thing")).compute().unwrap_err().to_string();
    assert!(e.contains("no such thing"), "{e}");
}

#[test]
fn samples_do_not_depend_on_partitions() {
    let some = xs(&numbers().sample(0.3, 7));
    assert!((15..45).contains(&some.len()), "{some:?}");
    for n in [3, 100] {
        let df = numbers().repartition(n);
        assert_eq!(xs(&df.sample(0.3, 7)), some);
        let parts = df.random_split([0.5, 0.25, 0.25], 1);
        let mut all: Vec<i64> = parts.iter().flat_map(xs).collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }
    assert_ne!(xs(&numbers().sample(0.3, 8)), some);
    assert!(
        numbers()
            .sample(1.5, 7)
            .compute()
            .unwrap_err()
            .to_string()
            .contains("invalid fraction of rows 1.5")
    );
}

/// Random groups of random values, each aggregation against one that is written out, for any number
/// of partitions.
#[test]
fn aggregations_are_those_of_a_slow_reference() {
    use rand::{RngExt, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(5);
    for rows in [0usize, 1, 2, 17, 300] {
        let keys: Vec<i64> = (0..rows).map(|_| random.random_range(0..7)).collect();
        let values: Vec<Option<f64>> = (0..rows)
            .map(|_| (random.random_range(0..5) > 0).then(|| random.random_range(-9.0..9.0)))
            .collect();
        let df = DataFrame::from_columns([
            ("k", Series::from_iter(keys.clone())),
            ("v", Series::from_iter(values.clone())),
        ]);
        let mut groups: Vec<i64> = keys.clone();
        groups.sort_unstable();
        groups.dedup();
        for (agg, slow) in references() {
            let of = |k: &i64| {
                slow(
                    &keys
                        .iter()
                        .zip(&values)
                        .filter(|(g, _)| *g == k)
                        .filter_map(|(_, v)| *v)
                        .collect::<Vec<_>>(),
                )
            };
            let want: Vec<Option<f64>> = groups.iter().map(of).collect();
            for parts in [1, 2, 10, rows.max(1)] {
                let got =
                    df.repartition(parts).groupby("k").agg([("a", "v", agg)]).compute().unwrap();
                let found = got.column("a").unwrap().to_vec::<Option<f64>>().unwrap();
                let same = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
                    (a, b) => a == b,
                };
                assert_eq!(got.column("k").unwrap().to_vec::<i64>().unwrap(), groups, "{agg:?}");
                assert!(
                    found.iter().zip(&want).all(same),
                    "{agg:?} of {rows} rows in {parts}: {found:?}, not {want:?}"
                );
            }
        }
    }
}

type Slow = fn(&[f64]) -> Option<f64>;

fn moment(v: &[f64], power: i32) -> f64 {
    let mean = v.iter().sum::<f64>() / v.len() as f64;
    v.iter().map(|x| (x - mean).powi(power)).sum()
}

fn references() -> Vec<(Agg, Slow)> {
    fn sorted(v: &[f64]) -> Vec<f64> {
        let mut v = v.to_vec();
        v.sort_by(f64::total_cmp);
        v
    }
    vec![
        (Agg::Sum, |v| Some(v.iter().sum())),
        (Agg::Prod, |v| Some(v.iter().product())),
        (Agg::Mean, |v| (!v.is_empty()).then(|| v.iter().sum::<f64>() / v.len() as f64)),
        (Agg::Count, |v| Some(v.len() as f64)),
        (Agg::Min, |v| sorted(v).first().copied()),
        (Agg::Max, |v| sorted(v).last().copied()),
        (Agg::Var, |v| (v.len() > 1).then(|| moment(v, 2) / (v.len() - 1) as f64)),
        (Agg::Median, |v| {
            let v = sorted(v);
            (!v.is_empty()).then(|| (v[(v.len() - 1) / 2] + v[v.len() / 2]) / 2.0)
        }),
        (Agg::Nunique, |v| {
            let mut v = sorted(v);
            v.dedup();
            Some(v.len() as f64)
        }),
        (Agg::First, |v| v.first().copied()),
        (Agg::Last, |v| v.last().copied()),
        (Agg::Skew, |v| {
            let n = v.len() as f64;
            (v.len() > 2)
                .then(|| n * (n - 1.0).sqrt() / (n - 2.0) * moment(v, 3) / moment(v, 2).powf(1.5))
        }),
        (Agg::Kurt, |v| {
            let n = v.len() as f64;
            let all = || {
                n * (n + 1.0) * (n - 1.0) / ((n - 2.0) * (n - 3.0)) * moment(v, 4)
                    / moment(v, 2).powi(2)
            };
            (v.len() > 3).then(|| all() - 3.0 * (n - 1.0).powi(2) / ((n - 2.0) * (n - 3.0)))
        }),
    ]
}
