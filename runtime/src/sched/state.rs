//! The scheduler as a pure state machine: events in, actions out. It knows the numbers of tasks,
//! their dependencies and the bytes that their values hold; no values, threads or clocks, so that
//! any run can be replayed from its events.
//!
//! Memory: values are held until their last reader is done. Above [`Limits::spill`] the driver is
//! requested to move values to disk. Roots (tasks that read nothing, and so only add values) are
//! started while the bytes held, plus those that the running roots will probably add, stay below
//! [`Limits::pause`]. Above that, only tasks that free a value are started. One task may always
//! run, however much is held: a computation slows down but never gets stuck.

use crate::graph::Lists;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An event: what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A worker requests a task.
    Idle,
    /// A task is done; its value holds `bytes`.
    Done { task: u32, bytes: u64 },
    /// A task failed: nothing more is started.
    Failed(u32),
    /// The user stopped the computation: nothing more is started.
    Cancelled,
    /// A value was moved to disk.
    Spilled(u32),
    /// A value on disk is in memory again.
    Restored { task: u32, bytes: u64 },
    /// The bytes that other computations and persisted values hold.
    Elsewhere(u64),
}

/// An action: what the driver must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the task.
    Run(u32),
    /// Drop the value: its last reader is done. It held `bytes` in memory.
    Release { task: u32, bytes: u64 },
    /// That many tasks may be started: wake as many workers.
    Wake(u32),
    /// Move values to disk: at least this many bytes.
    Spill(u64),
    /// Nothing is running, and nothing will run any more.
    Finish,
}

/// The bytes at which the state machine changes its behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) spill: u64,
    pub(crate) pause: u64,
}

impl Limits {
    pub(crate) const NONE: Self = Self { spill: u64::MAX, pause: u64::MAX };

    /// Returns limits as in Dask: values go to disk at 60 % of `limit`, and workers pause at 80 %.
    pub(crate) fn of(limit: u64) -> Self {
        let part = |percent: u128| (u128::from(limit) * percent / 100) as u64;
        if limit == u64::MAX { Self::NONE } else { Self { spill: part(60), pause: part(80) } }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Waiting,
    Ready,
    Running,
    Done,
    Failed,
}

/// The state of one computation.
#[derive(Debug)]
pub(crate) struct State {
    status: Vec<Status>,
    deps: Lists,
    dependents: Lists,
    /// The number of dependencies without a value.
    open: Vec<u32>,
    /// The number of readers that have not finished; a wanted task has one that never does.
    readers: Vec<u32>,
    /// The number of readers that have not started, likewise.
    unbegun: Vec<u32>,
    /// The bytes of the values in memory.
    bytes: Vec<u64>,
    /// Tasks without dependencies; from `next_root` on, they have not started.
    roots: Vec<u32>,
    next_root: usize,
    /// Other tasks that can run. Smallest number first: tasks are numbered depth first, so work in
    /// progress is finished before new roots are started.
    ready: BinaryHeap<Reverse<u32>>,
    limits: Limits,
    held: u64,
    elsewhere: u64,
    running: u32,
    running_roots: u32,
    /// The number of finished roots and the total bytes of their values.
    root_sum: (u64, u64),
    /// Whether a worker was refused a task because of memory.
    refused: bool,
    left: u32,
    stopped: bool,
    #[cfg(debug_assertions)]
    events: u64,
}

impl State {
    pub(crate) fn new(deps: Lists, wanted: &[u32], limits: Limits) -> Self {
        let n = deps.len();
        let dependents = deps.reversed(n);
        let open: Vec<u32> = deps.iter().map(|d| d.len() as u32).collect();
        let mut readers: Vec<u32> = dependents.iter().map(|d| d.len() as u32).collect();
        wanted.iter().for_each(|w| readers[*w as usize] += 1);
        let roots = (0..n as u32).filter(|i| open[*i as usize] == 0).collect();
        let status =
            open.iter().map(|o| if *o == 0 { Status::Ready } else { Status::Waiting }).collect();
        Self {
            status,
            deps,
            dependents,
            open,
            unbegun: readers.clone(),
            readers,
            bytes: vec![0; n],
            roots,
            next_root: 0,
            ready: BinaryHeap::new(),
            limits,
            held: 0,
            elsewhere: 0,
            running: 0,
            running_roots: 0,
            root_sum: (0, 0),
            refused: false,
            left: n as u32,
            stopped: false,
            #[cfg(debug_assertions)]
            events: 0,
        }
    }

    /// Returns the bytes of all values of this computation in memory.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// Returns the number of tasks that could be started if memory allows.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len() + self.roots.len() - self.next_root
    }

