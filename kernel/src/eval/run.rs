//! Runs a cell, segment by segment: Rust, evcxr's commands, shell commands, magics.

use super::errors::diagnostics::CellError;
use super::session::Session;
use super::source::segment::{Segment, segments};
use super::{commands, magics, shell};
use serde_json::Value;

/// Runs a cell; returns the payload for the front end.
pub(super) fn run(session: &mut Session, text: &str, number: u32) -> Result<Vec<Value>, CellError> {
    session.begin(text, number);
    for segment in segments(text) {
        if session.shared.stopping() {
            return Err(CellError::plain(
                "Interrupted",
                "the cell was interrupted; all variables are kept",
            ));
        }
        match segment {
            Segment::Rust(range) => session.rust(range)?,
            Segment::Commands(range) => commands::run(session, &text[range])?,
            Segment::Shell(range) => shell::line(session, &text[range])?,
            Segment::Magic(call) => magics::run(session, &call)?,
        }
    }
    Ok(std::mem::take(&mut session.payload))
}
