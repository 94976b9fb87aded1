//! The scheduler as a pure state machine: events in, actions out. It knows numbers of tasks and how they depend on one
//! another; no values, threads or clocks, so that any run can be replayed as a list of events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A worker asks for something to do.
    Idle,
    /// A task has a value.
    Done(u32),
    /// A task failed: nothing more is started.
    Failed(u32),
    /// The user stopped the computation: nothing more is started.
    Cancelled,
}

/// What the driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the task.
    Run(u32),
    /// Forget the value: its last reader is done.
    Release(u32),
    /// That many tasks have become ready: wake as many workers.
    Wake(u32),
    /// Nothing is running and nothing will be.
    Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Waiting(u32),
    Ready,
    Running,
    Done,
    Failed,
}

/// The state of one computation.
#[derive(Debug)]
pub(crate) struct State {
    status: Vec<Status>,
    deps: Vec<Vec<u32>>,
    dependents: Vec<Vec<u32>>,
    /// Readers that have yet to finish; a wanted task has one that never does.
    readers: Vec<u32>,
    /// Smallest number first: numbers go depth first, so work in progress is finished before new roots are begun.
    ready: BinaryHeap<Reverse<u32>>,
    running: u32,
    left: u32,
    stopped: bool,
}

impl State {
    pub(crate) fn new(deps: Vec<Vec<u32>>, wanted: &[u32]) -> Self {
        let n = deps.len();
        let mut dependents = vec![Vec::new(); n];
        let mut readers = vec![0; n];
        let mut status = Vec::with_capacity(n);
        let mut ready = BinaryHeap::new();
        for (i, list) in deps.iter().enumerate() {
            for d in list {
                dependents[*d as usize].push(i as u32);
                readers[*d as usize] += 1;
            }
            if list.is_empty() {
                ready.push(Reverse(i as u32));
                status.push(Status::Ready);
            } else {
                status.push(Status::Waiting(list.len() as u32));
            }
        }
        for w in wanted {
            readers[*w as usize] += 1;
        }
        Self { status, deps, dependents, readers, ready, running: 0, left: n as u32, stopped: false }
    }

