//! Bytes to text: compression by the ending of the name, encodings by their labels, and what is done with bytes that are no
//! text.

use crate::error::{ErrorKind, Result};
use encoding_rs::{DecoderResult, Encoding};
use std::io::Read;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Bzip2,
    Zstd,
    Xz,
}

/// Names and endings. THE table.
const COMPRESSIONS: [(&str, &[&str], Compression); 5] = [
    ("none", &[], Compression::None),
    ("gzip", &["gz", "gzip"], Compression::Gzip),
    ("bz2", &["bz2"], Compression::Bzip2),
    ("zstd", &["zst", "zstd"], Compression::Zstd),
    ("xz", &["xz", "lzma"], Compression::Xz),
];

impl Compression {
    /// By the ending of a file's name.
    pub(super) fn of_name(name: &str) -> Self {
        let path = if crate::fs::is_remote(name) { name.split(['?', '#']).next().unwrap_or(name) } else { name };
        let ending = path.rsplit('.').next().unwrap_or_default().to_lowercase();
        COMPRESSIONS.iter().find(|(_, endings, _)| endings.contains(&ending.as_str())).map_or(Self::None, |(_, _, c)| *c)
    }

    /// By its name; `None` for `"infer"`.
    pub(super) fn named(name: &str) -> Result<Option<Self>> {
        if name == "infer" {
            return Ok(None);
        }
        let known = COMPRESSIONS.iter().find(|(n, endings, _)| *n == name || endings.contains(&name));
        let names = || COMPRESSIONS.map(|(n, ..)| format!("{n:?}")).join(", ");
        let message = || format!("{name:?} is not known; there are \"infer\" (by the ending of the name), {}", names());
        Ok(Some(known.ok_or_else(|| ErrorKind::BadArgument { method: "compression".to_owned(), message: message() })?.2))
    }

    /// What was compressed; several members one after the other are read as one.
    pub(super) fn reader(self, from: impl Read + Send + 'static) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::None => Box::new(from),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(from)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(from)?),
            Self::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(from)),
        })
    }
}

/// What is done with bytes that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    Strict,
    Replace,
    Ignore,
}

impl Errors {
    pub(super) fn named(name: &str) -> Result<Self> {
        match name {
            "strict" => Ok(Self::Strict),
            "replace" => Ok(Self::Replace),
            "ignore" => Ok(Self::Ignore),
            _ => {
                let message = format!("{name:?} is not known; there are \"strict\", \"replace\" and \"ignore\"");
                Err(ErrorKind::BadArgument { method: "errors".to_owned(), message }.into())
            }
        }
    }
}

/// How bytes become text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder {
    encoding: Charset,
    errors: Errors,
    /// The byte order is told by the mark.
    by_mark: bool,
}

#[derive(Debug, Clone, Copy)]
enum Charset {
    /// Every byte is the character of its number; the labels for it mean Windows' code page to browsers.
    Latin1,
    Known(&'static Encoding),
}

impl Decoder {
    #[cfg(test)]
    pub(super) const UTF_8: Self = Self { encoding: Charset::Known(encoding_rs::UTF_8), errors: Errors::Strict, by_mark: false };

    pub(super) fn new(label: &str, errors: Errors) -> Result<Self> {
        let name: String = label.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let encoding = match name.as_str() {
            "latin1" | "iso88591" | "l1" => Charset::Latin1,
            _ => {
                let message = || {
                    format!(
                        "the encoding {label:?} is not known; labels are those of the Encoding Standard, such as \"utf-8\", \"windows-1252\", \"utf-16le\", \"shift_jis\""
                    )
                };
                let with_dashes = label.replace('_', "-");
                let known = Encoding::for_label(label.as_bytes()).or_else(|| Encoding::for_label(with_dashes.as_bytes()));
                Charset::Known(known.ok_or_else(|| ErrorKind::BadArgument { method: "encoding".to_owned(), message: message() })?)
            }
        };
        Ok(Self { encoding, errors, by_mark: name == "utf16" })
    }

