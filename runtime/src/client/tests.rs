//! Tests of clients and futures through the public methods.

use super::*;
use crate::sched::tests::with_cluster;
use std::sync::mpsc;

#[test]
fn what_is_not_said_is_as_in_dask() {
    let of = |local: Local| local.cluster().unwrap();
    assert_eq!(
        of(Client::local().workers(4).threads_per_worker(1).memory_limit("2GB")).memory_limit,
        Some(2_000_000_000)
    );
    assert_eq!(of(Client::local().workers(3).threads_per_worker(2)).threads(), 6);
    assert_eq!(of(Client::local().memory_limit("0")).memory_limit, None);
    let half = of(Client::local().memory_limit("0.5")).memory_limit.unwrap();
    assert!(half.abs_diff(config::system_memory().unwrap() / 2) < 10);
    for (local, part) in [
        (Client::local().workers(0), "workers: 0"),
        (Client::local().threads_per_worker(0), "threads_per_worker: 0"),
        (Client::local().memory_limit("a lot"), "memory_limit: invalid size \"a lot\""),
        (Client::local().local_directory("/no/such"), "/no/such"),
    ] {
        let e = local.start().unwrap_err().to_string();
        assert!(e.contains(part), "{e}");
    }
}

#[test]
fn a_client_takes_over_until_it_is_closed() {
    with_cluster(2, 1, None, || {
        let client =
            Client::local().workers(4).threads_per_worker(1).memory_limit("2GB").start().unwrap();
        assert!(client.is_current() && client.nworkers() == 4 && client.nthreads() == 4);
        let card = client.show();
        let (text, html) = (&card.data["text/plain"], &card.data["text/html"]);
        assert!(
            text.contains("4 workers") && text.contains("7.45 GiB") && html.contains("127.0.0.1"),
            "{text}"
        );
        assert!(
            !html.contains(">http://127.0.0.1:8787/status?token"),
            "the token is in the link and not on the page"
        );
        client.close();
        assert!(!client.is_current() && Client::current().number == 0);
        client.close();
    });
}

#[test]
fn futures_run_at_once_and_wait_for_one_another() {
    with_cluster(2, 1, None, || {
        let client = Client::current();
        let (go, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let first = client.submit(
            move || {
                gate.lock().unwrap().recv().unwrap();
                20u64
            },
            (),
        );
        let second = client.submit(|a: u64, b: u64| a + b, (&first, client.scatter(2)));
        assert_eq!((first.status(), second.status()), ("pending", "pending"));
        let e = second.result_within("20ms").unwrap_err().to_string();
        assert!(
            e.contains("20ms")
                && first.result_within("soon").unwrap_err().to_string().contains("300ms"),
            "{e}"
        );
        assert_eq!(format!("{second:?}"), "Future<u64>(closure, pending)");
        go.send(()).unwrap();
        assert_eq!(
            (second.result().unwrap(), first.status(), second.done()),
            (22, "finished", true)
        );
        let all = client.map(|x: u64| x * x, 0..100);
        assert_eq!(client.gather(&all).unwrap().iter().sum::<u64>(), 328_350);
        assert_eq!(client.submit(|v: Vec<u64>| v.len() as u64, (all,)).result().unwrap(), 100);
        let (seen, heard) = mpsc::channel();
        second.add_done_callback(move || seen.send("done").unwrap());
        assert_eq!(heard.recv().unwrap(), "done");
        assert_eq!(second.to_delayed().map(|x| x + 1).compute().unwrap(), 23);
    });
}

#[test]
fn a_task_may_wait_for_futures_and_a_callback_may_panic() {
    with_cluster(1, 1, None, || {
        let client = Client::current();
        let outer = client.submit(
            || {
                let inner = Client::current().submit(|x: u64| x + 1, (1,));
                Client::current().submit(|x: u64| x * 10, (&inner,)).result().unwrap()
            },
            (),
        );
        assert_eq!(outer.result().unwrap(), 20);
        let bad = client.submit(|| -> u64 { panic!("bad") }, ());
        let again = bad.clone();
        bad.add_done_callback(move || {
            again.result().unwrap();
        });
        assert!(bad.exception().is_some());
        assert_eq!(client.submit(|| 4u64, ()).result().unwrap(), 4);
    });
}

#[test]
fn errors_and_cancels_reach_who_asks() {
    with_cluster(1, 1, None, || {
        let client = Client::current();
        let bad = client.submit(|x: u64| assert!(x != 7, "seven"), (7,));
        let after = client.submit(|(): ()| 1u64, (&bad,));
        assert!(bad.exception().unwrap().to_string().contains("seven"));
        assert!(after.result().unwrap_err().to_string().contains("seven"));
        assert_eq!((bad.status(), after.status()), ("error", "error"));
        let (go, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let blocks = client.submit(move || gate.lock().unwrap().recv().is_ok(), ());
        let waits = client.submit(|| 1u64, ());
        waits.cancel();
        go.send(()).unwrap();
        assert!(blocks.result().unwrap() && waits.cancelled());
        assert!(waits.result().unwrap_err().to_string().contains("cancelled"));
        wait(&[waits]);
        assert!(client.submit(|| 3u64, ()).result().unwrap() == 3, "the next one works");
    });
}
