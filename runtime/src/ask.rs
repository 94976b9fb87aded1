//! Questions to the person at the notebook: a line of input, a password, and what is shown under the cell.

use crate::error::{ErrorKind, Result};
use crate::wire;
use rask_wire::ToKernel;
use std::sync::{Condvar, Mutex, PoisonError};

/// The answer that has come, if any.
static ANSWER: Mutex<Option<std::result::Result<String, String>>> = Mutex::new(None);
static CAME: Condvar = Condvar::new();
/// Held while a question is open: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Asks the person at the notebook for a line and waits for it; Stop ends the wait.
///
/// ```no_run
/// use rask::prelude::*;
/// let name = input("Your name: ")?;
/// # Ok::<(), rask::Error>(())
/// ```
///
/// # Errors
/// Where nobody can be asked: in a notebook that runs without a person, or outside of one.
pub fn input(prompt: &str) -> Result<String> {
    question(prompt, false)
}

/// As [`input`], without showing what is typed.
///
/// # Errors
/// As [`input`].
pub fn password(prompt: &str) -> Result<String> {
    question(prompt, true)
}

/// Removes what is shown under the running cell: at once, or with `wait` when the next thing is shown, so that it does not
/// flicker.
///
/// ```
/// use rask::prelude::*;
/// for i in 0..3 {
///     clear_output(true);
///     println!("{i}");
/// }
/// ```
pub fn clear_output(wait: bool) {
    wire::flush();
    wire::send_in_order(&ToKernel::Clear { wait });
}

fn question(prompt: &str, password: bool) -> Result<String> {
    let failed = |message: &str| ErrorKind::NoInput { message: message.to_owned() };
    if !wire::connected() {
        return Err(failed("there is no notebook to ask in").into());
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // Not held while the question is sent: the answer may come before the kernel has acknowledged it.
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = None;
    wire::send_in_order(&ToKernel::Input { prompt: prompt.to_owned(), password });
    let mut answer = ANSWER.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if crate::sched::cancelled() {
            drop(answer);
            return Err(crate::sched::stop_here(ErrorKind::Interrupted.into()));
        }
        if let Some(answer) = answer.take() {
            return answer.map_err(|message| failed(&message).into());
        }
        answer = CAME.wait(answer).unwrap_or_else(PoisonError::into_inner);
    }
}

/// The kernel has an answer, or a reason why there is none.
pub(crate) fn answer(answer: std::result::Result<String, String>) {
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    CAME.notify_all();
}

#[cfg(test)]
mod tests {
    #[test]
    fn outside_of_a_notebook_nobody_answers() {
        assert!(super::input("name?").unwrap_err().to_string().contains("no notebook"));
        super::clear_output(false);
    }
}