    /// Returns whether all readers of the value have started and the value is not wanted: the last
    /// reader may own it.
    pub(crate) fn is_last_read(&self, task: u32) -> bool {
        self.unbegun[task as usize] == 0
    }

    pub(crate) fn deps(&self, task: u32) -> &[u32] {
        self.deps.get(task)
    }

    /// Handles one event and adds the resulting actions to `actions`.
    pub(crate) fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Idle => {
                if let Some(task) = (!self.stopped).then(|| self.next()).flatten() {
                    self.begin(task);
                    actions.push(Action::Run(task));
                }
            }
            Event::Done { task, bytes } => self.done(task, bytes, actions),
            Event::Failed(task) => {
                self.end(task, Status::Failed);
                self.stopped = true;
            }
            Event::Cancelled => self.stopped = true,
            Event::Spilled(task) => {
                self.held -= std::mem::take(&mut self.bytes[task as usize]);
                self.relieved(actions);
            }
            Event::Restored { task, bytes } => {
                self.held += bytes;
                self.bytes[task as usize] = bytes;
            }
            Event::Elsewhere(bytes) => {
                let less = bytes < self.elsewhere;
                self.elsewhere = bytes;
                if less {
                    self.relieved(actions);
                }
            }
        }
        if self.running == 0 && (self.stopped || self.left == 0) {
            actions.push(Action::Finish);
        }
        #[cfg(debug_assertions)]
        {
            // Validating everything after every event would be quadratic.
            self.events += 1;
            if self.events.is_multiple_of(1 + self.status.len() as u64 / 64) {
                self.validate();
            }
        }
    }

    /// Takes the next task to start.
    fn next(&mut self) -> Option<u32> {
        let root = self.roots.get(self.next_root).copied();
        let other = self.ready.peek().map(|r| r.0);
        let (root_first, task) = match (root, other) {
            (Some(r), Some(o)) => (r < o, r.min(o)),
            (Some(r), None) => (true, r),
            (None, Some(o)) => (false, o),
            (None, None) => return None,
        };
        let held = self.held.saturating_add(self.elsewhere);
        if self.running > 0 && held.saturating_add(self.expected_of_roots()) > self.limits.pause {
            // A root only adds a value; other tasks may at least free one.
            if let Some(o) = other
                && (held <= self.limits.pause || self.frees(o))
            {
                self.ready.pop();
                return Some(o);
            }
            self.refused = true;
            return None;
        }
        if root_first {
            self.next_root += 1;
        } else {
            self.ready.pop();
        }
        Some(task)
    }

    /// Estimates the bytes that the running roots, and one more, will add.
    fn expected_of_roots(&self) -> u64 {
        let (done, bytes) = self.root_sum;
        bytes.checked_div(done).unwrap_or(0).saturating_mul(u64::from(self.running_roots) + 1)
    }

    /// Returns whether a value can be dropped once the task is done.
    fn frees(&self, task: u32) -> bool {
        self.deps
            .get(task)
            .iter()
            .any(|d| self.unbegun[*d as usize] == 1 && self.bytes[*d as usize] > 0)
    }

    fn begin(&mut self, task: u32) {
        self.status[task as usize] = Status::Running;
        self.running += 1;
        self.running_roots += u32::from(self.deps.get(task).is_empty());
        for d in self.deps.get(task) {
            self.unbegun[*d as usize] -= 1;
        }
    }

    fn end(&mut self, task: u32, status: Status) {
        self.status[task as usize] = status;
        self.running -= 1;
        self.running_roots -= u32::from(self.deps.get(task).is_empty());
    }

    fn done(&mut self, task: u32, bytes: u64, actions: &mut Vec<Action>) {
        self.end(task, Status::Done);
        self.left -= 1;
        self.bytes[task as usize] = bytes;
        self.held += bytes;
        if self.deps.get(task).is_empty() {
            self.root_sum.0 += 1;
            self.root_sum.1 += bytes;
        }
        for d in self.deps.get(task) {
            let d = *d as usize;
            self.readers[d] -= 1;
            if self.readers[d] == 0 {
                let bytes = std::mem::take(&mut self.bytes[d]);
                self.held -= bytes;
                actions.push(Action::Release { task: d as u32, bytes });
            }
        }
        let mut woken = 0;
        for next in self.dependents.get(task) {
            let next = *next as usize;
            self.open[next] -= 1;
            if self.open[next] == 0 {
                self.status[next] = Status::Ready;
                self.ready.push(Reverse(next as u32));
                woken += 1;
            }
        }
        if woken > 0 {
            actions.push(Action::Wake(woken));
        }
        self.relieved(actions);
        let over = self.held.saturating_add(self.elsewhere).saturating_sub(self.limits.spill);
        if over > 0 && !self.stopped {
            actions.push(Action::Spill(over));
        }
    }

    /// Wakes workers that were refused a task, as memory may allow more now.
    fn relieved(&mut self, actions: &mut Vec<Action>) {
        if std::mem::take(&mut self.refused) {
            actions.push(Action::Wake(u32::MAX));
        }
    }

    /// Panics if the state is inconsistent.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn validate(&self) {
        let count = |status| self.status.iter().filter(|s| **s == status).count();
        assert_eq!(count(Status::Running), self.running as usize);
        assert_eq!(count(Status::Ready), self.ready());
        assert_eq!(self.status.len() - count(Status::Done), self.left as usize);
        assert_eq!(self.bytes.iter().sum::<u64>(), self.held);
        for (i, status) in self.status.iter().enumerate() {
            let open = self
                .deps
                .get(i as u32)
                .iter()
                .filter(|d| self.status[**d as usize] != Status::Done)
                .count();
            assert_eq!(self.open[i] as usize, open, "task {i}");
            assert_eq!(
                *status == Status::Waiting,
                open > 0,
                "task {i} went before its dependencies"
            );
            assert!(
                self.unbegun[i] <= self.readers[i],
                "a reader of task {i} has ended and not begun"
            );
            assert!(
                *status == Status::Done || self.bytes[i] == 0,
                "task {i} holds bytes and has no value"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn lists(deps: &[Vec<u32>]) -> Lists {
        let mut lists = Lists::default();
        deps.iter().for_each(|d| lists.push(d.iter().copied()));
        lists
    }

    /// One run of a random graph in a random interleaving of `workers`: its events and their
    /// actions.
    struct Run {
        deps: Vec<Vec<u32>>,
        wanted: Vec<u32>,
        limits: Limits,
        events: Vec<Event>,
        log: Vec<Action>,
    }

    fn random_run(seed: u64, workers: usize, fail: Option<u32>, limits: Limits) -> Run {
        let mut rng = StdRng::seed_from_u64(seed);
        let n = rng.random_range(1..40u32);
        let deps: Vec<Vec<u32>> = (0..n)
            .map(|i| {
                (0..rng.random_range(0..4))
                    .filter(|_| i > 0)
                    .map(|_| rng.random_range(0..i))
                    .collect()
            })
            .collect();
        let wanted = vec![n - 1];
        let mut state = State::new(lists(&deps), &wanted, limits);
        let (mut running, mut log, mut events, mut held) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        loop {
            let mut actions = Vec::new();
            let event = if running.len() < workers && (running.is_empty() || rng.random_bool(0.5)) {
                Event::Idle
            } else if !held.is_empty() && rng.random_bool(0.2) {
                Event::Spilled(held.swap_remove(rng.random_range(0..held.len())))
            } else if rng.random_bool(0.1) {
                Event::Elsewhere(rng.random_range(0..50))
            } else {
                let task = running.swap_remove(rng.random_range(0..running.len()));
                if fail == Some(task) {
                    Event::Failed(task)
                } else {
                    Event::Done { task, bytes: rng.random_range(1..20) }
                }
            };
            state.handle(event, &mut actions);
            state.validate();
            events.push(event);
            if let Event::Done { task, .. } = event {
                held.push(task);
            }
            for action in &actions {
                match action {
                    Action::Run(t) => running.push(*t),
                    Action::Release { task, .. } => held.retain(|h| h != task),
                    _ => {}
                }
            }
            assert!(
                event != Event::Idle || !running.is_empty() || actions.contains(&Action::Finish),
                "seed {seed}: it stands still"
            );
            log.extend(actions);
            if log.last() == Some(&Action::Finish) {
                return Run { deps, wanted, limits, events, log };
            }
        }
    }

    /// Replays a log of events on one thread; returns the actions.
    fn replay(run: &Run) -> Vec<Action> {
        let mut state = State::new(lists(&run.deps), &run.wanted, run.limits);
        let mut log = Vec::new();
        run.events.iter().for_each(|e| state.handle(*e, &mut log));
        log
    }

    const TIGHT: Limits = Limits { spill: 12, pause: 20 };

    #[test]
    fn every_task_runs_once_after_its_dependencies_and_values_live_until_the_last_reader() {
        for seed in 0..300 {
            let limits = if seed % 2 == 0 { Limits::NONE } else { TIGHT };
            let run = random_run(seed, 1 + seed as usize % 5, None, limits);
            let at = |a: Action| run.log.iter().position(|x| *x == a);
            for (i, list) in run.deps.iter().enumerate() {
                let i = i as u32;
                assert_eq!(
                    run.log.iter().filter(|a| **a == Action::Run(i)).count(),
                    1,
                    "seed {seed}"
                );
                let released = run
                    .log
                    .iter()
                    .position(|a| matches!(a, Action::Release { task, .. } if *task == i));
                let readers: Vec<_> = (0..run.deps.len() as u32)
                    .filter(|r| run.deps[*r as usize].contains(&i))
                    .collect();
                assert_eq!(
                    released.is_some(),
                    !readers.is_empty() && !run.wanted.contains(&i),
                    "seed {seed}"
                );
                for r in readers {
                    assert!(
                        released.is_none_or(|at_release| at(Action::Run(r)).unwrap() < at_release)
                    );
                }
                assert!(list.iter().all(|d| at(Action::Run(*d)) < at(Action::Run(i))));
            }
        }
    }

    #[test]
    fn a_log_of_events_gives_the_same_actions_again() {
        for seed in 0..100 {
            let run = random_run(
                seed,
                3,
                (seed % 3 == 0).then_some(1),
                if seed % 2 == 0 { Limits::NONE } else { TIGHT },
            );
            assert_eq!(replay(&run), run.log, "seed {seed}");
        }
    }

    #[test]
    fn a_failure_stops_what_has_not_started() {
        for seed in 0..100 {
            let run = random_run(seed, 3, Some(0), Limits::NONE);
            let ran = |t: u32| run.log.contains(&Action::Run(t));
            for (i, list) in run.deps.iter().enumerate() {
                assert!(
                    !(list.contains(&0) && ran(i as u32)),
                    "seed {seed}: a task ran on a failed value"
                );
            }
        }
    }

    /// Drives `workers` at equal speed and returns the most bytes held, including those of running
    /// tasks, once `after` tasks are done.
    fn most_held(
        deps: &[Vec<u32>],
        workers: usize,
        bytes: fn(u32) -> u64,
        limits: Limits,
        after: usize,
    ) -> u64 {
        let mut state = State::new(lists(deps), &[deps.len() as u32 - 1], limits);
        let (mut running, mut most, mut done) = (std::collections::VecDeque::new(), 0, 0);
        loop {
            let mut actions = Vec::new();
            while running.len() < workers {
                actions.clear();
                state.handle(Event::Idle, &mut actions);
                let Some(Action::Run(task)) = actions.first() else { break };
                running.push_back(*task);
            }
            if done >= after {
                most = most.max(state.held() + running.iter().map(|t| bytes(*t)).sum::<u64>());
            }
            let Some(task) = running.pop_front() else { return most };
            done += 1;
            state.handle(Event::Done { task, bytes: bytes(task) }, &mut actions);
        }
    }

    #[test]
    fn memory_stays_bounded_on_a_tree() {
        // 64 leaves summed in pairs, one worker: at most one value per level is alive, and the one
        // being computed.
        fn tree(depth: u32, deps: &mut Vec<Vec<u32>>) -> u32 {
            let list = if depth == 0 {
                vec![]
            } else {
                vec![tree(depth - 1, deps), tree(depth - 1, deps)]
            };
            deps.push(list);
            deps.len() as u32 - 1
        }
        let mut deps = Vec::new();
        tree(6, &mut deps);
        assert_eq!(most_held(&deps, 1, |_| 1, Limits::NONE, 0), 8);
    }

    #[test]
    fn roots_are_begun_as_memory_allows() {
        // A hundred loads of 10 bytes, each read by a task whose value is empty, and all joined at
        // the end.
        let mut deps: Vec<Vec<u32>> =
            (0..200).map(|i| if i % 2 == 0 { vec![] } else { vec![i - 1] }).collect();
        deps.push((0..100).map(|i| 2 * i + 1).collect());
        let bytes = |task| if task % 2 == 0 && task < 200 { 10 } else { 0 };
        let free = most_held(&deps, 8, bytes, Limits::NONE, 16);
        let bounded = most_held(&deps, 8, bytes, Limits { spill: 30, pause: 40 }, 16);
        assert!(free >= 50 && bounded <= 40, "{free} {bounded}");
        // Even if one value exceeds the limit, all tasks are run.
        assert!(most_held(&deps, 8, bytes, Limits { spill: 1, pause: 2 }, 16) <= 10);
    }
}
