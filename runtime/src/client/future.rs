//! Futures: calls that run in the background as soon as they are submitted.

use crate::config;
use crate::delayed::args::{Arg, Inputs, IntoArg};
use crate::delayed::{Delayed, each, typed};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::size::Size;
use crate::graph::value::short_type;
use crate::graph::{Graph, Key, Layer, Name, Point, Value, Waits, Work};
use crate::handle::Opaque;
use crate::sched::progress::{Job, Outcome, Record};
use crate::sched::{self, pool};
use crate::show::{Bundle, Show};
use rask_wire::helpers::Whole;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

/// The state of a future.
enum State {
    Pending,
    Finished(Value),
    Failed(Error),
    Cancelled,
}

/// A callback for the end of a future; the argument is `true` on success.
type Callback = Box<dyn FnOnce(bool) + Send>;

/// A call: its state, the callbacks that wait for it, and the inputs that it waits for.
struct Cell {
    state: Mutex<(State, Vec<Callback>)>,
    name: Arc<str>,
    /// Runs the call, once.
    run: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    inputs: Vec<Arc<dyn Waits>>,
}

impl Cell {
    fn lock(&self) -> MutexGuard<'_, (State, Vec<Callback>)> {
        self.state.lock().whole()
    }

    /// Sets the final state of the call, unless it has one already.
    fn end(&self, end: State) {
        let mut state = self.lock();
        if !matches!(state.0, State::Pending) {
            return;
        }
        let well = matches!(end, State::Finished(_));
        state.0 = end;
        let callbacks = std::mem::take(&mut state.1);
        drop(state);
        for f in callbacks {
            // A panic in one callback does not affect the others.
            sched::guarded(|| f(well));
        }
    }

    /// Runs the call, unless it has been started already.
    fn run(&self) {
        let run = self.run.lock().whole().take();
        run.into_iter().for_each(|run| run());
    }

    fn is_done(&self) -> bool {
        !matches!(self.lock().0, State::Pending)
    }

    fn value(&self) -> Option<Result<Value>> {
        match &self.lock().0 {
            State::Pending => None,
            State::Finished(value) => Some(Ok(value.clone())),
            State::Failed(error) => Some(Err(error.clone())),
            State::Cancelled => Some(Err(self.without_value())),
        }
    }

    /// Returns the error of a call without a value.
    fn without_value(&self) -> Error {
        ErrorKind::Cancelled { task: self.name.to_string() }.into()
    }
}

/// The work of a task that represents a future.
struct Promise(Arc<Cell>);

impl Work for Promise {
    fn run(&self, _: u32, _: Vec<Value>) -> Result<Value> {
        // Calls that take the future start when it is done; others fail while it is pending.
        self.0.value().unwrap_or_else(|| Err(self.0.without_value()))
    }

    fn size(&self, _: &Value) -> Size {
        Size { bytes: 0, exact: true }
    }

    fn waits(&self) -> Option<Arc<dyn Waits>> {
        Some(self.0.clone())
    }
}

impl Waits for Cell {
    fn help(&self) {
        self.inputs.iter().for_each(|i| i.help());
        self.run();
    }

    fn on_done(&self, f: Box<dyn FnOnce(bool) + Send>) {
        let mut state = self.lock();
        if let State::Pending = state.0 {
            state.1.push(f);
        } else {
            let well = matches!(state.0, State::Finished(_));
            drop(state);
            f(well);
        }
    }
}

/// The result of a call that runs in the background. Cheap to clone; the value stays in memory as
/// long as any clone of the future exists.
pub struct Future<T> {
    cell: Opaque,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone(), of: PhantomData }
    }
}

