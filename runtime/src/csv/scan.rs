//! Finds the ends of fields and rows in plain CSV: 64 bytes at a time become bit masks, in which
//! quoted text is masked out. The widest SIMD instructions of the processor are selected at run
//! time.
//!
//! The algorithm is that of Langdale and Lemire, "Parsing gigabytes of JSON per second", VLDB
//! Journal 28 (2019), for CSV.
#![allow(unsafe_code)]

/// The separator and the quote character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delimiters {
    pub(crate) sep: u8,
    pub(crate) quote: Option<u8>,
}

/// A row: the index of its first field, and the number of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) first: u32,
    pub(crate) fields: u32,
}

/// The fields of a text: field `j` starts at `bounds[j]` and ends one byte before `bounds[j + 1]`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) bounds: Vec<u32>,
    pub(crate) rows: Vec<Row>,
    /// Whether there are quotes.
    pub(crate) quoted: bool,
}

impl Index {
    /// Returns the bytes of the complete rows, including blank lines.
    pub(crate) fn end(&self) -> usize {
        self.bounds.last().map_or(0, |b| *b as usize)
    }
}

/// A quote that a plain scan cannot interpret, such as one inside of an unquoted field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Irregular;

/// The special characters in a word of 64 bytes: bit `i` represents byte `i`.
#[derive(Clone, Copy)]
struct Masks {
    ends: u64,
    lines: u64,
    quotes: u64,
}

/// Writes the fields and rows of `data` to `out`, whose memory is reused. The text starts with a
/// row; text after the last line end is ignored. Blank lines are not rows.
pub(crate) fn index(data: &[u8], marks: Delimiters, out: &mut Index) -> Result<(), Irregular> {
    rows(data, marks, out)?;
    // A line of blanks counts as empty.
    let is_blank =
        |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b' ' | b'\t') && *b != marks.sep);
    let bounds = &out.bounds;
    out.rows.retain(|r| {
        r.fields > 1
            || !is_blank(
                &data[bounds[r.first as usize] as usize..bounds[r.first as usize + 1] as usize - 1],
            )
    });
    Ok(())
}

fn rows(data: &[u8], marks: Delimiters, out: &mut Index) -> Result<(), Irregular> {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            // SAFETY: the condition above checked the function's target features.
            return unsafe { index_avx512(data, marks, out) };
        }
        if has_avx2() {
            // SAFETY: as above.
            return unsafe { index_avx2(data, marks, out) };
        }
    }
    walk(data, out, |word| masks(word, marks), note)
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    has_avx2()
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi2")
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn index_avx2(data: &[u8], marks: Delimiters, out: &mut Index) -> Result<(), Irregular> {
    let masks = masks_avx2(marks);
    walk(data, out, masks, note)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,bmi2,popcnt")]
fn index_avx512(data: &[u8], marks: Delimiters, out: &mut Index) -> Result<(), Irregular> {
    use std::arch::x86_64::{
        __m128i, _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask,
        _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512,
        _mm512_maskz_compress_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_storeu_si512,
    };
    let [sep, quote, line, back] =
        [marks.sep, marks.quote.unwrap_or(0), b'\n', b'\r'].map(|b| _mm512_set1_epi8(b as i8));
    let mask = if marks.quote.is_some() { !0 } else { 0 };
    let masks = |word: &[u8; 64]| {
        // SAFETY: there are 64 bytes; the load needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(word.as_ptr().cast()) };
        let lines = _mm512_cmpeq_epi8_mask(bytes, line) | _mm512_cmpeq_epi8_mask(bytes, back);
        let ends = _mm512_cmpeq_epi8_mask(bytes, sep) | lines;
        Masks { ends, lines, quotes: _mm512_cmpeq_epi8_mask(bytes, quote) & mask }
    };
    let numbers: [u8; 64] = std::array::from_fn(|i| i as u8 + 1);
    // SAFETY: as above.
    let numbers = unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) };
    // The offsets of the ends are compressed, and widened to integers sixteen at a time.
    let note = |bounds: &mut [u32; 64], base: u32, ends: u64| {
        let places = _mm512_maskz_compress_epi8(ends, numbers);
        let base = _mm512_set1_epi32(base as i32);
        let write = |to: &mut [u32], sixteen: __m128i| {
            let to: &mut [u32; 16] = to.first_chunk_mut().expect("there is room for sixteen");
            // SAFETY: there are 64 bytes; the store needs no alignment.
            unsafe {
                _mm512_storeu_si512(
                    to.as_mut_ptr().cast(),
                    _mm512_add_epi32(_mm512_cvtepu8_epi32(sixteen), base),
                )
            };
        };
        write(&mut bounds[..], _mm512_castsi512_si128(places));
        if ends.count_ones() > 16 {
            write(&mut bounds[16..], _mm512_extracti32x4_epi32::<1>(places));
            write(&mut bounds[32..], _mm512_extracti32x4_epi32::<2>(places));
            write(&mut bounds[48..], _mm512_extracti32x4_epi32::<3>(places));
        }
    };
    walk(data, out, masks, note)
}

