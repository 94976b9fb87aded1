//! The history: every numbered cell of every session, in one JSON Lines file beside the installed
//! runtimes. Several kernels may write to it at a time, so each locks the file while it writes.

use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file larger than this many bytes loses its older half when a kernel starts.
const LARGE: u64 = 8 << 20;

/// A cell: its session, its number in the session, its text, and the text of its value.
type Entry = (i64, i64, String, Option<String>);

/// The history, and this session's number in it.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    session: i64,
}

impl History {
    /// Opens the history in the folder `home`; if the file cannot be written, no history is kept.
    pub(crate) fn open(home: &Path) -> Self {
        let path = home.join("history.jsonl");
        let session = Self::begin(&path).unwrap_or_else(|e| {
            eprintln!("rask: cannot write the history: {e}");
            1
        });
        Self { path, session }
    }

    /// Takes the next session number, by writing a line without a cell.
    fn begin(path: &Path) -> Result<i64> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        locked(path, |file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let last = entries(&String::from_utf8_lossy(&bytes)).map(|e| e.0).max().unwrap_or(0);
            if bytes.len() as u64 > LARGE {
                let half = bytes.len() / 2;
                let start = bytes[half..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |i| half + i + 1);
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&bytes[start..])?;
            }
            // Ends a line that was cut short.
            if bytes.last().is_some_and(|b| *b != b'\n') {
                file.write_all(b"\n")?;
            }
            file.write_all(line(last + 1, 0, "", None).as_bytes())?;
            Ok(last + 1)
        })
    }

    /// Adds a cell of this session.
    pub(crate) fn add(&self, number: u32, input: &str, output: Option<&str>) {
        let added = locked(&self.path, |file| {
            file.seek(SeekFrom::End(0))?;
            file.write_all(line(self.session, i64::from(number), input, output).as_bytes())
        });
        if let Err(e) = added {
            eprintln!("rask: cannot write the history: {e}");
        }
    }

    /// Answers a `history_request`; returns the content of the reply.
    pub(crate) fn answer(&self, request: &Value) -> Value {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<Entry> = entries(&text).filter(|e| e.1 > 0).collect();
        let number = |key: &str| request[key].as_i64();
        let found = match request["hist_access_type"].as_str() {
            Some("range") => {
                // Session 0 is this one; negative numbers count back from it.
                let asked = number("session").unwrap_or(0);
                let session = if asked > 0 { asked } else { self.session + asked };
                let (start, stop) =
                    (number("start").unwrap_or(0), number("stop").unwrap_or(i64::MAX));
                all.into_iter().filter(|e| e.0 == session && e.1 >= start && e.1 < stop).collect()
            }
            Some("search") => {
                let pattern = request["pattern"].as_str().unwrap_or("*");
                let mut found: Vec<Entry> =
                    all.into_iter().filter(|e| matches(pattern, &e.2)).collect();
                if request["unique"].as_bool() == Some(true) {
                    let mut seen = std::collections::HashSet::new();
                    found.reverse();
                    found.retain(|e| seen.insert(e.2.clone()));
                    found.reverse();
                }
                last(found, number("n"))
            }
            _ => last(all, number("n")),
        };
        let with_output = request["output"].as_bool() == Some(true);
        let shown = found.into_iter().map(|(session, line, input, output)| {
            if with_output {
                json!([session, line, [input, output]])
            } else {
                json!([session, line, input])
            }
        });
        json!({ "status": "ok", "history": shown.collect::<Vec<_>>() })
    }
}

/// Returns the last `n`, or all.
fn last(mut entries: Vec<Entry>, n: Option<i64>) -> Vec<Entry> {
    let n = n.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    entries.split_off(entries.len().saturating_sub(n))
}

fn line(session: i64, number: i64, input: &str, output: Option<&str>) -> String {
    format!("{}\n", json!([session, number, input, output]))
}

/// Reads the entries of the file; invalid lines, as left by a kernel that was killed while writing,
/// are skipped.
fn entries(text: &str) -> impl Iterator<Item = Entry> {
    text.lines().filter_map(|l| serde_json::from_str(l).ok())
}

fn locked<T>(path: &Path, work: impl FnOnce(&mut File) -> std::io::Result<T>) -> Result<T> {
    let run = || {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        work(&mut file)
    };
    run().map_err(Error::file(path))
}

/// Returns whether `text` matches a pattern, in which `*` stands for anything and `?` for one
/// character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = back {
            // The star consumes one more character.
            back = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(history: &History, request: Value) -> Vec<String> {
        let answer = history.answer(&request);
        answer["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e[2].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn sessions_follow_each_other() {
        let home = tempfile::tempdir().unwrap();
        let first = History::open(home.path());
        first.add(1, "let a = 1;", None);
        first.add(2, "a + 1", Some("2"));
        std::fs::OpenOptions::new()
            .append(true)
            .open(home.path().join("history.jsonl"))
            .unwrap()
            .write_all(b"[1, 3, \"cut \xc3")
            .unwrap();
        let second = History::open(home.path());
        second.add(1, "a + 1", None);
        assert_eq!((first.session, second.session), (1, 2));
        let tail = |n: i64| json!({ "hist_access_type": "tail", "n": n });
        assert_eq!(inputs(&second, tail(2)), ["a + 1", "a + 1"]);
        assert_eq!(inputs(&second, tail(99)).len(), 3);
        assert_eq!(
            inputs(
                &second,
                json!({ "hist_access_type": "range", "session": -1, "start": 1, "stop": 2 })
            ),
            ["let a = 1;"]
        );
        assert_eq!(
            inputs(&second, json!({ "hist_access_type": "range", "session": 0 })),
            ["a + 1"]
        );
        let search = |unique: bool| json!({ "hist_access_type": "search", "pattern": "a*", "unique": unique });
        assert_eq!(
            (inputs(&second, search(false)).len(), inputs(&second, search(true)).len()),
            (2, 1)
        );
        let with_output = second.answer(
            &json!({ "hist_access_type": "range", "session": 1, "start": 2, "output": true }),
        );
        assert_eq!(with_output["history"], json!([[1, 2, ["a + 1", "2"]]]));
    }

    #[test]
    fn a_large_file_loses_its_older_half() {
        let home = tempfile::tempdir().unwrap();
        let history = History::open(home.path());
        let text = "é".repeat((1 << 19) + 1);
        (1..=10).for_each(|i| history.add(i, &text, None));
        let next = History::open(home.path());
        assert_eq!(next.session, 2);
        let left = inputs(&next, json!({ "hist_access_type": "tail" })).len();
        assert!((4..=5).contains(&left), "{left}");
    }

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("let*", "let a", true),
            ("*a?c*", "xxabcxx", true),
            ("a", "ab", false),
            ("a*b*c", "a1b2c", true),
            ("?", "é", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }
}