#[inline(never)]
fn begin(point: Point) -> Opaque {
    let name = point.layer.label().text();
    let graph = Graph::new(std::slice::from_ref(&point));
    let inputs: Vec<Arc<dyn Waits>> = graph.layers.iter().filter_map(|l| l.work.waits()).collect();
    let cell = Arc::new_cyclic(|own: &Weak<Cell>| {
        let own = own.clone();
        let run = move || {
            let Some(own) = own.upgrade().filter(|c| !c.is_done()) else { return };
            let result = sched::guarded(|| sched::compute(std::slice::from_ref(&point)));
            own.end(match result.map(|r| r.map(|mut v| v.remove(0))) {
                Some(Ok(value)) => State::Finished(value),
                Some(Err(e)) if !matches!(e.kind(), ErrorKind::Interrupted) => State::Failed(e),
                _ => State::Cancelled,
            });
        };
        Cell {
            state: Mutex::new((State::Pending, Vec::new())),
            name,
            run: Mutex::new(Some(Box::new(run))),
            inputs,
        }
    });
    // One more than the number of inputs, so that the call cannot start before all callbacks are
    // set.
    let open = Arc::new(AtomicUsize::new(cell.inputs.len() + 1));
    let told = |cell: &Arc<Cell>| {
        let (open, cell) = (open.clone(), cell.clone());
        move || {
            if open.fetch_sub(1, Ordering::SeqCst) == 1 {
                pool::pool().spawn(move || cell.run());
            }
        }
    };
    for input in &cell.inputs {
        let told = told(&cell);
        input.on_done(Box::new(move |_| told()));
    }
    told(&cell)();
    Opaque::of(cell)
}

/// Waits until all are done, with progress in the live view. Returns `false` if the user
/// interrupted or the time is over.
#[inline(never)]
fn wait_for(cells: &[Arc<Cell>], at_most: Option<Duration>) -> bool {
    let pending: Vec<_> = cells.iter().filter(|c| !c.is_done()).collect();
    if pending.is_empty() {
        return true;
    }
    if rayon::current_thread_index().is_some() || pool::inside_task() {
        pending.iter().for_each(|c| c.help());
    }
    let mut names: Vec<String> = pending.iter().map(|c| c.name.to_string()).collect();
    names.sort();
    names.dedup();
    let job = Arc::new(Job::begin(names.clone()));
    let left = Arc::new((Mutex::new(pending.len()), Condvar::new()));
    for cell in pending {
        // The list above contains the name.
        let name = names.iter().position(|n| **n == *cell.name).unwrap_or(0) as u32;
        job.expect(name, 1);
        let (job, left, begun) = (job.clone(), left.clone(), Instant::now());
        let told = move |well| {
            let took_us = begun.elapsed().as_micros() as u64;
            let thread = rayon::current_thread_index().unwrap_or(0) as u32;
            let outcome = if well { Outcome::Done } else { Outcome::Failed };
            job.hand_in(&mut vec![Record {
                name,
                task: None,
                thread,
                start_us: 0,
                took_us,
                bytes: 0,
                outcome,
            }]);
            *left.0.lock().whole() -= 1;
            left.1.notify_all();
        };
        cell.on_done(Box::new(told));
    }
    let waker = left.clone();
    let _listening = sched::on_cancel(Arc::new(move || {
        drop(waker.0.lock().whole());
        waker.1.notify_all();
    }));
    let open = left.0.lock().whole();
    // No limit: a century.
    let at_most = at_most.unwrap_or(Duration::from_secs(100 * 365 * 86_400));
    let waiting = left.1.wait_timeout_while(open, at_most, |n| *n > 0 && !sched::cancelled());
    let open = waiting.whole().0;
    let all = *open == 0;
    drop(open);
    job.finish(!all);
    all
}

#[inline(never)]
fn results(cells: &[Arc<Cell>]) -> Result<Vec<Value>> {
    if !wait_for(cells, None) {
        return Err(sched::stop_here(ErrorKind::Interrupted.into()));
    }
    // All are done.
    cells.iter().map(|c| c.value().unwrap_or_else(|| Err(ErrorKind::Interrupted.into()))).collect()
}

impl<T> Future<T> {
    pub(super) fn begin(call: &Delayed<T>) -> Self {
        Self { cell: begin(call.point()), of: PhantomData }
    }

    fn again(&self) -> Self {
        Self { cell: self.cell.again(), of: PhantomData }
    }

    /// Returns whether the call has ended: finished, failed or cancelled.
    #[must_use]
    pub fn done(&self) -> bool {
        done(&self.cell)
    }