/// Scans the words of a text without recording its fields. Returns the state at its end.
pub(crate) fn carry(
    words: &[[u8; 64]],
    marks: Delimiters,
    from: Carry,
) -> Result<Carry, Irregular> {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the condition above checked the function's target features.
        return unsafe { carry_avx2(words, marks, from) };
    }
    carry_over(words, from, |word| masks(word, marks))
}

#[inline(always)]
fn carry_over(
    words: &[[u8; 64]],
    mut carry: Carry,
    masks: impl Fn(&[u8; 64]) -> Masks,
) -> Result<Carry, Irregular> {
    for word in words {
        carry.outside(masks(word))?;
    }
    Ok(carry)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn carry_avx2(words: &[[u8; 64]], marks: Delimiters, from: Carry) -> Result<Carry, Irregular> {
    let masks = masks_avx2(marks);
    carry_over(words, from, masks)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn masks_avx2(marks: Delimiters) -> impl Fn(&[u8; 64]) -> Masks {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };
    let [sep, quote, line, back] =
        [marks.sep, marks.quote.unwrap_or(0), b'\n', b'\r'].map(|b| _mm256_set1_epi8(b as i8));
    let half = move |at: *const u8| {
        // SAFETY: both callers point to 32 bytes of one array; the load needs no alignment.
        let bytes: __m256i = unsafe { _mm256_loadu_si256(at.cast()) };
        let lines = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, line), _mm256_cmpeq_epi8(bytes, back));
        let ends = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, sep), lines);
        let bits = |m| u64::from(_mm256_movemask_epi8(m) as u32);
        (bits(ends), bits(lines), bits(_mm256_cmpeq_epi8(bytes, quote)))
    };
    let mask = if marks.quote.is_some() { !0 } else { 0 };
    move |word: &[u8; 64]| {
        let (a, b) = (half(word.as_ptr()), half(word[32..].as_ptr()));
        Masks { ends: a.0 | b.0 << 32, lines: a.1 | b.1 << 32, quotes: (a.2 | b.2 << 32) & mask }
    }
}

/// Computes the masks without SIMD instructions: eight bytes at a time.
fn masks(word: &[u8; 64], marks: Delimiters) -> Masks {
    let equal = |byte: u8| {
        let wanted = u64::from_le_bytes([byte; 8]);
        word.as_chunks::<8>().0.iter().enumerate().fold(0, |mask, (i, eight)| {
            mask | zeros(u64::from_le_bytes(*eight) ^ wanted) << (8 * i)
        })
    };
    let lines = equal(b'\n') | equal(b'\r');
    Masks { ends: equal(marks.sep) | lines, lines, quotes: marks.quote.map_or(0, equal) }
}

/// Returns a bit for each of eight bytes, set where the byte is zero.
fn zeros(x: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let high = !(((x & LOW) + LOW) | x | LOW);
    // The product gathers the eight bits in the highest byte.
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Computes the prefix xor: each bit tells whether it is inside of quotes.
#[inline(always)]
fn parity(mut x: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        x ^= x << shift;
    }
    x
}

/// The state at the end of a word: facts about its last byte.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carry {
    pub(crate) inside: bool,
    /// It ended a field, as does the start of the text.
    pub(crate) ended: bool,
    /// It was a closing quote.
    pub(crate) closed: bool,
}

impl Carry {
    /// Returns the ends that are not inside of quotes.
    #[inline(always)]
    fn outside(&mut self, m: Masks) -> Result<u64, Irregular> {
        let after = parity(m.quotes) ^ if self.inside { !0 } else { 0 };
        let before = after ^ m.quotes;
        let (opening, closing) = (m.quotes & !before, m.quotes & before);
        let ends = m.ends & !after;
        let after_end = ends << 1 | u64::from(self.ended);
        let after_close = closing << 1 | u64::from(self.closed);
        if opening & !(after_end | after_close) | after_close & !(ends | opening) != 0 {
            return Err(Irregular);
        }
        *self =
            Self { inside: after >> 63 == 1, ended: ends >> 63 == 1, closed: closing >> 63 == 1 };
        Ok(ends)
    }
}

/// Number of offsets by which the list of ends grows.
const ROOM: usize = 4096;

/// Writes the offsets behind the ends of a word, eight at a time: their number is hard to predict,
/// and surplus entries are overwritten.
#[inline(always)]
fn note(bounds: &mut [u32; 64], base: u32, mut ends: u64) {
    let count = ends.count_ones() as usize;
    for eight in bounds.as_chunks_mut::<8>().0.iter_mut().take(count.div_ceil(8).max(1)) {
        for bound in eight {
            *bound = base + ends.trailing_zeros() + 1;
            ends &= ends.wrapping_sub(1);
        }
    }
}

