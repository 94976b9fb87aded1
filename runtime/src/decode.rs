//! Bytes to text: compression by file extension, encodings by label, and the handling of invalid
//! bytes.

use crate::error::{ErrorKind, Result};
use encoding_rs::{DecoderResult, Encoding};
use std::io::Read;

/// The compression of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Bzip2,
    Zstd,
    Xz,
}

/// The names and file extensions of all compressions. THE table.
const COMPRESSIONS: [(&str, &[&str], Compression); 5] = [
    ("none", &[], Compression::None),
    ("gzip", &["gz", "gzip"], Compression::Gzip),
    ("bz2", &["bz2"], Compression::Bzip2),
    ("zstd", &["zst", "zstd"], Compression::Zstd),
    ("xz", &["xz", "lzma"], Compression::Xz),
];

impl Compression {
    /// Returns the compression of a file by its extension.
    pub(crate) fn of_name(name: &str) -> Self {
        let path = if crate::fs::is_remote(name) {
            name.split(['?', '#']).next().unwrap_or(name)
        } else {
            name
        };
        let ending = path.rsplit('.').next().unwrap_or_default().to_lowercase();
        COMPRESSIONS
            .iter()
            .find(|(_, endings, _)| endings.contains(&ending.as_str()))
            .map_or(Self::None, |(_, _, c)| *c)
    }

    /// Returns the compression of this name; `None` for `"infer"`.
    pub(crate) fn named(name: &str) -> Result<Option<Self>> {
        if name == "infer" {
            return Ok(None);
        }
        let known =
            COMPRESSIONS.iter().find(|(n, endings, _)| *n == name || endings.contains(&name));
        let names = || COMPRESSIONS.map(|(n, ..)| format!("{n:?}")).join(", ");
        let message = || {
            format!(
                "unknown compression {name:?}: expected \"infer\" (by the file extension), {}",
                names()
            )
        };
        Ok(Some(
            known
                .ok_or_else(|| ErrorKind::BadArgument {
                    method: "compression".to_owned(),
                    message: message(),
                })?
                .2,
        ))
    }

    /// Returns a reader of the decompressed bytes; concatenated members are read as one stream.
    pub(crate) fn reader(
        self,
        from: impl Read + Send + 'static,
    ) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::None => Box::new(from),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(from)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(from)?),
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(from)),
        })
    }
}

/// The handling of bytes that are not valid in the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errors {
    Strict,
    Replace,
    Ignore,
}

impl Errors {
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "strict" => Ok(Self::Strict),
            "replace" => Ok(Self::Replace),
            "ignore" => Ok(Self::Ignore),
            _ => {
                let message = format!(
                    "unknown error handler {name:?}: expected \"strict\", \"replace\" or \"ignore\""
                );
                Err(ErrorKind::BadArgument { method: "errors".to_owned(), message }.into())
            }
        }
    }

    /// Decodes bytes and appends them to `text`; `last`: no more bytes follow.
    fn decode(
        self,
        decoder: &mut encoding_rs::Decoder,
        bytes: &[u8],
        last: bool,
        text: &mut String,
    ) -> std::result::Result<(), Bad> {
        let mut at = 0;
        loop {
            let left = &bytes[at..];
            text.reserve(
                decoder
                    .max_utf8_buffer_length_without_replacement(left.len())
                    .unwrap_or(left.len()),
            );
            let (result, read) = decoder.decode_to_string_without_replacement(left, text, last);
            at += read;
            match (result, self) {
                (DecoderResult::InputEmpty, _) => return Ok(()),
                (DecoderResult::OutputFull, _) | (DecoderResult::Malformed(..), Self::Ignore) => {}
                (DecoderResult::Malformed(..), Self::Replace) => {
                    text.push(char::REPLACEMENT_CHARACTER)
                }
                (DecoderResult::Malformed(length, after), Self::Strict) => {
                    return Err(Bad {
                        behind: at - usize::from(after),
                        length: usize::from(length),
                    });
                }
            }
        }
    }
}

/// Decodes bytes to text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoder {
    encoding: Charset,
    errors: Errors,
    /// Whether the byte order mark determines the byte order.
    by_mark: bool,
}

#[derive(Debug, Clone, Copy)]
enum Charset {
    /// Every byte is the character of that code point; browsers read the labels of this encoding as
    /// windows-1252.
    Latin1,
    Known(&'static Encoding),
}

impl Decoder {
    #[cfg(test)]
    pub(crate) const UTF_8: Self = Self {
        encoding: Charset::Known(encoding_rs::UTF_8),
        errors: Errors::Strict,
        by_mark: false,
    };

