//! Interaction with the user of the notebook: a line of input, a password, and clearing the output
//! of the cell.

use crate::error::{ErrorKind, Result};
use crate::wire;
use rask_wire::ToKernel;
use rask_wire::helpers::Whole;
use std::sync::{Condvar, Mutex};

/// The answer that has arrived, if any.
static ANSWER: Mutex<Option<std::result::Result<String, String>>> = Mutex::new(None);
static CAME: Condvar = Condvar::new();
/// Held while a prompt is open: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Prompts the user of the notebook for a line and waits for it; Stop ends the wait.
///
/// ```no_run
/// use rask::prelude::*;
/// let name = input("Your name: ")?;
/// # Ok::<(), rask::Error>(())
/// ```
///
/// # Errors
/// [`NoInput`](crate::ErrorKind::NoInput) if the front end does not support input, as in a notebook
/// that runs unattended, or outside of a notebook.
pub fn input(prompt: &str) -> Result<String> {
    question(prompt, false)
}

/// Prompts for a password: as [`input`], without showing what is typed.
///
/// # Errors
/// As [`input`].
pub fn password(prompt: &str) -> Result<String> {
    question(prompt, true)
}

/// Clears the output of the running cell: immediately, or with `wait` when the next output appears,
/// which avoids flicker.
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
        return Err(failed("no notebook is connected").into());
    }
    let _turn = TURN.lock().whole();
    // The lock is not held while the prompt is sent: the answer may arrive before the kernel has
    // acknowledged it.
    *ANSWER.lock().whole() = None;
    wire::send_in_order(&ToKernel::Input { prompt: prompt.to_owned(), password });
    let mut answer = ANSWER.lock().whole();
    loop {
        if crate::sched::cancelled() {
            drop(answer);
            return Err(crate::sched::stop_here(ErrorKind::Interrupted.into()));
        }
        if let Some(answer) = answer.take() {
            return answer.map_err(|message| failed(&message).into());
        }
        answer = CAME.wait(answer).whole();
    }
}

/// Handles an answer from the kernel, or the reason why there is none.
pub(crate) fn answer(answer: std::result::Result<String, String>) {
    *ANSWER.lock().whole() = Some(answer);
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