    /// Returns the status: `"pending"`, `"finished"`, `"error"` or `"cancelled"`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        status(&self.cell)
    }

    /// Returns whether the future was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.status() == "cancelled"
    }

    /// Cancels the future if it is pending: it ends without a value. A function that is already
    /// running is not interrupted.
    pub fn cancel(&self) {
        cancel(&self.cell);
    }

    /// Waits for the end of the call and returns its error, or `None` if it succeeded.
    #[must_use]
    pub fn exception(&self) -> Option<Error> {
        exception(&self.cell)
    }

    /// Calls `f` when the call has ended, or immediately if it already has.
    pub fn add_done_callback(&self, f: impl FnOnce() + Send + 'static) {
        call_back(&self.cell, Box::new(f));
    }

    fn layer(&self) -> Point {
        promise(&self.cell)
    }
}

#[inline(never)]
fn done(cell: &Opaque) -> bool {
    cell.get::<Cell>().is_done()
}

#[inline(never)]
fn status(cell: &Opaque) -> &'static str {
    match cell.get::<Cell>().lock().0 {
        State::Pending => "pending",
        State::Finished(_) => "finished",
        State::Failed(_) => "error",
        State::Cancelled => "cancelled",
    }
}

#[inline(never)]
fn cancel(cell: &Opaque) {
    cell.get::<Cell>().end(State::Cancelled);
}

#[inline(never)]
fn exception(cell: &Opaque) -> Option<Error> {
    let cell: Arc<Cell> = cell.arc();
    wait_for(std::slice::from_ref(&cell), None);
    cell.value().and_then(Result::err)
}

#[inline(never)]
fn call_back(cell: &Opaque, f: Box<dyn FnOnce() + Send>) {
    cell.get::<Cell>().on_done(Box::new(move |_| f()));
}

#[inline(never)]
fn finished(value: Value) -> Opaque {
    let state = Mutex::new((State::Finished(value), Vec::new()));
    Opaque::new(Cell { state, name: "scatter".into(), run: Mutex::new(None), inputs: Vec::new() })
}

#[inline(never)]
fn result(cell: &Opaque) -> Result<Value> {
    Ok(results(&[cell.arc()])?.remove(0))
}

#[inline(never)]
fn result_within(cell: &Opaque, timeout: &str, of: &str) -> Result<Value> {
    let at_most = config::time("result_within", timeout)?;
    if !wait_for(&[cell.arc()], Some(at_most)) && !sched::cancelled() {
        let message = format!(
            "{} has no value after {timeout}; the call continues, and the value can be requested again",
            shown(cell, of)
        );
        return Err(Error::bad_argument("result_within", message));
    }
    result(cell)
}

#[inline(never)]
fn shown(cell: &Opaque, of: &str) -> String {
    format!("Future<{}>({}, {})", short_type(of), cell.get::<Cell>().name, status(cell))
}

#[inline(never)]
fn bundle(cell: &Opaque, of: &str) -> Bundle {
    Bundle::text(shown(cell, of))
}

fn typed_result<T: Clone + Send + Sync + 'static>(value: Result<Value>) -> Result<T> {
    match value {
        Ok(value) => Ok(Arc::unwrap_or_clone(typed(value))),
        Err(e) => Err(e),
    }
}

/// Returns the type-erased handles of futures.
fn cells<T>(futures: &[Future<T>]) -> Vec<&Opaque> {
    let mut all = Vec::with_capacity(futures.len());
    for future in futures {
        all.push(&future.cell);
    }
    all
}

fn arcs(cells: &[&Opaque]) -> Vec<Arc<Cell>> {
    cells.iter().map(|c| c.arc()).collect()
}

#[inline(never)]
fn all_results(cells: &[&Opaque]) -> Result<Vec<Value>> {
    results(&arcs(cells))
}

#[inline(never)]
fn wait_for_all(cells: &[&Opaque]) {
    if !wait_for(&arcs(cells), None) {
        // This ends the cell; inside of a task there is nothing left to wait for.
        let _ = sched::stop_here(ErrorKind::Interrupted.into());
    }
}

/// Returns a function that returns the index of the next future that ends, until all have ended.
#[inline(never)]
fn ended(cells: &[&Opaque]) -> Box<dyn FnMut() -> Option<usize> + Send> {
    let (sender, ended) = std::sync::mpsc::channel();
    for (i, cell) in arcs(cells).iter().enumerate() {
        let sender = sender.clone();
        // Sending fails if the iterator has been dropped.
        cell.on_done(Box::new(move |_| {
            let _ = sender.send(i);
        }));
    }
    let mut left = cells.len();
    Box::new(move || {
        left = left.checked_sub(1)?;
        next_of(&ended)
    })
}

