//! Finds whether an offset of a file is inside of quotes: the parts of a file are scanned in
//! parallel, each for every state in which it may start, and combined afterwards.

use super::scan::{self, Carry, Delimiters};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// Whether an offset is inside of quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Outside,
    Inside,
    /// Behind a quote that may be the first of a pair.
    Behind,
}

/// The state at the end of a part of a file, for each state at its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transition([State; 3]);

impl Transition {
    pub(crate) fn from(self, state: State) -> State {
        self.0[state as usize]
    }
}

/// Tracks the state along a text.
#[derive(Debug, Clone)]
pub(crate) struct Walker {
    marks: Delimiters,
    /// Whether spaces before a quote that opens a field are skipped.
    trim: bool,
    pub(crate) state: State,
    /// The last byte that was seen, not counting skipped spaces.
    before: u8,
}

impl Walker {
    /// Creates a walker at an offset of a file whose data starts at `start`, and seeks the file to
    /// that offset.
    pub(crate) fn at(
        file: &mut File,
        place: u64,
        start: u64,
        (marks, trim): (Delimiters, bool),
        state: State,
    ) -> io::Result<Self> {
        let before = byte_before(file, place, start, trim.then_some(marks.sep))?;
        file.seek(SeekFrom::Start(place))?;
        Ok(Self { marks, trim, state, before })
    }

    /// Returns whether a quote would open a field.
    fn at_field_start(&self) -> bool {
        self.before == self.marks.sep || matches!(self.before, b'\n' | b'\r')
    }

    /// Advances the state over a text.
    fn pass(&mut self, text: &[u8]) {
        let Some(quote) = self.marks.quote else { return };
        if memchr::memchr(quote, text).is_none() {
            return self.rest(text, 0);
        }
        let text = self.pass_words(text);
        let mut seen = 0;
        for at in memchr::memchr_iter(quote, text) {
            self.quote(text, seen, at);
            seen = at + 1;
        }
        self.rest(text, seen);
    }

    /// Advances the state over the words of a text if their quotes are regular. Returns the rest of
    /// the text.
    fn pass_words<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let (words, rest) = text.as_chunks::<64>();
        if self.trim || self.state == State::Behind || words.is_empty() {
            return text;
        }
        let ended = self.state == State::Outside && self.at_field_start();
        let from = Carry { inside: self.state == State::Inside, ended, closed: false };
        let Ok(carry) = scan::carry(words, self.marks, from) else { return text };
        self.state = match carry {
            Carry { inside: true, .. } => State::Inside,
            Carry { closed: true, .. } => State::Behind,
            _ => State::Outside,
        };
        self.before = words[words.len() - 1][63];
        rest
    }

    /// Returns the offset behind the first line end outside of quotes.
    pub(crate) fn line_end(&mut self, text: &[u8]) -> Option<usize> {
        let mut seen = 0;
        // Without quotes, the search for a quote is one for a line end.
        let quote = self.marks.quote.unwrap_or(b'\n');
        for at in memchr::memchr3_iter(quote, b'\n', b'\r', text) {
            if Some(text[at]) == self.marks.quote {
                self.quote(text, seen, at);
                seen = at + 1;
            } else if self.state != State::Inside {
                return Some(at + 1);
            }
        }
        self.rest(text, seen);
        None
    }

    /// Handles a quote at `at`; the bytes before `seen` have been handled.
    fn quote(&mut self, text: &[u8], seen: usize, at: usize) {
        self.rest(&text[..at], seen);
        self.state = match self.state {
            State::Inside => State::Behind,
            State::Behind => State::Inside,
            State::Outside if self.at_field_start() => State::Inside,
            State::Outside => State::Outside,
        };
        self.before = text[at];
    }

    /// Handles the bytes from `seen` to the end of the text, none of which is a quote.
    fn rest(&mut self, text: &[u8], seen: usize) {
        let rest = &text[seen..];
        if !rest.is_empty() && self.state == State::Behind {
            self.state = State::Outside;
        }
        let counts = |b: &&u8| !self.trim || !is_blank(**b, self.marks.sep);
        if let Some(last) = rest.iter().rev().find(counts) {
            self.before = *last;
        }
    }
}