#[inline(always)]
fn walk(
    data: &[u8],
    out: &mut Index,
    masks: impl Fn(&[u8; 64]) -> Masks,
    note: impl Fn(&mut [u32; 64], u32, u64),
) -> Result<(), Irregular> {
    out.rows.clear();
    out.quoted = false;
    out.bounds.resize(out.bounds.len().max(ROOM), 0);
    out.bounds[0] = 0;
    let (mut found, mut first) = (1, 0u32);
    let mut carry = Carry { ended: true, ..Carry::default() };
    let (words, rest) = data.as_chunks::<64>();
    let mut last = [0; 64];
    last[..rest.len()].copy_from_slice(rest);
    let tail = (!rest.is_empty()).then_some((&last, (1u64 << rest.len()) - 1));
    for (i, (word, valid)) in words.iter().map(|w| (w, !0)).chain(tail).enumerate() {
        let mut m = masks(word);
        (m.ends, m.lines, m.quotes) = (m.ends & valid, m.lines & valid, m.quotes & valid);
        if m.quotes != 0 || carry.inside || carry.closed {
            out.quoted = true;
            m.ends = carry.outside(m)?;
        } else {
            carry.ended = m.ends >> 63 == 1;
        }
        let base = (i * 64) as u32;
        let mut lines = m.lines & m.ends;
        let at = found as u32;
        if out.bounds.len() < found + 64 {
            out.bounds.resize(found + ROOM, 0);
        }
        // The list has been extended above.
        note(
            out.bounds[found..].first_chunk_mut().expect("there is room for a word"),
            base,
            m.ends,
        );
        found += m.ends.count_ones() as usize;
        while lines != 0 {
            let bit = lines & lines.wrapping_neg();
            // The field that this line end closes.
            let field = at + (m.ends & (bit - 1)).count_ones();
            let fields = field - first;
            if fields > 1 || out.bounds[field as usize] - out.bounds[first as usize] > 1 {
                out.rows.push(Row { first, fields });
            }
            first = field;
            lines ^= bit;
        }
    }
    out.bounds.truncate(first as usize + 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Generates random texts of separators, quotes and a few letters, many short and some long.
    fn texts() -> Vec<Vec<u8>> {
        use rand::{RngExt, SeedableRng};
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        let letters = b"ab,,\n\n\r\"\"";
        let mut text =
            |n: usize| (0..n).map(|_| letters[random.random_range(0..letters.len())]).collect();
        let mut all: Vec<Vec<u8>> = (0..2000).map(|i| text(i % 12)).collect();
        all.extend((0..300).map(|i| text(i * 3)));
        all.push(b"x,y\n".repeat(1000));
        all.push(b"\"a\n,b\",\"\"\"\"\r\n".repeat(1000));
        all
    }

    type Way = unsafe fn(&[u8], Delimiters, &mut Index) -> Result<(), Irregular>;

    /// Returns the SIMD implementations, and whether the processor supports each.
    fn ways() -> Vec<(fn() -> bool, Way)> {
        #[cfg(target_arch = "x86_64")]
        return vec![(has_avx2, index_avx2 as Way), (has_avx512, index_avx512 as Way)];
        #[cfg(not(target_arch = "x86_64"))]
        Vec::new()
    }

    #[test]
    fn all_ways_find_the_same() {
        let mut regular = 0;
        for text in texts() {
            for quote in [None, Some(b'"')] {
                let marks = Delimiters { sep: b',', quote };
                let (mut portable, mut fast) = (Index::default(), Index::default());
                let ended = walk(&text, &mut portable, |w| masks(w, marks), note);
                for (has, way) in ways() {
                    if has() {
                        // SAFETY: the condition above checked the function's target features.
                        let fast_ended = unsafe { way(&text, marks, &mut fast) };
                        assert_eq!(fast_ended, ended, "{:?}", String::from_utf8_lossy(&text));
                        assert!(
                            ended.is_err() || fast == portable,
                            "{:?}",
                            String::from_utf8_lossy(&text)
                        );
                    }
                }
                regular += usize::from(ended.is_ok());
            }
        }
        assert!(regular > 1000, "only {regular} of the texts are regular");
    }

    #[test]
    fn zero_bytes_are_found_exactly() {
        for x in [
            0u64,
            1,
            0x80,
            0x0100,
            0xff00_ff00,
            0x8080_8080_8080_8080,
            0x0101_0101_0101_0101,
            u64::MAX,
            0x0000_0001_0000_0000,
        ] {
            let want =
                x.to_le_bytes().iter().enumerate().fold(0, |m, (i, b)| m | u64::from(*b == 0) << i);
            assert_eq!(zeros(x), want, "{x:#x}");
        }
    }
}
