//! Inspection of a name: its signature and documentation, optionally with its source.

use super::project::Project;
use pulldown_cmark::{Options, Parser, html};
use ra_ap_ide::{
    Analysis, FileId, FilePosition, FileRange, GotoDefinitionConfig, HoverConfig, HoverDocFormat,
    RaFixtureConfig, SubstTyLen, TextRange,
};

/// A description in every format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inspection {
    pub(crate) plain: String,
    pub(crate) markdown: String,
    pub(crate) html: String,
}

impl Inspection {
    /// Creates a description from plain text and Markdown.
    pub(crate) fn of(plain: String, markdown: String) -> Self {
        let mut out = String::new();
        html::push_html(&mut out, Parser::new_ext(&markdown, Options::ENABLE_TABLES));
        Self { plain, markdown, html: out }
    }
}

/// Describes the name at byte `at` of the project's source, or the function called there.
pub(super) fn find(project: &Project, at: usize, source: bool) -> Option<Inspection> {
    let analysis = project.host.analysis();
    let file = project.source();
    let text = analysis.file_text(file).ok()?;
    let at = place(&text, at)?;
    let hover = |format| hover(&analysis, file, at, format);
    // The crate of the session is internal.
    let own = |text: String, head: &str| {
        text.strip_prefix(head).map_or(text.clone(), |rest| rest.trim_start().to_owned())
    };
    let mut plain = own(hover(HoverDocFormat::PlainText)?, "ctx\n\n");
    let mut markdown =
        own(hover(HoverDocFormat::Markdown)?.trim_start().to_owned(), "```rust\nctx\n```\n");
    if source && let Some(text) = definition(&analysis, file, at) {
        plain = format!("{plain}\n\nSource:\n{text}");
        markdown = format!("{markdown}\n\n---\n\nSource:\n\n```rust\n{text}\n```\n");
    }
    Some(Inspection::of(plain, markdown))
}

/// Returns the byte of a name: the one under the cursor or just before it, else the function whose
/// arguments surround it.
fn place(text: &str, at: usize) -> Option<usize> {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (before, after) = text.split_at_checked(at)?;
    if is_word(after.chars().next()) {
        return Some(at);
    }
    if is_word(before.chars().next_back()) {
        return Some(at - 1);
    }
    let mut depth = 0;
    for (i, c) in before.char_indices().rev() {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' if depth > 0 => depth -= 1,
            '(' => {
                let name = before[..i].trim_end().trim_end_matches('!');
                return is_word(name.chars().next_back()).then(|| name.len() - 1);
            }
            '{' | ';' => return None,
            _ => {}
        }
    }
    None
}

fn hover(
    analysis: &Analysis,
    file_id: FileId,
    at: usize,
    format: HoverDocFormat,
) -> Option<String> {
    let config = HoverConfig {
        links_in_hover: false,
        memory_layout: None,
        documentation: true,
        keywords: true,
        format,
        max_trait_assoc_items_count: None,
        max_fields_count: Some(10),
        max_enum_variants_count: Some(10),
        max_subst_ty_len: SubstTyLen::Unlimited,
        show_drop_glue: false,
        ra_fixture: RaFixtureConfig::default(),
    };
    let range = TextRange::empty((at as u32).into());
    let found = analysis.hover(&config, FileRange { file_id, range }).ok()??;
    Some(found.info.markup.as_str().to_owned())
}

/// Returns the source of the definition of a name.
fn definition(analysis: &Analysis, file_id: FileId, at: usize) -> Option<String> {
    let position = FilePosition { file_id, offset: (at as u32).into() };
    let config = GotoDefinitionConfig { ra_fixture: RaFixtureConfig::default() };
    let target = analysis.goto_definition(position, &config).ok()??.info.into_iter().next()?;
    let text = analysis.file_text(target.file_id).ok()?;
    text.get(usize::from(target.full_range.start())..usize::from(target.full_range.end()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_at_the_cursor_or_the_function_around_it() {
        for (text, at, want) in [
            ("plus_one", 4, Some(4)),
            ("plus_one", 8, Some(7)),
            ("f(a, ", 5, Some(0)),
            ("f(g(1), ", 8, Some(0)),
            ("print!(", 7, Some(4)),
            ("{ ", 2, None),
            ("", 0, None),
        ] {
            assert_eq!(place(text, at), want, "{text} {at}");
        }
    }

    #[test]
    fn documentation_as_html() {
        let shown = Inspection::of("a".into(), "```rust\nfn a()\n```\nAdds *one*.".into());
        assert!(
            shown.html.contains("<code class=\"language-rust\">fn a()")
                && shown.html.contains("<em>one</em>"),
            "{}",
            shown.html
        );
    }
}
