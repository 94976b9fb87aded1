//! The types of the variables that a cell defines.

use super::project::Project;
use crate::eval::source::scope::CELL;
use crate::eval::source::types::{Inferred, can_be_written};
use ra_ap_base_db::EditionedFileId;
use ra_ap_hir::{DisplayTarget, HirDisplay, Semantics};
use ra_ap_ide::Edition;
use ra_ap_syntax::ast::{self, AstNode, HasModuleItem, HasName};

/// Infers the types of all names bound by the `let` statements of the cell, in order of appearance.
pub(super) fn infer(project: &Project) -> Vec<Inferred> {
    let db = project.host.raw_database();
    ra_ap_hir::attach_db(db, || {
        let sema = Semantics::new(db);
        let file = sema.parse(EditionedFileId::new(db, project.source(), Edition::Edition2024));
        let functions =
            file.items().filter_map(|i| if let ast::Item::Fn(f) = i { Some(f) } else { None });
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
                let Some(found) = sema.type_of_binding_in_pat(pat) else {
                    return Inferred::Unknown(String::new());
                };
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

/// Returns the names bound by `let` statements, in order.
pub(crate) fn bindings(statements: impl Iterator<Item = ast::Stmt>) -> Vec<ast::IdentPat> {
    let patterns =
        statements.filter_map(|s| if let ast::Stmt::LetStmt(l) = s { l.pat() } else { None });
    patterns
        .flat_map(|p| p.syntax().descendants().filter_map(ast::IdentPat::cast).collect::<Vec<_>>())
        .collect()
}
