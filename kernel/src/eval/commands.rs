//! The table of evcxr's commands that are overridden or rejected here; all others are passed to
//! evcxr unchanged.

use super::errors::diagnostics::CellError;
use super::session::Session;
use super::text::{Outcome, bad, nearest, table};
use rask_wire::{Bundle, Role};

/// How this kernel handles a command differently from evcxr.
enum Here {
    Own(fn(&mut Session, &str) -> Outcome),
    /// Rejected, for this reason.
    Refused(&'static str),
}

const ONE_COMPILER: &str =
    "this kernel compiles cells itself, with the compiler that the runtime was built with";

/// The table of evcxr's commands that are overridden or rejected here.
const COMMANDS: [(&str, Here); 19] = [
    (":help", Here::Own(command_help)),
    (
        ":quit",
        Here::Refused(
            "not supported in a notebook; help: shut the kernel down in the front end (Kernel > Shut Down)",
        ),
    ),
    (":clear", Here::Own(|s, _| s.reset())),
    (":opt", Here::Own(opt)),
    (":fmt", Here::Own(fmt)),
    (":types", Here::Own(types)),
    (":timing", Here::Own(timing)),
    (":doc", Here::Own(doc)),
    (":t", Here::Own(type_of)),
    (":type", Here::Own(type_of)),
    (":toolchain", Here::Refused(ONE_COMPILER)),
    (":linker", Here::Refused(ONE_COMPILER)),
    (":codegen_backend", Here::Refused(ONE_COMPILER)),
    (":sccache", Here::Refused(ONE_COMPILER)),
    (":cache", Here::Refused(ONE_COMPILER)),
    (":clear_cache", Here::Refused(ONE_COMPILER)),
    (":allow_static_linking", Here::Refused(ONE_COMPILER)),
    (":time_passes", Here::Refused(ONE_COMPILER)),
    (":internal_debug", Here::Refused("its output is not visible in a notebook")),
];

/// The names of evcxr's commands, for completion.
pub(super) const NAMES: [&str; 22] = [
    ":build_env",
    ":clear",
    ":dep",
    ":doc",
    ":efmt",
    ":env",
    ":explain",
    ":fmt",
    ":help",
    ":last_compile_dir",
    ":last_error_json",
    ":load_config",
    ":offline",
    ":opt",
    ":preserve_vars_on_panic",
    ":restart",
    ":show_deps",
    ":timing",
    ":type",
    ":types",
    ":vars",
    ":version",
];

/// Runs lines of evcxr's commands. Consecutive lines for evcxr are passed on together, so that
/// several dependencies are resolved at once.
pub(super) fn run(session: &mut Session, text: &str) -> Outcome {
    let mut together = String::new();
    for line in text.lines() {
        let (name, args) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match COMMANDS.iter().find(|(n, _)| *n == name) {
            None => {
                if name.starts_with(':') && !NAMES.contains(&name) {
                    let near = nearest(name, NAMES.into_iter());
                    let hint = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
                    return Err(CellError::plain(
                        "UnknownCommand",
                        &format!("unknown command {name}{hint}; help: `:help` lists the commands"),
                    ));
                }
                together += &format!("{}\n", line.trim());
            }
            Some((_, Here::Refused(why))) => {
                return Err(CellError::plain("NotHere", &format!("{name}: {why}")));
            }
            Some((_, Here::Own(own))) => {
                evcxr(session, &mut together)?;
                own(session, args.trim())?;
            }
        }
    }
    evcxr(session, &mut together)
}

fn evcxr(session: &mut Session, text: &mut String) -> Outcome {
    if text.is_empty() { Ok(()) } else { session.evcxr_commands(&std::mem::take(text)) }
}

fn print(session: &Session, text: String) -> Outcome {
    session.shared.show(Role::Result, None, Bundle::text(text));
    Ok(())
}

/// Shows evcxr's list of commands, without those that are rejected here.
fn command_help(session: &mut Session, _: &str) -> Outcome {
    let all =
        session.context.execute(":help").map_err(|e| CellError::plain("Error", &e.to_string()))?;
    let text = all.get("text/plain").unwrap_or_default();
    let refused = |line: &str| {
        COMMANDS.iter().any(|(n, h)| {
            matches!(h, Here::Refused(_)) && line.split_whitespace().next() == Some(n)
        })
    };
    let rows = text
        .lines()
        .filter(|l| !refused(l))
        .filter_map(|l| l.split_once(' '))
        .map(|(n, h)| [n.to_owned(), h.trim().to_owned()]);
    session.shared.show(Role::Result, None, table(["command", "what it does"], rows.collect()));
    Ok(())
}

fn opt(session: &mut Session, args: &str) -> Outcome {
    session.settings.level = match args {
        "auto" | "" => None,
        "0" | "1" | "2" | "3" | "s" | "z" => Some(args.to_owned()),
        _ => {
            return Err(bad(
                ":opt",
                "invalid level: expected 0, 1, 2, 3, s, z, or auto (chosen for each cell)",
            ));
        }
    };
    print(
        session,
        format!(
            "Optimization: {}",
            session
                .settings
                .level
                .as_deref()
                .unwrap_or("auto (2 for cells with loops, closures or functions, else 0)")
        ),
    )
}

fn fmt(session: &mut Session, args: &str) -> Outcome {
    let is_format = args.contains('{') && args.contains('}');
    if !args.is_empty() && !is_format {
        return Err(bad(":fmt", "invalid format: expected {:?}, {:#?} or {}"));
    }
    session.settings.format = (!args.is_empty() && args != "{:?}").then(|| args.to_owned());
    print(
        session,
        format!("Output format: {}", session.settings.format.as_deref().unwrap_or("{:?}")),
    )
}

fn types(session: &mut Session, _: &str) -> Outcome {
    session.settings.types = !session.settings.types;
    print(session, format!("Types: {}", session.settings.types))
}

fn timing(session: &mut Session, _: &str) -> Outcome {
    session.settings.timing = !session.settings.timing;
    print(session, format!("Timing: {}", session.settings.timing))
}

fn type_of(session: &mut Session, args: &str) -> Outcome {
    let found = session.assist.scope().variables().into_iter().find(|v| v.name == args);
    match found {
        Some(v) => print(session, format!("{}: {}", v.name, v.type_name)),
        None => Err(bad(
            ":type",
            &format!("unknown variable {args:?}; help: `%who` lists the variables"),
        )),
    }
}

fn doc(session: &mut Session, args: &str) -> Outcome {
    if args.is_empty() {
        return Err(bad(":doc", "missing name; expected, for example, `:doc Vec::push`"));
    }
    let Some(found) = session.assist.document(args) else {
        return Err(bad(":doc", &format!("no documentation found for {args:?}")));
    };
    let bundle = Bundle::text(found.plain).with("text/markdown", found.markdown);
    session.shared.show(Role::Display, None, bundle);
    Ok(())
}
