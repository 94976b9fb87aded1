//! The evaluator process: loads compiled cells and runs them, one after the other, on its main
//! thread. The kernel requests cells with lines on one descriptor; everything else is sent as
//! frames.
//!
//! This file and `csv/scan.rs` contain the crate's only unsafe code: loading a cell means trusting
//! the compiler that built it.
#![allow(unsafe_code)]

use crate::graph::value::short_type;
use crate::sched::{self, pool};
use crate::{comm, deferred, input, widget, wire};
use cell::CELL;
use rask_wire::helpers::Whole;
use rask_wire::{Place, ToEvaluator, ToKernel, env, session};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt::{Debug, Display};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::Location;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

mod cell;
pub mod print;
pub mod store;
mod streams;
pub mod timing;

/// The message of an interrupted cell.
const INTERRUPTED: &str = "the cell was interrupted; all variables are kept";

/// The number of the running cell's library. Locked while that cell is interrupted.
static RUNNING: Mutex<Option<u32>> = Mutex::new(None);
/// Whether the running cell has reported an error.
static FAILED: AtomicBool = AtomicBool::new(false);
/// The descriptor for replies to the kernel's lines.
static ANSWERS: Mutex<Option<File>> = Mutex::new(None);

thread_local! {
    static CELL_THREAD: Cell<bool> = const { Cell::new(false) };
    /// The last panic of the cell, which the cell itself may still catch.
    static PANICKED: RefCell<Option<(String, Option<Place>)>> = const { RefCell::new(None) };
}

/// Runs cells until the kernel closes `requests`; returns the exit code of the process.
///
/// # Safety
/// Both descriptors must be open and not used by anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rask_host_main(requests: RawFd, answers: RawFd) -> i32 {
    // SAFETY: the caller transfers ownership of both descriptors.
    let (requests, answers) = unsafe { (File::from_raw_fd(requests), File::from_raw_fd(answers)) };
    *ANSWERS.lock().whole() = Some(answers);
    CELL_THREAD.set(true);
    if let Err(e) = connect() {
        eprintln!("cannot connect to the kernel: {e}");
        return 1;
    }
    // A write to a closed pipe must be an error: that is how a printing loop is interrupted.
    std::panic::set_hook(Box::new(report_panic));
    sched::before_stopping(streams::open);
    let mut variables = std::ptr::null_mut();
    for line in BufReader::new(requests).lines() {
        let Ok(line) = line else { break };
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("LOAD_AND_RUN"), Some(library), Some(function)) => {
                run(library, function, &mut variables)
            }
            _ => {
                eprintln!("unknown request from the kernel: {line:?}");
                return 1;
            }
        }
    }
    0
}

/// Connects to the kernel and listens to it on a separate thread, so that an interrupt arrives
/// while a cell is running.
fn connect() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::var(env::SESSION)?;
    let stream = UnixStream::connect(Path::new(&folder).join(session::SOCKET))?;
    let mut from_kernel = stream.try_clone()?;
    wire::connect(stream);
    wire::send(&ToKernel::Hello { pid: std::process::id() });
    if let Some(ToEvaluator::Environment(variables)) = rask_wire::read(&mut from_kernel)? {
        for (name, value) in variables {
            set_env(&name, &value);
        }
    }
    comm::start()?;
    widget::start();
    sched::view::start();
    std::thread::Builder::new().name("rask-listen".to_owned()).spawn(move || {
        loop {
            match rask_wire::read(&mut from_kernel) {
                Ok(Some(frame)) => handle_frame(frame),
                // Without its kernel, this process is of no use.
                Ok(None) | Err(_) => std::process::exit(0),
            }
        }
    })?;
    Ok(())
}

