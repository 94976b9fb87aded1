//! The types of the variables that a cell makes.

use super::super::scope::CELL;
use super::project::Project;
use ra_ap_base_db::EditionedFileId;
use ra_ap_hir::{DisplayTarget, HirDisplay, Semantics};
use ra_ap_ide::Edition;
use ra_ap_syntax::ast::{self, AstNode, HasModuleItem, HasName};
use ra_ap_syntax::{SourceFile, SyntaxKind};

/// What is known of the type of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inferred {
    /// Its name, as it can be written.
    Type(String),
    /// It is a closure, whose type has no name; what it is to a caller: `impl Fn(i32) -> i32`.
    Closure(String),
    /// It cannot be told or cannot be written; how far it is known.
    Unknown(String),
    /// What looks like a variable is a constant in a pattern.
    Constant,
}

/// The types of all names that the `let` statements of the cell bind, in order of appearance.
pub(super) fn infer(project: &Project) -> Vec<Inferred> {
    let db = project.host.raw_database();
    ra_ap_hir::attach_db(db, || {
        let sema = Semantics::new(db);
        let file = sema.parse(EditionedFileId::new(db, project.source(), Edition::Edition2024));
        let functions = file.items().filter_map(|i| if let ast::Item::Fn(f) = i { Some(f) } else { None });
        let cell = functions.into_iter().find(|f| f.name().is_some_and(|n| n.text() == CELL));
        let Some(body) = cell.and_then(|f| f.body()) else { return Vec::new() };
        let Some(module) = sema.scope(body.syntax()).map(|s| s.module()) else { return Vec::new() };
        let bindings = bindings(body.statements());
        bindings
            .iter()
            .map(|pat| {
                if sema.resolve_bind_pat_to_const(pat).is_some() {
                    return Inferred::Constant;
                }
                let Some(found) = sema.type_of_binding_in_pat(pat) else { return Inferred::Unknown(String::new()) };
                let target = DisplayTarget::from_crate(db, module.krate(db).into());
                let shown = || found.display(db, target).to_string();
                if found.is_closure() {
                    return Inferred::Closure(shown());
                }
                match found.display_source_code(db, module.into(), true) {
                    Ok(name) if can_be_written(&name) => Inferred::Type(name),
                    _ => Inferred::Unknown(shown()),
                }
            })
            .collect()
    })
}

/// The names that `let` statements bind, in order.
pub(crate) fn bindings(statements: impl Iterator<Item = ast::Stmt>) -> Vec<ast::IdentPat> {
    let patterns = statements.filter_map(|s| if let ast::Stmt::LetStmt(l) = s { l.pat() } else { None });
    patterns.flat_map(|p| p.syntax().descendants().filter_map(ast::IdentPat::cast).collect::<Vec<_>>()).collect()
}

/// Whether this is a whole type: rust-analyzer writes `_` and `{unknown}` for what it does not know.
pub(crate) fn can_be_written(name: &str) -> bool {
    let parsed = SourceFile::parse(&format!("type T = {name};"), Edition::Edition2024);
    let odd = |kind| matches!(kind, SyntaxKind::ERROR | SyntaxKind::INFER_TYPE | SyntaxKind::UNDERSCORE_EXPR | SyntaxKind::IMPL_TRAIT_TYPE);
    parsed.errors().is_empty() && !parsed.syntax_node().descendants().any(|n| odd(n.kind()))
}

#[cfg(test)]
mod tests {
    use super::can_be_written;

    #[test]
    fn only_whole_types_can_be_written() {
        for good in ["i32", "Vec<(String, &'static str)>", "[u8; 4]", "Box<dyn Fn(i32) -> i32>", "rask::frame::DataFrame", "()"] {
            assert!(can_be_written(good), "{good}");
        }
        for bad in ["Vec<_>", "[i32; _]", "{unknown}", "impl Fn(i32)", ""] {
            assert!(!can_be_written(bad), "{bad}");
        }
    }
}
