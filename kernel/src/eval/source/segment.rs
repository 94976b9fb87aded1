//! Splits a cell into Rust, magics (`%time`), evcxr's commands (`:dep`) and shell commands (`!ls`).
//! Only the text is parsed here; what a magic does is defined in the table of `magics`.

use crate::eval::source::split::{
    Completeness, Content, completeness as rust_completeness, content, ends_statement,
};
use std::ops::Range;

/// A segment of a cell; ranges are byte offsets into the cell's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) enum Segment {
    Rust(Range<usize>),
    /// Consecutive lines of evcxr's commands.
    Commands(Range<usize>),
    /// A command for the shell.
    Shell(Range<usize>),
    Magic(Call),
}

/// A call of a magic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) struct Call {
    /// The name, including its signs: `%time`, `%%sql`.
    pub(in crate::eval) name: String,
    /// The rest of its line.
    pub(in crate::eval) args: Range<usize>,
    /// The rest of the cell, for a magic with two signs.
    pub(in crate::eval) body: Range<usize>,
    /// A request for help: `%time?`.
    pub(in crate::eval) help: bool,
}

/// Splits a cell into segments, in order.
pub(in crate::eval) fn segments(text: &str) -> Vec<Segment> {
    let mut found = Vec::new();
    // The start of the current Rust segment.
    let mut rust = 0;
    let mut start = 0;
    let mut head = true;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let from = start + behind_comments(text, rust, start..end);
        // Inside of a comment a line is text, whatever it begins with.
        let at_head = head && kind(&text[rust..from]) != Content::OpenComment;
        let special = special(text, from..end, text[rust..from].trim(), at_head);
        if let Some(segment) = special {
            push_rust(text, rust..from, &mut found);
            let whole = matches!(&segment, Segment::Magic(c) if c.name.starts_with("%%"));
            match (segment, found.last_mut()) {
                (Segment::Commands(new), Some(Segment::Commands(before)))
                    if before.end == new.start =>
                {
                    before.end = new.end
                }
                (segment, _) => found.push(segment),
            }
            if whole {
                return found;
            }
            rust = end;
        } else {
            head = head && kind(&text[rust..end]) != Content::Code;
        }
        start = end;
    }
    push_rust(text, rust..text.len(), &mut found);
    found
}

fn push_rust(text: &str, range: Range<usize>, found: &mut Vec<Segment>) {
    // Comments alone are not compiled; one that is not terminated is an error that the compiler reports.
    if kind(&text[range.clone()]) != Content::Comments {
        found.push(Segment::Rust(range));
    }
}

/// Returns what a text consists of; most have no block comments and need no parser.
fn kind(text: &str) -> Content {
    if text.lines().all(|l| l.trim().is_empty() || l.starts_with("//")) {
        Content::Comments
    } else if text.contains("/*") {
        content(text, 0)
    } else {
        Content::Code
    }
}

/// Returns the length of the comments that a line begins with, if a magic or a command follows
/// them: `/* slow */ %time f()`. The Rust code before the line starts at `rust`.
fn behind_comments(text: &str, rust: usize, line: Range<usize>) -> usize {
    let words = &text[line.clone()];
    let ends = words.match_indices("*/").map(|(at, mark)| {
        let rest = &words[at + mark.len()..];
        words.len() - rest.trim_start_matches([' ', '\t']).len()
    });
    let marked = |at: &usize| words[*at..].starts_with(['%', '!', ':']);
    // Behind a line comment, all of the line is comment: a word there is not code.
    let after_comments = |at: &usize| {
        let before = &text[rust..line.start + at];
        let kind = |text: &str| content(text, line.start - rust);
        kind(before) == Content::Comments && kind(&format!("{before}x")) == Content::Code
    };
    ends.filter(marked).find(after_comments).unwrap_or(0)
}