#[inline(never)]
fn promise(cell: &Opaque) -> Point {
    let cell: Arc<Cell> = cell.arc();
    Layer::new(Key::new(Name::new(&cell.name)), 1, Vec::new(), Promise(cell)).at(0)
}

impl<T: Clone + Send + Sync + 'static> Future<T> {
    pub(super) fn finished(value: T) -> Self {
        Self { cell: finished(Arc::new(value)), of: PhantomData }
    }

    /// Waits for the value.
    ///
    /// # Errors
    /// Fails if the function panicked, or the future was cancelled.
    pub fn result(&self) -> Result<T> {
        typed_result(result(&self.cell))
    }

    /// Waits for the value, at most for a `timeout` such as `"300ms"` or `"5 seconds"`. The call
    /// continues after a timeout.
    ///
    /// # Errors
    /// As [`result`](Future::result); also fails on a timeout, or if `timeout` is not a valid
    /// duration.
    pub fn result_within(&self, timeout: &str) -> Result<T> {
        typed_result(result_within(&self.cell, timeout, std::any::type_name::<T>()))
    }

    /// Returns the future as a delayed value. Computing it does not wait: it fails while the future
    /// is pending.
    #[must_use]
    pub fn to_delayed(&self) -> Delayed<T> {
        Delayed::of_point(self.layer())
    }
}

/// Waits for futures and returns their values, in the same order.
///
/// # Errors
/// Returns the first error, in the order of the futures.
pub fn gather<T: Clone + Send + Sync + 'static>(futures: &[Future<T>]) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(futures.len());
    match all_results(&cells(futures)) {
        Ok(values) => each(values, &mut |v| all.push(Arc::unwrap_or_clone(typed(v)))),
        Err(e) => return Err(e),
    }
    Ok(all)
}

/// Waits until all futures have ended: finished, failed or cancelled.
pub fn wait<T>(futures: &[Future<T>]) {
    wait_for_all(&cells(futures));
}

/// Returns an iterator over the futures in the order in which they end.
///
/// ```
/// use rask::prelude::*;
/// let client = Client::current();
/// let futures = client.map(|x: u64| x, 0..3);
/// let mut seen: Vec<u64> = as_completed(&futures).map(|f| f.result().unwrap()).collect();
/// seen.sort();
/// assert_eq!(seen, [0, 1, 2]);
/// ```
pub fn as_completed<T>(futures: &[Future<T>]) -> impl Iterator<Item = Future<T>> + use<T> {
    let mut next = ended(&cells(futures));
    let mut list = Vec::with_capacity(futures.len());
    for future in futures {
        list.push(future.again());
    }
    std::iter::from_fn(move || next().map(|i| list[i].again()))
}

/// Returns the index of the next future that ends; `None` if the user interrupted.
#[inline(never)]
fn next_of(ended: &std::sync::mpsc::Receiver<usize>) -> Option<usize> {
    const LOOK: Duration = Duration::from_millis(50);
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(i) => return Some(i),
            Err(_) if sched::cancelled() => {
                let _ = sched::stop_here(ErrorKind::Interrupted.into());
                return None;
            }
            Err(_) => {}
        }
    }
}

impl<T> IntoArg<T> for &Future<T> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<T> {
        Arg::Task(inputs.add(self.layer()))
    }
}

impl<T> IntoArg<T> for Future<T> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<T> {
        (&self).into_arg(inputs)
    }
}

impl<T: Clone + Send + Sync + 'static> IntoArg<Vec<T>> for Vec<Future<T>> {
    fn into_arg(self, inputs: &mut Inputs) -> Arg<Vec<T>> {
        let mut list = Vec::with_capacity(self.len());
        for future in &self {
            list.push(future.to_delayed());
        }
        list.into_arg(inputs)
    }
}

impl<T> Show for Future<T> {
    fn show(&self) -> Bundle {
        bundle(&self.cell, std::any::type_name::<T>())
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::show::debug(self, f)
    }
}
