//! Text extraction from HTML, with a browser's tokenizer.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use std::cell::RefCell;

/// Returns the text of a piece of HTML, without tags, comments, scripts and styles; character
/// references are decoded. White space between tags becomes one newline or one space, as in
/// Beautiful Soup's `get_text`.
///
/// Never fails, as browsers accept anything as HTML.
///
/// ```
/// use rask::prelude::*;
/// assert_eq!(html::text("<p>R &amp; <b>Python</b><br/>line</p>"), "R & Pythonline");
/// ```
#[must_use]
pub fn text(source: &str) -> String {
    if !source.contains(['<', '&', '\0']) {
        return source.to_owned();
    }
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(source));
    // The tokenizer only stops for more input: scripts are not run.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let mut found = tokenizer.sink.0.into_inner();
    found.end_text();
    found.text
}

#[derive(Default)]
struct Sink(RefCell<Found>);

#[derive(Default)]
struct Found {
    text: String,
    /// The text since the last tag.
    run: String,
    /// The number of open tags whose text is left out.
    hidden: u32,
    /// The number of open tags whose white space is kept.
    kept: u32,
}

impl Found {
    fn end_text(&mut self) {
        let run = std::mem::take(&mut self.run);
        if self.hidden > 0 || run.is_empty() {
            return;
        }
        if self.kept == 0 && run.bytes().all(|b| b.is_ascii_whitespace()) {
            self.text.push(if run.contains('\n') { '\n' } else { ' ' });
        } else {
            self.text += &run;
        }
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut found = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => found.run += &text,
            Token::TagToken(tag) => {
                found.end_text();
                let (open, name) = (tag.kind == TagKind::StartTag, &*tag.name);
                let change = |n: &mut u32| *n = if open { *n + 1 } else { n.saturating_sub(1) };
                match name {
                    "script" | "style" | "template" => change(&mut found.hidden),
                    "pre" | "textarea" => change(&mut found.kept),
                    _ => {}
                }
                if open {
                    match name {
                        "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
                        "style" => return TokenSinkResult::RawData(RawKind::Rawtext),
                        "textarea" | "title" => return TokenSinkResult::RawData(RawKind::Rcdata),
                        _ => {}
                    }
                }
            }
            Token::CommentToken(_) => found.end_text(),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn text_is_what_beautiful_soup_gives() {
        let cases = [
            (
                "<p>I've \"asked\" 1 &lt; 2 &amp; 3</p>\n\n<p>second</p>\n",
                "I've \"asked\" 1 < 2 & 3\nsecond\n",
            ),
            ("<p>R & Python<br/>line</p>", "R & Pythonline"),
            ("<pre><code>x &lt;- 1</code></pre>", "x <- 1"),
            (
                "<a href=\"http://e.org/?a=1&amp;b=2\">caf\u{e9}</a> \u{1f600}",
                "caf\u{e9} \u{1f600}",
            ),
            ("<pre>a\n\n</pre>\n \n<b> </b>", "a\n\n\n "),
            ("a<script>if (1 < 2) { \"<p>\" }</script>b<style>p { }</style><!-- c -->d", "abd"),
            (
                "&notin; &eacute;&#233;&#xe9; &unknown; 1 < 2 > 0",
                "\u{2209} \u{e9}\u{e9}\u{e9} &unknown; 1 < 2 > 0",
            ),
            ("plain", "plain"),
            ("", ""),
            ("<unclosed attr=\"", ""),
        ];
        for (source, want) in cases {
            assert_eq!(text(source), want, "{source:?}");
        }
    }
}