/// Parses a line that is not Rust, after the Rust code `before`; at the `head` of the cell there is
/// no code yet.
fn special(text: &str, line: Range<usize>, before: &str, head: bool) -> Option<Segment> {
    let content = text[line.clone()].trim_end();
    let trimmed = content.trim_start_matches(' ');
    if head && trimmed.starts_with(':') && !trimmed.starts_with("::") {
        return Some(Segment::Commands(line));
    }
    if head && content.starts_with('!') {
        return Some(Segment::Shell(line.start + 1..line.start + content.len()));
    }
    if !content.starts_with('%') {
        return None;
    }
    // Checked last, as it parses all code before the line.
    let at_statement = head || ends_statement(before);
    let signs = content.bytes().take_while(|b| *b == b'%').count();
    let letters =
        content[signs..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let named = letters > 0 && content.as_bytes()[signs].is_ascii_alphabetic();
    if !at_statement
        || !named
        || signs == 0
        || signs > 2
        || signs == 2 && !(head || before.is_empty())
    {
        return None;
    }
    let name = content[..signs + letters].to_owned();
    let rest = &content[signs + letters..];
    let help = rest.starts_with('?');
    let skipped = rest.len() - rest.trim_start_matches([' ', '?']).len();
    let args = line.start + signs + letters + skipped..line.start + content.len();
    let body = if signs == 2 { line.end..text.len() } else { line.end..line.end };
    Some(Segment::Magic(Call { name, args, body, help }))
}

/// Returns the text with everything but Rust blanked out, byte for byte; `is_code` tells which
/// magics have Rust arguments.
pub(in crate::eval) fn rust_only(text: &str, is_code: impl Fn(&str) -> bool) -> String {
    let mut keep: Vec<Range<usize>> = Vec::new();
    for segment in segments(text) {
        match segment {
            Segment::Rust(range) => keep.push(range),
            Segment::Magic(call) if is_code(&call.name) && !call.help => {
                keep.extend([call.args, call.body])
            }
            _ => {}
        }
    }
    let kept = |i: usize| keep.iter().any(|k| k.contains(&i));
    text.char_indices()
        .flat_map(|(i, c)| if kept(i) || c == '\n' { vec![c] } else { vec![' '; c.len_utf8()] })
        .collect()
}

/// Returns whether a cell can be run as it is; `is_code` as in [`rust_only`].
pub(in crate::eval) fn completeness(text: &str, is_code: impl Fn(&str) -> bool) -> Completeness {
    rust_completeness(&rust_only(text, is_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part with its kind.
    fn parts(text: &str) -> Vec<(char, &str)> {
        segments(text)
            .into_iter()
            .map(|s| match s {
                Segment::Rust(r) => ('r', text[r].trim()),
                Segment::Commands(r) => (':', text[r].trim()),
                Segment::Shell(r) => ('!', &text[r]),
                Segment::Magic(c) => {
                    ('%', if c.name.starts_with("%%") { &text[c.body] } else { &text[c.args] })
                }
            })
            .collect()
    }

    #[test]
    fn parts_of_cells() {
        for (text, want) in [
            ("1 + 1", vec![('r', "1 + 1")]),
            ("%time f()", vec![('%', "f()")]),
            (
                "let v = g();\n%timeit v.len()\nv",
                vec![('r', "let v = g();"), ('%', "v.len()"), ('r', "v")],
            ),
            (":dep a\n:dep b\n\nlet x = 1;", vec![(':', ":dep a\n:dep b"), ('r', "let x = 1;")]),
            ("// note\n!ls -l\n!pwd\n1", vec![('!', "ls -l"), ('!', "pwd"), ('r', "1")]),
            ("%%sql\nselect 1\nfrom x", vec![('%', "select 1\nfrom x")]),
            ("let a = b\n%c;", vec![('r', "let a = b\n%c;")]),
            ("f(1\n%time\n)", vec![('r', "f(1\n%time\n)")]),
            ("let x = 1;\n!x", vec![('r', "let x = 1;\n!x")]),
            ("\"é\";\n%who", vec![('r', "\"é\";"), ('%', "")]),
            ("let v = 1; // one\n%who", vec![('r', "let v = 1; // one"), ('%', "")]),
            ("/* a;\n%who\n!ls\n*/\n7", vec![('r', "/* a;\n%who\n!ls\n*/\n7")]),
            ("/* slow */ %time f()", vec![('%', "f()")]),
            ("/* a */ /* b /* c */ */\t%who", vec![('%', "")]),
            ("/* a\n b */ !ls\n/* c */ :dep d\n7", vec![('!', "ls"), (':', ":dep d"), ('r', "7")]),
            ("/* a */\n/* b */\n!ls", vec![('!', "ls")]),
            (
                "g();\n/* a */ %time f()\nh()",
                vec![('r', "g();\n/* a */"), ('%', "f()"), ('r', "h()")],
            ),
            ("/* a */ %%sql\nselect 1", vec![('%', "select 1")]),
            ("let a = b\n/* c */ %d;", vec![('r', "let a = b\n/* c */ %d;")]),
            ("a; /* c */ %who", vec![('r', "a; /* c */ %who")]),
            ("\"\n/* c */ %who\n\"", vec![('r', "\"\n/* c */ %who\n\"")]),
            ("/* a */ \"*/ %who\"", vec![('r', "/* a */ \"*/ %who\"")]),
            ("// a */ %who", vec![]),
            ("/* c */ %time f(/* x */ 1)", vec![('%', "f(/* x */ 1)")]),
            ("/* c */ !ls /tmp/*/a", vec![('!', "ls /tmp/*/a")]),
            ("/*\n!ls\n:dep x\n%who\n*/\n7", vec![('r', "/*\n!ls\n:dep x\n%who\n*/\n7")]),
            ("/* a\nlet x = 5;", vec![('r', "/* a\nlet x = 5;")]),
            ("/* a */\n// b\n", vec![]),
            ("r#\";\n%a b;\n}\n%time x;\n\"#", vec![('r', "r#\";\n%a b;\n}\n%time x;\n\"#")]),
            ("let x = if a { 1 } else { 2 }\n%b", vec![('r', "let x = if a { 1 } else { 2 }\n%b")]),
            ("::std::mem::drop(1)", vec![('r', "::std::mem::drop(1)")]),
            ("", vec![]),
        ] {
            assert_eq!(parts(text), want, "{text}");
        }
    }

    #[test]
    fn calls_are_read() {
        let [Segment::Magic(call)] = &segments("%time?")[..] else { panic!() };
        assert!(call.help && call.name == "%time");
        let text = "%%timeit -n 3 let v = 1;\nv + 1";
        let [Segment::Magic(call)] = &segments(text)[..] else { panic!() };
        assert_eq!(
            (call.name.as_str(), &text[call.args.clone()], &text[call.body.clone()]),
            ("%%timeit", "-n 3 let v = 1;", "v + 1")
        );
    }

    #[test]
    fn only_rust_is_left_byte_for_byte() {
        let text = "!é ls\n%time f(\n%who x\n1";
        let rust = rust_only(text, |name| name == "%time");
        assert_eq!(rust, "      \n      f(\n%who x\n1".replace("%who x\n1", "      \n1"));
        assert_eq!(rust.len(), text.len());
        assert_eq!(completeness("%%sql\nselect (", |_| false), Completeness::Complete);
        assert_eq!(completeness("%time f(", |_| true), Completeness::Incomplete("    ".into()));
        assert_eq!(completeness(":dep x", |_| false), Completeness::Complete);
    }
}
