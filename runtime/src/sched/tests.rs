//! Tests of graphs on real threads: tasks that fail, nest, hold too much memory or are interrupted.

use super::state::Limits;
use super::*;
use crate::config::{self, Cluster};
use crate::delayed::{Delayed, delayed};
use rask_wire::helpers::Whole;
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs a test with another cluster, one test at a time, and restores the cluster afterwards.
pub(crate) fn with_cluster<T>(
    workers: usize,
    threads: usize,
    limit: Option<u64>,
    test: impl FnOnce() -> T,
) -> T {
    static TURN: StdMutex<()> = StdMutex::new(());
    let _turn = TURN.lock().whole();
    struct Back(Cluster);
    impl Drop for Back {
        fn drop(&mut self) {
            config::set_cluster(self.0.clone());
        }
    }
    let _back = Back(config::cluster());
    config::set_cluster(Cluster::local(Some(workers), Some(threads), Some(limit)));
    test()
}

fn add(a: u64, b: u64) -> u64 {
    a + b
}

fn tree(leaves: u64) -> Delayed<u64> {
    let mut level: Vec<_> = (0..leaves).map(|i| delayed(add).call((i, 0))).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|p| if let [a, b] = p { delayed(add).call((a, b)) } else { p[0].clone() })
            .collect();
    }
    level.remove(0)
}

#[test]
fn a_tree_of_sixteen_thousand_calls_on_any_number_of_workers() {
    for (workers, threads) in [(1, 1), (2, 1), (3, 2), (8, 1)] {
        with_cluster(workers, threads, None, || {
            assert_eq!(tree(8192).compute().unwrap(), 8191 * 8192 / 2)
        });
    }
}

#[test]
fn a_chain_of_two_hundred_thousand() {
    let mut d = delayed(|| 0u64).call(());
    for _ in 0..200_000 {
        d = delayed(|x: u64| x + 1).call((d,));
    }
    assert_eq!(d.compute().unwrap(), 200_000);
}

#[test]
fn nested_computes_do_not_deadlock() {
    let outer = |n: u64| {
        let parts: Vec<_> = (0..n).map(|i| delayed(add).call((i, 1))).collect();
        delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((parts,)).compute().unwrap()
    };
    for workers in [1, 2, 5] {
        with_cluster(workers, 1, None, || {
            let all: Vec<_> = (0..64u64).map(|_| delayed(outer).call((10,))).collect();
            assert_eq!(
                delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((all,)).compute().unwrap(),
                64 * 55
            );
        });
    }
}

#[test]
fn short_and_long_tasks_share_the_threads() {
    // A thread that has taken many tasks and runs a long one must not keep the others to itself.
    let work = |i: u64| {
        if i % 1000 == 999 {
            let end = std::time::Instant::now() + Duration::from_millis(30);
            while std::time::Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        std::thread::current().id()
    };
    with_cluster(4, 1, None, || {
        let tasks: Vec<_> = (0..10_000u64).map(|i| delayed(work).call((i,))).collect();
        let threads = delayed(|v: Vec<std::thread::ThreadId>| {
            v.into_iter().collect::<std::collections::HashSet<_>>().len()
        });
        assert_eq!(threads.call((tasks,)).compute().unwrap(), 4);
    });
}

#[test]
fn a_panic_names_the_task_its_input_and_text() {
    fn explode(n: u64, s: String) -> u64 {
        assert!(n != 7, "seven and {s}");
        n
    }
    let e = delayed(explode).call((7, "text".to_owned())).compute().unwrap_err();
    let ErrorKind::TaskPanicked { task, input, message, .. } = e.kind() else { panic!("{e}") };
    assert_eq!(
        (task.as_str(), input.as_str(), message.as_str()),
        ("explode", "7, \"text\"", "seven and text")
    );
    let after = delayed(explode).call((delayed(explode).call((7, "a".to_owned())), "b".to_owned()));
    let e = after.compute().unwrap_err();
    assert!(e.to_string().contains("seven and a"), "{e}");
    assert_eq!(tree(64).compute().unwrap(), 2016, "the next compute works");
}

#[test]
fn the_last_reader_takes_the_value_over() {
    /// Counts how often it is cloned.
    #[derive(Default)]
    struct Counted(Arc<AtomicU64>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::SeqCst);
            Self(self.0.clone())
        }
    }
    let clones = Arc::new(AtomicU64::new(0));
    let given = clones.clone();
    let make = delayed(move || Counted(given.clone())).call(());
    let chain = make.map(|c| c).map(|c| c);
    let ends = delayed(|a: Counted, _: u64| a).call((chain, delayed(|| 1u64).call(())));
    ends.compute().unwrap();
    assert_eq!(clones.load(Ordering::SeqCst), 0);
}