/// Returns whether a byte is a space or tab that is skipped behind this separator.
fn is_blank(byte: u8, sep: u8) -> bool {
    matches!(byte, b' ' | b'\t') && byte != sep
}

/// Returns the byte before an offset; at the start of the data, a line end. If blanks behind a
/// separator are skipped, returns the byte before them.
fn byte_before(file: &mut File, mut at: u64, start: u64, blanks: Option<u8>) -> io::Result<u8> {
    let mut before = [b'\n'];
    while at > start {
        file.seek(SeekFrom::Start(at - 1))?;
        file.read_exact(&mut before)?;
        match blanks {
            Some(sep) if is_blank(before[0], sep) => at -= 1,
            _ => return Ok(before[0]),
        }
    }
    Ok(b'\n')
}

/// Scans the part of a file from `from` to `to`.
pub(crate) fn transition(
    path: &Path,
    start: u64,
    from: u64,
    to: u64,
    rules: (Delimiters, bool),
) -> io::Result<Transition> {
    let mut file = File::open(path)?;
    let walker = Walker::at(&mut file, from, start, rules, State::Outside)?;
    let mut walkers = [State::Outside, State::Inside, State::Behind]
        .map(|state| Walker { state, ..walker.clone() });
    // The start of the data is always outside of quotes.
    let ways = if from == start { 1 } else { walkers.len() };
    pass(&mut walkers[..ways], file.take(to - from))?;
    Ok(Transition(walkers.map(|w| w.state)))
}

/// Returns the state at each of these offsets of a file, which are sorted.
pub(crate) fn states(
    path: &Path,
    start: u64,
    places: &[u64],
    rules: (Delimiters, bool),
) -> io::Result<Vec<State>> {
    let (mut at, mut state, mut states) = (start, State::Outside, Vec::new());
    for place in places {
        let mut file = File::open(path)?;
        let mut walker = Walker::at(&mut file, at, start, rules, state)?;
        pass(std::slice::from_mut(&mut walker), file.take(place.saturating_sub(at)))?;
        (at, state) = (*place, walker.state);
        states.push(state);
    }
    Ok(states)
}

/// Advances several walkers over a text; stops early if the user interrupts.
fn pass(ways: &mut [Walker], mut text: impl Read) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        text.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() || crate::sched::cancelled() {
            return Ok(());
        }
        ways.iter_mut().for_each(|w| w.pass(&piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::dialect::Dialect;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn parts_put_together_are_the_whole() {
        let mut random = rand::rngs::StdRng::seed_from_u64(3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let marks = Delimiters { sep: b',', quote: Some(b'"') };
        for n in 0..400 {
            let length = if n % 10 == 0 { 200 } else { n % 60 };
            let text: Vec<u8> =
                (0..length).map(|_| b"ab,,\n\r\"\"\" "[random.random_range(0..10)]).collect();
            std::fs::write(&path, &text).unwrap();
            let trim = n % 2 == 0;
            let dialect = Dialect { skip_initial_space: trim, ..Dialect::default() };
            let open = dialect.rows(&text, true).0.open_quote;
            let end = text.len() as u64;
            for cut in 0..=end {
                let parts = [(0, cut), (cut, end)]
                    .map(|(a, b)| transition(&path, 0, a, b, (marks, trim)).unwrap());
                let state = parts[1].from(parts[0].from(State::Outside));
                assert_eq!(
                    state == State::Inside,
                    open,
                    "{:?} cut at {cut}",
                    String::from_utf8_lossy(&text)
                );
                assert_eq!(
                    states(&path, 0, &[cut, end], (marks, trim)).unwrap(),
                    [parts[0].from(State::Outside), state]
                );
            }
        }
    }
}