    pub(crate) fn new(label: &str, errors: Errors) -> Result<Self> {
        let name: String =
            label.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let encoding = match name.as_str() {
            // Python's name for UTF-8 with a byte order mark, which is always removed here.
            "utf8sig" => Charset::Known(encoding_rs::UTF_8),
            "latin1" | "iso88591" | "l1" => Charset::Latin1,
            _ => {
                let message = || {
                    format!(
                        "unknown encoding {label:?}: expected a label of the Encoding Standard, such as \"utf-8\", \"windows-1252\", \"utf-16le\" or \"shift_jis\""
                    )
                };
                let with_dashes = label.replace('_', "-");
                let known = Encoding::for_label(label.as_bytes())
                    .or_else(|| Encoding::for_label(with_dashes.as_bytes()));
                Charset::Known(known.ok_or_else(|| ErrorKind::BadArgument {
                    method: "encoding".to_owned(),
                    message: message(),
                })?)
            }
        };
        Ok(Self { encoding, errors, by_mark: name == "utf16" })
    }

    /// Removes the byte order mark of this encoding from the start of a file and returns its
    /// length. For UTF-16 it determines the byte order.
    pub(crate) fn take_mark(&mut self, bytes: &mut Vec<u8>) -> usize {
        let Charset::Known(encoding) = &mut self.encoding else { return 0 };
        if self.by_mark && bytes.starts_with(b"\xfe\xff") {
            *encoding = encoding_rs::UTF_16BE;
        }
        let mark: &[u8] = match *encoding {
            e if e == encoding_rs::UTF_8 => b"\xef\xbb\xbf",
            e if e == encoding_rs::UTF_16LE => b"\xff\xfe",
            e if e == encoding_rs::UTF_16BE => b"\xfe\xff",
            _ => return 0,
        };
        let length = if bytes.starts_with(mark) { mark.len() } else { 0 };
        bytes.drain(..length);
        length
    }

    /// Returns whether the encoding is UTF-8, in which the bytes of a delimiter never occur inside
    /// of another character.
    pub(crate) fn is_utf8(self) -> bool {
        matches!(self.encoding, Charset::Known(e) if e == encoding_rs::UTF_8)
    }

    /// Returns whether invalid bytes are an error.
    pub(crate) fn is_strict(self) -> bool {
        self.errors == Errors::Strict
    }

    /// Returns whether line ends are encoded as in ASCII, and their bytes never occur inside of
    /// another character.
    pub(crate) fn is_ascii_based(self) -> bool {
        !matches!(self.encoding, Charset::Known(e) if e == encoding_rs::UTF_16LE || e == encoding_rs::UTF_16BE || e == encoding_rs::ISO_2022_JP)
    }

    /// Decodes bytes that start at `offset` of the file.
    pub(crate) fn decode(self, bytes: Vec<u8>, path: &str, offset: u64) -> Result<String> {
        match self.encoding {
            Charset::Latin1 => Ok(encoding_rs::mem::decode_latin1(&bytes).into_owned()),
            Charset::Known(e) if e == encoding_rs::UTF_8 => self.utf8(bytes, path, offset),
            Charset::Known(e) => self.other(e, &bytes, path, offset),
        }
    }

    fn utf8(self, bytes: Vec<u8>, path: &str, offset: u64) -> Result<String> {
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(e) if self.errors == Errors::Strict => {
                let at = e.utf8_error().valid_up_to();
                return Err(invalid(path, offset + at as u64, e.as_bytes()[at], "UTF-8"));
            }
            Err(e) => e.into_bytes(),
        };
        if self.errors == Errors::Replace {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(bytes.utf8_chunks().map(|c| c.valid()).collect())
    }

    fn other(
        self,
        encoding: &'static Encoding,
        bytes: &[u8],
        path: &str,
        offset: u64,
    ) -> Result<String> {
        let mut text = String::with_capacity(bytes.len() * 2);
        match self.errors.decode(
            &mut encoding.new_decoder_without_bom_handling(),
            bytes,
            true,
            &mut text,
        ) {
            Ok(()) => Ok(text),
            Err(Bad { behind, length }) => {
                let bad = behind - length;
                Err(invalid(path, offset + bad as u64, bytes[bad], encoding.name()))
            }
        }
    }
}

/// Invalid bytes: the offset behind them, and their number. They may start before the bytes that
/// were decoded last.
struct Bad {
    behind: usize,
    length: usize,
}

/// A reader that converts an encoding to UTF-8, without the byte order mark.
pub(crate) struct Transcode<R> {
    from: R,
    decoder: Decoder,
    /// Set after the byte order mark has been handled.
    state: Option<encoding_rs::Decoder>,
    bytes: Vec<u8>,
    text: String,
    given: usize,
    /// Offset in the file behind `bytes`.
    place: u64,
    over: bool,
}

impl<R: Read> Transcode<R> {
    pub(crate) fn new(from: R, decoder: Decoder) -> Self {
        Self {
            from,
            decoder,
            state: None,
            bytes: Vec::new(),
            text: String::new(),
            given: 0,
            place: 0,
            over: false,
        }
    }