const MB: usize = 1 << 20;

#[test]
fn values_above_the_limit_go_to_disk_and_come_back() {
    // Forty values of 1 MiB, all needed at the end, with a limit of 10 MiB.
    with_cluster(2, 1, Some(5 * MB as u64), || {
        let make = |i: u64| vec![i; MB / 8];
        let parts: Vec<_> = (0..40u64).map(|i| delayed(make).call((i,))).collect();
        let sums: Vec<_> = parts.iter().map(|p| p.map(|v| v.iter().sum::<u64>())).collect();
        // The tasks that read a part again come last: until then the parts are kept.
        let all = delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((sums,));
        let again: Vec<_> =
            parts.iter().map(|p| delayed(|v: Vec<u64>, _: u64| v[0]).call((p, &all))).collect();
        let firsts = delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((again,));
        assert_eq!(firsts.compute().unwrap(), 39 * 40 / 2);
        let (session, _) = progress::session();
        let now =
            session.ended.iter().rev().find(|c| c.snapshot().sums().2 > 100).unwrap().snapshot();
        assert_eq!(now.notes, [] as [&str; 0]);
    });
}

#[test]
fn a_disk_that_cannot_be_written_is_told_and_nothing_is_lost() {
    with_cluster(2, 1, Some(5 * MB as u64), || {
        config::set_cluster(Cluster {
            local_directory: "/nonexistent/folder".into(),
            ..config::cluster()
        });
        let parts: Vec<_> =
            (0..20u64).map(|i| delayed(|i: u64| vec![i; MB / 8]).call((i,))).collect();
        let all = delayed(|v: Vec<u64>| v.iter().sum::<u64>())
            .call((parts.iter().map(|p| p.map(|v| v[0])).collect::<Vec<_>>(),));
        let again: Vec<_> =
            parts.iter().map(|p| delayed(|v: Vec<u64>, _: u64| v[0]).call((p, &all))).collect();
        let sum = delayed(|v: Vec<u64>| v.iter().sum::<u64>()).call((again,));
        let (value, notes) = sum.with_notes().unwrap();
        assert_eq!(value, 190);
        assert!(
            notes.iter().any(|n| n.contains("/nonexistent/folder") && n.contains("stay in memory")),
            "{notes:?}"
        );
    });
}

impl Delayed<u64> {
    /// Computes, and returns the notes of the computation.
    fn with_notes(&self) -> Result<(u64, Vec<String>)> {
        let before = progress::session().0.ended.iter().map(|c| c.number).collect::<Vec<_>>();
        let value = self.compute()?;
        let (session, _) = progress::session();
        let notes = session
            .ended
            .iter()
            .filter(|c| !before.contains(&c.number))
            .flat_map(|c| c.snapshot().notes)
            .collect();
        Ok((value, notes))
    }
}

#[test]
fn what_cannot_fit_fails_by_name_with_bytes_and_limit() {
    with_cluster(1, 1, Some(MB as u64), || {
        let e = delayed(|n: u64| vec![0u8; n as usize])
            .name("huge")
            .call((3 * MB as u64,))
            .map(|v| v.len())
            .map(|n| n)
            .compute();
        // A chain of tasks passes its values on without storing any: that is fine.
        assert_eq!(e.unwrap(), 3 * MB);
        let huge = delayed(|n: u64| vec![0u8; n as usize]).name("huge").call((3 * MB as u64,));
        let e = delayed(|a: Vec<u8>, b: Vec<u8>| a.len() + b.len())
            .call((&huge, &huge))
            .compute()
            .unwrap_err();
        let ErrorKind::TaskTooLarge { task, bytes, limit, .. } = e.kind() else { panic!("{e}") };
        assert_eq!((task.as_str(), *bytes, *limit), ("huge", 3 * MB as u64 + 24, MB as u64));
        assert!(e.to_string().contains("3.00 MiB") && e.to_string().contains("1.00 MiB"), "{e}");
        let parts: Vec<_> =
            (0..4u64).map(|_| delayed(|| vec![0u8; MB / 2]).call(()).point()).collect();
        let e = compute(&parts).unwrap_err();
        assert!(
            matches!(e.kind(), ErrorKind::ResultTooLarge { limit, .. } if *limit == MB as u64),
            "{e}"
        );
        assert_eq!(tree(64).compute().unwrap(), 2016, "the next compute works");
    });
}

#[test]
fn limits_are_parts_of_the_limit() {
    assert_eq!(Limits::of(1000), Limits { spill: 600, pause: 800 });
    assert_eq!(Limits::of(u64::MAX), Limits::NONE);
}
