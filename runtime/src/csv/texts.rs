//! Conversion of fields to an array of string views. Strings of up to twelve bytes, which most are,
//! are stored in the view itself and moved as one integer; longer ones are copied into one buffer,
//! so that no array keeps the block that it was read from in memory.
#![allow(unsafe_code)]

use super::block::{Block, Misfit, nulls};
use super::scan::Row;
use super::value::{Field, Values};
use arrow::array::{Array, AsArray, MAX_INLINE_VIEW_LEN, StringViewArray, make_view};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// The highest bit of each byte, which is set in non-ASCII text.
const HIGH: u128 = 0x8080_8080_8080_8080_8080_8080_8080_8080;

/// Converts a column of the rows of a block to strings.
///
/// # Errors
/// Returns the first row whose bytes are not valid UTF-8.
pub(crate) fn texts(
    block: &Block,
    rows: &[Row],
    column: u32,
    values: &Values,
) -> Result<StringViewArray, Misfit> {
    let mut out = Texts::with_capacity(rows.len());
    let mut scratch = Vec::new();
    let plain = block.quote.is_none() && !block.trim;
    for row in rows {
        let field = if plain && column < row.fields {
            let (start, end) = block.ends(*row, column);
            Field { data: &block.data, start, end }
        } else if let Some(text) = block.field(*row, column, &mut scratch) {
            Field::of(text)
        } else {
            out.miss();
            continue;
        };
        if values.is_missing(field.text()) { out.miss() } else { out.push(field) }
    }
    out.finish()
}

/// Casts a column of strings to views.
pub(crate) fn views(array: &dyn Array) -> Result<StringViewArray, ArrowError> {
    let cast =
        |array: &dyn Array| cast(array, &DataType::Utf8View).map(|a| a.as_string_view().clone());
    match array.data_type() {
        // Not cast directly: a null among the dictionary's values would become an empty string.
        DataType::Dictionary(..) => cast(&arrow::compute::cast(array, &DataType::Utf8)?),
        _ => cast(array),
    }
}

#[derive(Default)]
struct Texts {
    views: Vec<u128>,
    missing: Vec<usize>,
    long: Vec<u8>,
    /// Bitwise or of the views of all short strings.
    seen: u128,
}

impl Texts {
    fn with_capacity(rows: usize) -> Self {
        Self { views: Vec::with_capacity(rows), ..Self::default() }
    }

    #[inline(always)]
    fn miss(&mut self) {
        self.missing.push(self.views.len());
        self.views.push(0);
    }

    #[inline(always)]
    fn push(&mut self, field: Field<'_>) {
        let view = field.short_view().unwrap_or_else(|| self.other(field.text()));
        self.seen |= view;
        self.views.push(view);
    }

    /// Builds the view of a string that is long, or too close to the end of the block.
    #[inline(never)]
    fn other(&mut self, text: &[u8]) -> u128 {
        let offset = self.long.len();
        if text.len() > MAX_INLINE_VIEW_LEN as usize {
            self.long.extend_from_slice(text);
        }
        // A block is shorter than 4 GiB.
        make_view(text, 0, offset as u32)
    }

    fn finish(self) -> Result<StringViewArray, Misfit> {
        let Self { views, missing, long, seen } = self;
        // Lengths and buffer offsets are included, which at worst causes a check of each string.
        let ascii = seen & HIGH == 0 && long.is_ascii();
        if !ascii && let Some(bad) = views.iter().position(|v| !is_text(*v, &long)) {
            return Err(Misfit(bad));
        }
        let nulls = nulls(&missing, views.len());
        let buffers = if long.is_empty() { Vec::new() } else { vec![Buffer::from_vec(long)] };
        // SAFETY: each view is either up to twelve bytes padded with zeros, or was built by
        // `make_view` for a string in the only buffer; the lines above checked that all are UTF-8.
        Ok(unsafe { StringViewArray::new_unchecked(ScalarBuffer::from(views), buffers, nulls) })
    }
}

fn is_text(view: u128, long: &[u8]) -> bool {
    let bytes = view.to_le_bytes();
    let length = view as u32 as usize;
    let text = if length <= MAX_INLINE_VIEW_LEN as usize {
        &bytes[4..4 + length]
    } else {
        let start = (view >> 96) as usize;
        &long[start..start + length]
    };
    std::str::from_utf8(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::dialect::Dialect;
    use crate::csv::value::MISSING;
    use arrow::array::{DictionaryArray, Int32Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn texts_are_what_arrow_makes_of_them() {
        let values = Values::new(MISSING.map(str::to_owned).to_vec(), &[], &[], b'.', None);
        for (quoted, letters) in
            [(false, ["x", "naïve ", "NA"]), (true, ["x", "a \"\"b\"\" ", "é"])]
        {
            let mut text = String::new();
            let mut want = Vec::new();
            for n in 0..300 {
                let own = letters[n % 3].repeat(n % 29 / if n % 3 == 2 { 28 } else { 1 });
                want.push((!MISSING.contains(&own.as_str())).then(|| own.replace("\"\"", "\"")));
                text += &if quoted { format!("{n},\"{own}\"\n") } else { format!("{n},{own}\n") };
            }
            let (block, _) = Dialect::default().rows(text.as_bytes(), true);
            let got = texts(&block, &block.rows, 1, &values).unwrap();
            got.to_data().validate_full().unwrap();
            assert_eq!(got, StringViewArray::from(want));
        }
    }

    #[test]
    fn missing_values_of_dictionaries_stay_missing() {
        let values = Arc::new(StringArray::from(vec![Some("a"), None]));
        let array = DictionaryArray::new(Int32Array::from(vec![Some(1), Some(0), None]), values);
        assert_eq!(views(&array).unwrap(), StringViewArray::from(vec![None, Some("a"), None]));
    }

    #[test]
    fn the_first_that_is_no_text() {
        let values = Values::new(Vec::new(), &[], &[], b'.', None);
        for (bad, good) in [
            ("\u{e9}", "short"),
            ("\u{e9} and more than twelve bytes", "long, more than twelve bytes"),
        ] {
            let mut text = format!("{good}\n{good}\n{good}\n").into_bytes();
            assert!(read(&text, &values).is_ok());
            // The second byte of a character alone.
            let bytes = bad.as_bytes();
            text.splice(2 * good.len() + 2..2 * good.len() + 2, bytes[1..].iter().copied());
            assert_eq!(read(&text, &values).unwrap_err(), Misfit(2));
        }
    }

    fn read(text: &[u8], values: &Values) -> Result<StringViewArray, Misfit> {
        let (block, _) = Dialect::default().rows(text, true);
        texts(&block, &block.rows, 0, values)
    }
}
