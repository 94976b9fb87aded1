//! Reads the blocks of a file, or of a part of it: text is read in large steps and cut behind the
//! last complete row.

use super::block::Block;
use super::dialect::Dialect;
use super::scan::{self, Index};
use std::io::{self, Read};

/// Maximum bytes of a row: the search for its end stops there.
pub(crate) const LONGEST: usize = 1 << 30;

/// The reason why there is no next block.
#[derive(Debug)]
pub(crate) enum Stop {
    Io(io::Error),
    /// The file ends inside of the quotes of a row that starts at this offset.
    OpenQuote(u64),
    /// The row that starts at this offset is longer than [`LONGEST`].
    TooLong(u64),
}

/// Reads blocks; the text starts with a row.
pub(crate) struct Blocks<R> {
    from: R,
    dialect: Dialect,
    /// Bytes that are read per step.
    step: usize,
    /// Offset of the first byte of `text`.
    place: u64,
    /// Rows that start behind this offset belong to the next part.
    end: Option<u64>,
    text: Vec<u8>,
    /// Memory of a returned block, for reuse.
    spare: (Vec<u8>, Index),
    over: bool,
    /// Whether the remaining text is parsed once more.
    again: bool,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(
        from: R,
        dialect: Dialect,
        step: usize,
        place: u64,
        end: Option<u64>,
    ) -> Self {
        Self {
            from,
            dialect,
            step: step.max(1),
            place,
            end,
            text: Vec::new(),
            spare: Default::default(),
            over: false,
            again: false,
        }
    }

    /// Takes the memory of a block for reuse.
    pub(crate) fn give_back(&mut self, block: Block) {
        if !block.bare {
            self.spare =
                (block.data, Index { bounds: block.bounds, rows: block.rows, quoted: false });
        }
    }

    /// Returns the next rows; a block may be empty.
    pub(crate) fn next(&mut self) -> Result<Option<Block>, Stop> {
        let mut wanted = self.step;
        while !self.over {
            let eof = self.fill(wanted).map_err(Stop::Io)?;
            if eof && self.text.is_empty() {
                self.over = true;
                return Ok(None);
            }
            let (mut block, used) = self.cut(eof)?;
            if used == 0 && !eof {
                wanted = self.text.len().max(self.step);
                if self.text.len() > LONGEST {
                    return Err(Stop::TooLong(self.place));
                }
                continue;
            }
            block.origin = self.place;
            block.trim = self.dialect.skip_initial_space && !block.bare;
            self.place += used as u64;
            self.over = eof && !std::mem::take(&mut self.again);
            self.keep_own(&mut block);
            return Ok(Some(block));
        }
        Ok(None)
    }

    /// Drops the rows that start behind the end.
    fn keep_own(&mut self, block: &mut Block) {
        let Some(end) = self.end else { return };
        self.over |= self.place > end;
        if self.over && block.rows.len().checked_sub(1).is_some_and(|last| block.place(last) > end)
        {
            let (mut low, mut high) = (0, block.rows.len());
            while low < high {
                let middle = usize::midpoint(low, high);
                if block.place(middle) > end { high = middle } else { low = middle + 1 }
            }
            block.rows.truncate(low);
        }
    }

    /// Reads more text. Returns whether the end of the file was reached.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        let here = self.place + self.text.len() as u64;
        // Behind the end, only the rest of one row is needed.
        let wanted = match self.end {
            Some(end) if end > here => wanted.min((end - here) as usize + 4096),
            Some(_) => wanted.min(64 << 10),
            None => wanted,
        };
        self.text.reserve(wanted + 1);
        let read = self.from.by_ref().take(wanted as u64).read_to_end(&mut self.text)?;
        Ok(read < wanted)
    }

    /// Moves the complete rows of the text into a block. Also returns the number of their bytes.
    fn cut(&mut self, eof: bool) -> Result<(Block, usize), Stop> {
        let marks = self.dialect.plain();
        let added = eof && marks.is_some() && !matches!(self.text.last(), Some(b'\n' | b'\r'));
        if added {
            self.text.push(b'\n');
        }
        let (mut data, mut index) = std::mem::take(&mut self.spare);
        let regular = marks.is_some_and(|marks| scan::index(&self.text, marks, &mut index).is_ok());
        if regular && !(eof && index.end() < self.text.len()) {
            let used = index.end();
            data.clear();
            data.extend_from_slice(&self.text[used..]);
            // The rest becomes the text, and the text becomes the block's data.
            std::mem::swap(&mut data, &mut self.text);
            data.truncate(used);
            return Ok((
                Block::scanned(data, index, self.dialect.quote),
                used - usize::from(added),
            ));
        }
        if added {
            self.text.pop();
        }
        let (mut block, used) = self.dialect.rows(&self.text, eof);
        if eof && block.open_quote {
            let place = block.places.last().copied().unwrap_or(0);
            if place == 0 || block.rows.len() < 2 {
                return Err(Stop::OpenQuote(self.place + place));
            }
            // The rows before it are returned first.
            block.rows.pop();
            block.places.pop();
            block.open_quote = false;
            self.text.drain(..place as usize);
            self.again = true;
            return Ok((block, place as usize));
        }
        block.open_quote = false;
        self.text.drain(..used);
        Ok((block, used))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns all rows, as the text of their fields, with their offsets.
    fn rows(text: &[u8], dialect: &Dialect, step: usize) -> Vec<(u64, Vec<String>)> {
        let mut blocks = Blocks::new(text, dialect.clone(), step, 0, None);
        let (mut all, mut scratch) = (Vec::new(), Vec::new());
        while let Some(block) = blocks.next().unwrap() {
            for (i, row) in block.rows.iter().enumerate() {
                let field = |j| {
                    String::from_utf8_lossy(block.field(*row, j, &mut scratch).unwrap())
                        .into_owned()
                };
                all.push((block.place(i), (0..row.fields).map(field).collect()));
            }
            blocks.give_back(block);
        }
        all
    }

    #[test]
    fn any_step_gives_the_same_rows() {
        let text = b"id,text\r\n1,\"two\nlines, \"\"said\"\"\"\n\n2,5\" pipe\r3,\"\"\n4,last";
        for dialect in [Dialect::default(), Dialect { comment: Some(b'#'), ..Dialect::default() }] {
            let want = rows(text, &dialect, 1 << 20);
            assert_eq!(want.len(), 5);
            assert_eq!(want[1], (9, vec!["1".to_owned(), "two\nlines, \"said\"".to_owned()]));
            assert_eq!(want[4].1, ["4", "last"]);
            for step in [1, 2, 3, 7, 64] {
                assert_eq!(rows(text, &dialect, step), want, "step {step}");
            }
        }
        let mut open = Blocks::new(&b"a\n\"b\nc"[..], Dialect::default(), 4, 0, None);
        let stop = std::iter::from_fn(|| open.next().transpose()).find_map(Result::err);
        assert!(matches!(stop, Some(Stop::OpenQuote(2))), "{stop:?}");
    }
}