/// Handles a frame from the kernel; frames may arrive at any time.
fn handle_frame(frame: ToEvaluator) {
    match frame {
        ToEvaluator::Ack => wire::acknowledged(),
        ToEvaluator::Cancel { cell } => {
            let running = RUNNING.lock().whole();
            // A cell that has finished in the meantime must not be interrupted, nor the next one.
            if *running == Some(cell) {
                sched::cancel();
                streams::close();
                input::answer(Err("the cell was interrupted".to_owned()));
            }
        }
        ToEvaluator::Input(answer) => input::answer(answer),
        ToEvaluator::Comm(message) => comm::dispatch(message),
        ToEvaluator::Environment(_) => {}
    }
}

/// Sets an environment variable of this process; called by `%env`.
pub fn set_env(name: &str, value: &str) {
    // SAFETY: cells run one after the other, and other threads (those of this crate, and those that
    // cells start) read the environment through libstd, whose lock this call takes. Foreign code
    // that reads it without the lock is why Rust considers this unsafe; the user requested it
    // explicitly.
    unsafe { std::env::set_var(name, value) };
}

/// A trait that no type implements: requiring it makes the compiler report the type of a value.
#[diagnostic::on_unimplemented(message = "rask-type:{Self}")]
pub trait TypeToTell {}

/// Never compiles; the error contains the type of the value.
pub fn ask_type<T: TypeToTell>(_: &T) {}

/// Leaves the cell, or the task, if the user has interrupted it; the kernel inserts calls into
/// loops.
///
/// Costs one relaxed load per iteration.
#[inline]
pub fn check_cancelled() {
    if sched::cancelled() {
        leave();
    }
}

#[cold]
#[inline(never)]
fn leave() {
    // The user's own threads continue, as they belong to no cell. So do destructors during
    // unwinding.
    if !std::thread::panicking() && (CELL_THREAD.get() || pool::inside_task()) {
        streams::open();
        std::panic::resume_unwind(Box::new(sched::Stopped));
    }
}

/// Loads and runs a cell. The library stays loaded, as its functions and types may be used from now
/// on.
fn run(library: &str, function: &str, variables: &mut *mut c_void) {
    sched::reset_cancel();
    FAILED.store(false, Ordering::SeqCst);
    PANICKED.set(None);
    // The kernel's hooks write this number into the cell's source.
    let cell = function.rsplit('_').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    CELL.store(cell, Ordering::Relaxed);
    *RUNNING.lock().whole() = Some(cell);
    print::begin();
    wire::send(&ToKernel::Started { cell });
    // SAFETY: the kernel compiled the library for this process; its only initialisers are those of
    // libstd.
    match unsafe { libloading::Library::new(library) } {
        Ok(library) => {
            // SAFETY: evcxr writes this function with this signature into every cell.
            let cell = unsafe {
                library.get::<unsafe extern "C" fn(*mut c_void) -> *mut c_void>(function.as_bytes())
            };
            match cell {
                // SAFETY: the pointer is null or was returned by the previous cell.
                Ok(cell) => *variables = unsafe { cell(*variables) },
                Err(e) => fail(
                    "InternalError",
                    &format!("function {function} not found in the compiled cell: {e}"),
                    None,
                ),
            }
            std::mem::forget(library);
        }
        Err(e) => fail("InternalError", &format!("cannot load the compiled cell: {e}"), None),
    }
    {
        let mut running = RUNNING.lock().whole();
        *running = None;
        sched::reset_cancel();
        streams::open();
    }
    for (error, place) in deferred::take() {
        fail("Error", &error.to_string(), Some(place_of(place)));
    }
    wire::send_in_order(&ToKernel::Done);
    // What its threads print from now on is attributed to the cell by its number.
    CELL.store(u32::MAX, Ordering::Relaxed);
    notify("EVCXR_EXECUTION_COMPLETE");
}