    fn more(&mut self) -> std::io::Result<()> {
        const STEP: u64 = 256 << 10;
        let read = self.from.by_ref().take(STEP).read_to_end(&mut self.bytes)? as u64;
        self.over = read < STEP;
        self.place += read;
        self.text.clear();
        self.given = 0;
        if self.state.is_none() {
            self.decoder.take_mark(&mut self.bytes);
        }
        match self.decoder.encoding {
            Charset::Latin1 => self.text += &encoding_rs::mem::decode_latin1(&self.bytes),
            Charset::Known(encoding) => self.known(encoding)?,
        }
        self.bytes.clear();
        Ok(())
    }

    fn known(&mut self, encoding: &'static Encoding) -> std::io::Result<()> {
        let state = self.state.get_or_insert_with(|| encoding.new_decoder_without_bom_handling());
        self.decoder.errors.decode(state, &self.bytes, self.over, &mut self.text).map_err(|Bad { behind, length }| {
            let bad = self.place - (self.bytes.len() - behind) as u64 - length as u64;
            let name = encoding.name();
            let text = format!("not valid {name}: invalid byte at offset {bad}; help: set another encoding with encoding(..), or encoding_errors(\"replace\") to read invalid bytes as U+FFFD");
            std::io::Error::new(std::io::ErrorKind::InvalidData, text)
        })
    }
}

impl<R: Read> Read for Transcode<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.text.len() && !self.over {
            self.more()?;
        }
        let n = to.len().min(self.text.len() - self.given);
        to[..n].copy_from_slice(&self.text.as_bytes()[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

fn invalid(path: &str, offset: u64, byte: u8, encoding: &str) -> crate::error::Error {
    ErrorKind::InvalidText { path: path.to_owned(), offset, byte, encoding: encoding.to_owned() }
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_told_replaced_or_left_out() {
        let bytes = b"ab\xffcd".to_vec();
        let with = |label: &str, errors| {
            Decoder::new(label, errors).unwrap().decode(bytes.clone(), "f.txt", 100)
        };
        let e = with("utf-8", Errors::Strict).unwrap_err().to_string();
        assert!(
            e.contains("f.txt")
                && e.contains("offset 102")
                && e.contains("0xFF")
                && e.contains("replace"),
            "{e}"
        );
        assert_eq!(with("utf8", Errors::Replace).unwrap(), "ab\u{fffd}cd");
        assert_eq!(with("UTF-8", Errors::Ignore).unwrap(), "abcd");
        assert_eq!(with("latin1", Errors::Strict).unwrap(), "abÿcd");
        let e = Decoder::new("shift_jis", Errors::Strict)
            .unwrap()
            .decode(b"a\x82".to_vec(), "f", 0)
            .unwrap_err()
            .to_string();
        assert!(e.contains("offset 1") && e.contains("Shift_JIS"), "{e}");
        assert_eq!(
            Decoder::new("utf-16le", Errors::Strict)
                .unwrap()
                .decode(b"a\0b\0".to_vec(), "f", 0)
                .unwrap(),
            "ab"
        );
        assert!(
            Decoder::new("klingon", Errors::Strict).is_err() && Errors::named("lenient").is_err()
        );
    }

    #[test]
    fn a_stream_is_decoded_as_the_whole_is() {
        let text: String = "naïve Straße \u{1f600} ".repeat(40_000);
        let latin = text.replace('\u{1f600}', "x");
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let (windows, ..) = encoding_rs::WINDOWS_1252.encode(&latin);
        for (label, bytes, want) in [
            ("utf-16", &utf16[..], &text),
            ("utf-8", text.as_bytes(), &text),
            ("cp1252", &windows[..], &latin),
        ] {
            let mut got = String::new();
            Transcode::new(bytes, Decoder::new(label, Errors::Strict).unwrap())
                .read_to_string(&mut got)
                .unwrap();
            assert!(got == *want, "{label}");
        }
        let mut bad = text.clone().into_bytes();
        bad[600_001] = 0xff;
        let e = Transcode::new(&bad[..], Decoder::UTF_8)
            .read_to_end(&mut Vec::new())
            .unwrap_err()
            .to_string();
        assert!(e.contains("UTF-8") && e.contains("offset 60000"), "{e}");
    }

    #[test]
    fn compressions_are_known_by_name_and_ending() {
        for (name, endings, compression) in COMPRESSIONS {
            assert_eq!(Compression::named(name).unwrap(), Some(compression));
            for ending in endings {
                assert_eq!(
                    Compression::of_name(&format!("a.txt.{}", ending.to_uppercase())),
                    compression
                );
            }
        }
        assert_eq!(Compression::of_name("https://x.org/a.gz?x=1"), Compression::Gzip);
        assert_eq!(Compression::named("infer").unwrap(), None);
        assert!(Compression::named("rar").unwrap_err().to_string().contains("\"gzip\""));
    }
}