    /// Takes one event and adds to `actions` what follows from it.
    pub(crate) fn handle(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Idle => {
                if let Some(Reverse(task)) = (!self.stopped).then(|| self.ready.pop()).flatten() {
                    self.status[task as usize] = Status::Running;
                    self.running += 1;
                    actions.push(Action::Run(task));
                }
            }
            Event::Done(task) => self.done(task, actions),
            Event::Failed(task) => {
                self.status[task as usize] = Status::Failed;
                self.running -= 1;
                self.stopped = true;
            }
            Event::Cancelled => self.stopped = true,
        }
        if self.running == 0 && (self.stopped || self.left == 0) {
            actions.push(Action::Finish);
        }
        #[cfg(debug_assertions)]
        self.validate();
    }

    fn done(&mut self, task: u32, actions: &mut Vec<Action>) {
        self.status[task as usize] = Status::Done;
        self.running -= 1;
        self.left -= 1;
        for i in 0..self.deps[task as usize].len() {
            let d = self.deps[task as usize][i];
            self.readers[d as usize] -= 1;
            if self.readers[d as usize] == 0 {
                actions.push(Action::Release(d));
            }
        }
        let mut woken = 0;
        for i in 0..self.dependents[task as usize].len() {
            let next = self.dependents[task as usize][i];
            if let Status::Waiting(n) = &mut self.status[next as usize] {
                *n -= 1;
                if *n == 0 {
                    self.status[next as usize] = Status::Ready;
                    self.ready.push(Reverse(next));
                    woken += 1;
                }
            }
        }
        if woken > 0 {
            actions.push(Action::Wake(woken));
        }
    }

    /// Panics where the parts contradict one another.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn validate(&self) {
        let count = |f: fn(&Status) -> bool| self.status.iter().filter(|s| f(s)).count();
        assert_eq!(count(|s| *s == Status::Running), self.running as usize);
        assert_eq!(count(|s| *s == Status::Ready), self.ready.len());
        assert_eq!(count(|s| *s != Status::Done), self.left as usize);
        for (i, s) in self.status.iter().enumerate() {
            let open = self.deps[i].iter().filter(|d| self.status[**d as usize] != Status::Done).count();
            match s {
                Status::Waiting(n) => assert!(*n as usize == open && open > 0),
                _ => assert_eq!(open, 0, "task {i} went before its dependencies"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Runs a random graph in a random interleaving of `workers` and returns the actions taken.
    fn replay(seed: u64, workers: usize, fail: Option<u32>) -> (Vec<Vec<u32>>, Vec<u32>, Vec<Action>) {
        let mut rng = StdRng::seed_from_u64(seed);
        let n = rng.random_range(1..40u32);
        let deps: Vec<Vec<u32>> =
            (0..n).map(|i| (0..rng.random_range(0..4)).filter(|_| i > 0).map(|_| rng.random_range(0..i)).collect()).collect();
        let wanted = vec![n - 1];
        let mut state = State::new(deps.clone(), &wanted);
        let (mut running, mut log) = (Vec::new(), Vec::new());
        loop {
            let mut actions = Vec::new();
            if running.len() < workers && (running.is_empty() || rng.random_bool(0.5)) {
                state.handle(Event::Idle, &mut actions);
            } else {
                let task = running.swap_remove(rng.random_range(0..running.len()));
                state.handle(if fail == Some(task) { Event::Failed(task) } else { Event::Done(task) }, &mut actions);
            }
            state.validate();
            running.extend(actions.iter().filter_map(|a| if let Action::Run(t) = a { Some(*t) } else { None }));
            log.extend(actions);
            if log.last() == Some(&Action::Finish) {
                return (deps, wanted, log);
            }
        }
    }

    #[test]
    fn every_task_runs_once_after_its_dependencies_and_values_live_until_the_last_reader() {
        for seed in 0..300 {
            let (deps, wanted, log) = replay(seed, 1 + seed as usize % 5, None);
            let at = |a: Action| log.iter().position(|x| *x == a);
            for (i, list) in deps.iter().enumerate() {
                let i = i as u32;
                assert_eq!(log.iter().filter(|a| **a == Action::Run(i)).count(), 1, "seed {seed}");
                let released = at(Action::Release(i));
                let readers: Vec<_> = (0..deps.len() as u32).filter(|r| deps[*r as usize].contains(&i)).collect();
                assert_eq!(released.is_some(), !readers.is_empty() && !wanted.contains(&i), "seed {seed}");
                for r in readers {
                    assert!(released.is_none_or(|at_release| at(Action::Run(r)).unwrap() < at_release));
                }
                assert!(list.iter().all(|d| at(Action::Run(*d)) < at(Action::Run(i))));
            }
        }
    }

    #[test]
    fn a_failure_stops_what_has_not_started() {
        for seed in 0..100 {
            let (deps, _, log) = replay(seed, 3, Some(0));
            let ran = |t: u32| log.contains(&Action::Run(t));
            for (i, list) in deps.iter().enumerate() {
                assert!(!(list.contains(&0) && ran(i as u32)), "seed {seed}: a task ran on a failed value");
            }
        }
    }

    #[test]
    fn memory_stays_bounded_on_a_tree() {
        // 64 leaves summed in pairs, one worker: never more than one value a level is alive.
        let mut deps: Vec<Vec<u32>> = Vec::new();
        fn tree(depth: u32, deps: &mut Vec<Vec<u32>>) -> u32 {
            let list = if depth == 0 { vec![] } else { vec![tree(depth - 1, deps), tree(depth - 1, deps)] };
            deps.push(list);
            deps.len() as u32 - 1
        }
        let root = tree(6, &mut deps);
        let mut state = State::new(deps, &[root]);
        let (mut alive, mut most) = (0, 0);
        loop {
            let mut actions = Vec::new();
            state.handle(Event::Idle, &mut actions);
            let Some(Action::Run(task)) = actions.first().copied() else { break };
            actions.clear();
            state.handle(Event::Done(task), &mut actions);
            alive += 1;
            most = most.max(alive);
            alive -= actions.iter().filter(|a| matches!(a, Action::Release(_))).count();
        }
        assert_eq!((alive, most), (1, 8));
    }
}