/// Sends the kernel's evcxr a line of its protocol. User output never passes through here, so it is
/// never mistaken for one.
#[inline(never)]
pub fn notify(line: &str) {
    if line == "EVCXR_PANIC_NOTIFICATION" {
        streams::open();
        if sched::cancelled() {
            fail("Interrupted", INTERRUPTED, None);
        } else {
            // A panic that began on another thread, or under the user's own panic hook, was not
            // recorded here.
            let (message, place) =
                PANICKED.take().unwrap_or_else(|| ("panic on another thread".to_owned(), None));
            fail("Panic", &message, place);
        }
    }
    if let Some(answers) = &mut *ANSWERS.lock().whole() {
        // If the kernel is gone, the listening thread exits the process.
        let _ = writeln!(answers, "{line}");
    }
}

/// The error types that `?` converts a cell's error into. They replace the type that evcxr writes
/// into every cell, so that the compiler need not compare it with every other use of [`From`] each
/// time.
macro_rules! user_errors {
    ($($(#[$doc:meta])* $name:ident, $form:ident, $format:literal;)*) => {
        $(
            $(#[$doc])*
            // With a `Debug` form, the `From` below would conflict with `impl From<T> for T`.
            #[allow(missing_debug_implementations)]
            pub struct $name(());

            impl<T: $form> From<T> for $name {
                #[track_caller]
                fn from(error: T) -> Self {
                    user_error(std::any::type_name::<T>(), &|f| write!(f, $format, error));
                    Self(())
                }
            }
        )*
    };
}

user_errors! {
    /// An error shown in its `Display` form.
    UserError, Display, "{}";
    /// An error shown in its `Debug` form, if the user has chosen that.
    UserErrorInside, Debug, "{:?}";
    /// An error shown in its `Debug` form, on several lines.
    UserErrorOpened, Debug, "{:#?}";
}

/// A function that writes an error.
type Writing<'a> = &'a dyn Fn(&mut std::fmt::Formatter<'_>) -> std::fmt::Result;

/// Reports the error that `?` returned from the cell.
#[inline(never)]
#[track_caller]
fn user_error(type_name: &str, error: Writing<'_>) {
    struct By<'a>(Writing<'a>);
    impl Display for By<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            (self.0)(f)
        }
    }
    let (place, message) = (Location::caller(), By(error).to_string());
    if sched::cancelled() {
        streams::open();
        fail("Interrupted", INTERRUPTED, None);
    }
    for (noted, at) in deferred::take() {
        if noted.to_string() != message {
            deferred::note(&noted, at);
        }
    }
    fail(&short_type(type_name), &message, Some(place_of(place)));
    notify("EVCXR_ERROR_OCCURRED");
}

/// Runs the code of a cell; a panic becomes the cell's error.
#[inline(never)]
pub fn guarded(code: Box<dyn FnOnce() + '_>) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(code)).is_err() {
        notify("EVCXR_PANIC_NOTIFICATION");
    }
}

fn place_of(place: &Location<'_>) -> Place {
    Place { file: place.file().to_owned(), line: place.line(), column: place.column() }
}

/// Reports the cell's error; only the first one is sent.
fn fail(name: &str, message: &str, place: Option<Place>) {
    if !FAILED.swap(true, Ordering::SeqCst) {
        wire::flush();
        wire::send(&ToKernel::Error { name: name.to_owned(), message: message.to_owned(), place });
    }
}

/// Handles a panic: one in the cell becomes its error, one in a task is recorded for the task's
/// error, and one in a thread of the user's is printed.
fn report_panic(info: &std::panic::PanicHookInfo<'_>) {
    let message = sched::panic_text(info.payload());
    if pool::inside_task() {
        pool::note_panic(message, info.location().map(ToString::to_string));
    } else if CELL_THREAD.get() {
        // Destructors may print during unwinding.
        streams::open();
        PANICKED.set(Some((message, info.location().map(place_of))));
    } else {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        if name.starts_with("rask-") {
            pool::note_panic(message, info.location().map(ToString::to_string));
        } else {
            let at = info.location().map(|l| format!(" at line {}", l.line())).unwrap_or_default();
            // `eprintln!` would panic while a cell is being interrupted.
            let _ = writeln!(std::io::stderr(), "thread '{name}' panicked{at}: {message}");
        }
    }
}