    /// Takes the byte order mark of this encoding from the start of a text; its length. For UTF-16 it tells the order.
    pub(super) fn take_mark(&mut self, bytes: &mut Vec<u8>) -> usize {
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

    /// Whether a character of the delimiter is never part of another one's bytes.
    pub(super) fn is_utf8(self) -> bool {
        matches!(self.encoding, Charset::Known(e) if e == encoding_rs::UTF_8)
    }

    /// Whether the bytes of a line end are always those of ASCII, and never part of another character.
    pub(super) fn is_ascii_based(self) -> bool {
        !matches!(self.encoding, Charset::Known(e) if e == encoding_rs::UTF_16LE || e == encoding_rs::UTF_16BE || e == encoding_rs::ISO_2022_JP)
    }

    /// The text of bytes that begin at `offset` of the file.
    pub(super) fn decode(self, bytes: Vec<u8>, path: &str, offset: u64) -> Result<String> {
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

    fn other(self, encoding: &'static Encoding, bytes: &[u8], path: &str, offset: u64) -> Result<String> {
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let mut text = String::with_capacity(bytes.len() * 2);
        let mut at = 0;
        loop {
            text.reserve(decoder.max_utf8_buffer_length_without_replacement(bytes.len() - at).unwrap_or(bytes.len()));
            let (result, read) = decoder.decode_to_string_without_replacement(&bytes[at..], &mut text, true);
            at += read;
            match result {
                DecoderResult::InputEmpty => return Ok(text),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, after) => {
                    let bad = at - usize::from(length) - usize::from(after);
                    match self.errors {
                        Errors::Strict => return Err(invalid(path, offset + bad as u64, bytes[bad], encoding.name())),
                        Errors::Replace => text.push(char::REPLACEMENT_CHARACTER),
                        Errors::Ignore => {}
                    }
                }
            }
        }
    }
}

fn invalid(path: &str, offset: u64, byte: u8, encoding: &str) -> crate::error::Error {
    ErrorKind::InvalidText { path: path.to_owned(), offset, byte, encoding: encoding.to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_told_replaced_or_left_out() {
        let bytes = b"ab\xffcd".to_vec();
        let with = |label: &str, errors| Decoder::new(label, errors).unwrap().decode(bytes.clone(), "f.txt", 100);
        let e = with("utf-8", Errors::Strict).unwrap_err().to_string();
        assert!(e.contains("f.txt") && e.contains("byte 102") && e.contains("0xFF") && e.contains("replace"), "{e}");
        assert_eq!(with("utf8", Errors::Replace).unwrap(), "ab\u{fffd}cd");
        assert_eq!(with("UTF-8", Errors::Ignore).unwrap(), "abcd");
        assert_eq!(with("latin1", Errors::Strict).unwrap(), "abÿcd");
        let e = Decoder::new("shift_jis", Errors::Strict).unwrap().decode(b"a\x82".to_vec(), "f", 0).unwrap_err().to_string();
        assert!(e.contains("byte 1") && e.contains("Shift_JIS"), "{e}");
        assert_eq!(Decoder::new("utf-16le", Errors::Strict).unwrap().decode(b"a\0b\0".to_vec(), "f", 0).unwrap(), "ab");
        assert!(Decoder::new("klingon", Errors::Strict).is_err() && Errors::named("lenient").is_err());
    }

    #[test]
    fn compressions_are_known_by_name_and_ending() {
        for (name, endings, compression) in COMPRESSIONS {
            assert_eq!(Compression::named(name).unwrap(), Some(compression));
            for ending in endings {
                assert_eq!(Compression::of_name(&format!("a.txt.{}", ending.to_uppercase())), compression);
            }
        }
        assert_eq!(Compression::of_name("https://x.org/a.gz?x=1"), Compression::Gzip);
        assert_eq!(Compression::named("infer").unwrap(), None);
        assert!(Compression::named("rar").unwrap_err().to_string().contains("\"gzip\""));
    }
}
