//! Tests of `delayed` through the public methods.

use super::*;
use crate::error::ErrorKind;
use crate::graph::Graph;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[test]
fn arguments_are_values_delayed_values_or_containers_of_them() {
    let one = delayed(|| 1u64).call(());
    let two = delayed(|x: u64| x + 1).call((&one,));
    let sum = delayed(|v: Vec<u64>, scale: f64, name: String| {
        format!("{name} {}", v.iter().sum::<u64>() as f64 * scale)
    });
    let text = sum.call((vec![one.clone(), two.clone(), one.clone()], 2.0, "sum".to_owned()));
    assert_eq!(text.compute().unwrap(), "sum 8");
    let eight = |a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64| {
        i64::from(a)
            + i64::from(b)
            + i64::from(c)
            + d as i64
            + i64::from(e)
            + i64::from(f)
            + i64::from(g)
            + h
    };
    assert_eq!(delayed(eight).call((1, 2, 3, 4, 5, 6, 7, 8)).compute().unwrap(), 36);
    assert_eq!(delayed(|v: Vec<u64>| v.len()).call((vec![1, 2],)).compute().unwrap(), 2);
    assert_eq!(
        delayed(|p: (u64, u64)| p.0 * 10 + p.1)
            .call(((one.clone(), two.clone()),))
            .compute()
            .unwrap(),
        12
    );
    assert_eq!(
        delayed(|a: [u64; 2]| a[1] * 10 + a[0])
            .call(([one.clone(), two.clone()],))
            .compute()
            .unwrap(),
        21
    );
    let maybe = delayed(|x: Option<u64>| x.unwrap_or(7));
    assert_eq!(maybe.call((Some(one.clone()),)).compute().unwrap(), 1);
    assert_eq!(maybe.call((None::<Delayed<u64>>,)).compute().unwrap(), 7);
    let named = HashMap::from([("a", one), ("b", two)]);
    assert_eq!(
        delayed(|m: HashMap<&'static str, u64>| m["a"] + 10 * m["b"])
            .call((named,))
            .compute()
            .unwrap(),
        21
    );
}

#[test]
fn the_graph_of_the_tutorial() {
    fn numerator(x: u64, y: u64) -> u64 {
        (1..=y).map(|i| x * i).sum()
    }
    fn factorial(n: u64) -> u64 {
        (1..=n).product()
    }
    let (n, d) = (delayed(numerator).call((1500, 10)), delayed(factorial).call((10,)));
    let result = delayed(|a: u64, b: u64| a as f64 / b as f64).name("divide").call((&n, &d));
    assert_eq!((n.compute().unwrap(), d.compute().unwrap()), (82_500, 3_628_800));
    assert!((result.compute().unwrap() - 0.022_734_788_359_788_36).abs() < 1e-17);
    let graph = Graph::new(&[result.point()]);
    assert_eq!((graph.len(), graph.deps.iter().map(<[u32]>::len).sum::<usize>()), (3, 2));
}

#[test]
fn a_shared_task_runs_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let side = delayed(|x: u64| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        x
    })
    .call((3,));
    let sum = delayed(|a: u64, b: u64, c: u64| a + b + c).call((&side, &side, &side));
    assert_eq!((sum.compute().unwrap(), RUNS.load(Ordering::SeqCst)), (9, 1));
}

#[test]
fn parts_operators_and_chains() {
    let pair = delayed(|| (2u64, 3u64)).call(());
    let (a, b) = pair.unzip();
    assert_eq!((&(&a + &b) * &a).compute().unwrap(), 10);
    assert_eq!((-&a.map(|x| x as i64)).compute().unwrap(), -2);
    let list = Delayed::value(vec![10, 20, 30]);
    assert_eq!(list.item(1).compute().unwrap(), 20);
    assert_eq!(list.items(2).len(), 2);
    let e = list.item(3).compute().unwrap_err().to_string();
    assert!(e.contains("item 3") && e.contains("there are 3"), "{e}");
    assert_eq!(
        Delayed::value("abc").map(str::to_uppercase).map(|s| s + "!").compute().unwrap(),
        "ABC!"
    );
}

#[test]
fn pure_calls_of_equal_arguments_are_one_task() {
    let f = delayed(add).pure(true);
    let tasks = |d: &Delayed<u64>| Graph::new(&[d.point()]).len();
    let both = f.call((f.call((1, 2)), f.call((1, 2))));
    assert_eq!((tasks(&both), both.compute().unwrap()), (2, 6));
    assert_eq!(tasks(&f.call((f.call((1, 2)), f.call((2, 1))))), 3);
    assert_eq!(f.call((1, 2)).key(), f.call((1, 2)).key());
    assert_eq!(tasks(&delayed(add).call((f.call((1, 2)), delayed(add).call((1, 2))))), 3);
    let sums =
        delayed(|a: Vec<u64>, b: Vec<u64>| a.iter().sum::<u64>() * 10 + b.iter().sum::<u64>())
            .pure(true);
    let d = |x: u64| f.call((x, 0));
    let (one, other) =
        (sums.call((vec![d(1)], vec![d(2), d(3)])), sums.call((vec![d(1), d(2)], vec![d(3)])));
    assert_eq!(delayed(|a: u64, b: u64| (a, b)).call((one, other)).compute().unwrap(), (15, 33));
    let captured = 5u64;
    let g = delayed(move |x: u64| x + captured).pure(true);
    assert_ne!(g.call((1,)).key(), g.call((1,)).key(), "captured variables are not compared");
}

#[test]
fn a_persisted_value_is_computed_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let slow = delayed(|| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        vec![1u8; 1000]
    })
    .call(());
    let kept = slow.persist().unwrap();
    assert_eq!(kept.map(|v| v.len()).compute().unwrap() + kept.compute().unwrap().len(), 2000);
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[test]
fn retries_are_counted() {
    let tries = Arc::new(AtomicU32::new(0));
    let seen = tries.clone();
    let flaky = delayed(move |text: String| {
        let n = seen.fetch_add(1, Ordering::SeqCst);
        assert!(n >= 2, "try {n}");
        text
    });
    let input = delayed(|| "given".to_owned()).call(());
    let e = flaky.clone().retries(1).call((&input,)).compute().unwrap_err();
    assert!(
        matches!(e.kind(), ErrorKind::TaskPanicked { message, .. } if message == "try 1"),
        "{e}"
    );
    assert_eq!(flaky.retries(1).call((&input,)).compute().unwrap(), "given");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[test]
fn names_come_from_functions() {
    fn generic<T: Clone>(x: T) -> T {
        x
    }
    assert_eq!(format!("{:?}", delayed(generic::<u8>)), "delayed(generic)");
    assert_eq!(format!("{:?}", delayed(|| ())), "delayed(closure)");
    let d = delayed(generic::<u8>).name("copy").call((1,));
    assert!(format!("{d:?}").starts_with("Delayed<u8>(copy-"), "{d:?}");
}
