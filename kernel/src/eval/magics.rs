//! The table of magics: every line that begins with `%`, what it does, and its help. Completion,
//! `%lsmagic` and a test use it.

use super::assist::{Completion, Completions, Inspection};
use super::commands;
use super::errors::diagnostics::CellError;
use super::session::Session;
use super::shell;
use super::source::cell::Cell;
use super::source::segment::Call;
use super::text::{Outcome, bad, nearest, short, span, table};
use rask_wire::{Bundle, Role};
use serde_json::json;
use std::ops::Range;
use std::time::{Duration, Instant};

/// A magic.
pub(super) struct Magic {
    pub(super) name: &'static str,
    /// The usage line.
    usage: &'static str,
    help: &'static str,
    /// `true` if its argument is Rust.
    pub(super) code: bool,
    run: fn(&mut Session, &Call) -> Outcome,
}

const fn magic(
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    run: fn(&mut Session, &Call) -> Outcome,
) -> Magic {
    Magic { name, usage, help, code: false, run }
}

const fn of_code(
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    run: fn(&mut Session, &Call) -> Outcome,
) -> Magic {
    Magic { name, usage, help, code: true, run }
}

/// The table.
pub(super) const MAGICS: [Magic; 15] = [
    of_code(
        "%time",
        "%time STATEMENT",
        "runs the statement and prints its time; variables that it defines are kept",
        time,
    ),
    of_code(
        "%%time",
        "%%time",
        "runs the rest of the cell and prints its time; variables that it defines are kept",
        time,
    ),
    of_code(
        "%timeit",
        "%timeit [-n LOOPS] [-r RUNS] EXPRESSION",
        "runs the expression repeatedly, optimised, and prints the time per loop: mean and standard deviation of 7 runs",
        timeit,
    ),
    of_code(
        "%%timeit",
        "%%timeit [-n LOOPS] [-r RUNS] [SETUP]",
        "runs the rest of the cell repeatedly and prints the time per loop; SETUP runs once before",
        timeit,
    ),
    magic(
        "%who",
        "%who [TYPE]",
        "lists the variables and their types; with TYPE, only those whose type contains this word",
        who,
    ),
    magic(
        "%reset",
        "%reset",
        "deletes all variables, functions, types and dependencies, and starts a new process",
        reset,
    ),
    magic(
        "%dep",
        "%dep NAME = \"VERSION\"",
        "adds a crate, as evcxr's :dep does; several in one cell are resolved together",
        dep,
    ),
    magic(
        "%env",
        "%env [NAME[=VALUE]]",
        "shows all environment variables or one of them, or sets one",
        env,
    ),
    magic("%load", "%load FILE", "replaces the cell with the content of a file", load),
    magic(
        "%%sql",
        "%%sql [NAME]",
        "runs the rest of the cell as SQL over the frames in scope, by name; with NAME, keeps the result as a variable",
        sql,
    ),
    magic("%%html", "%%html", "shows the rest of the cell as HTML", |s, c| show(s, c, "text/html")),
    magic("%%markdown", "%%markdown", "shows the rest of the cell as Markdown", |s, c| {
        show(s, c, "text/markdown")
    }),
    magic(
        "%%bash",
        "%%bash",
        "runs the rest of the cell with bash; its output is streamed, Stop ends it",
        bash,
    ),
    magic("%lsmagic", "%lsmagic", "lists all magics", list),
    magic("%help", "%help [NAME]", "explains a magic, as NAME? does", help),
];

/// Runs a magic, or explains it.
pub(super) fn run(session: &mut Session, call: &Call) -> Outcome {
    let Some(magic) = MAGICS.iter().find(|m| m.name == call.name) else {
        return Err(unknown(&call.name));
    };
    if call.help {
        explain(session, magic);
        return Ok(());
    }
    (magic.run)(session, call)
}

/// Returns the completions at byte `at`, if that is in the name of a magic or a command.
pub(super) fn complete(text: &str, at: usize) -> Option<Completions> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let typed = &before[start..];
    let names: Vec<(&str, &str)> = match typed.chars().next()? {
        '%' => MAGICS.iter().map(|m| (m.name, m.usage)).collect(),
        ':' if !typed.starts_with("::") => {
            commands::NAMES.iter().map(|n| (*n, "an evcxr command")).collect()
        }
        _ => return None,
    };
    if typed.contains(' ') {
        return None;
    }
    let fitting = names.into_iter().filter(|(n, _)| n.starts_with(typed));
    let items = fitting
        .map(|(n, usage)| Completion {
            text: n.to_owned(),
            kind: "magic",
            signature: usage.to_owned(),
        })
        .collect();
    Some(Completions { start, end: at, items })
}

/// Describes the magic at byte `at`, if there is one.
pub(super) fn inspect(text: &str, at: usize) -> Option<Inspection> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |i| i + 1);
    let word = text[start..].split(|c: char| c.is_whitespace() || c == '?').next()?;
    let magic = MAGICS.iter().find(|m| m.name == word && at <= start + word.len())?;
    Some(Inspection::of(
        format!("{}\n    {}", magic.usage, magic.help),
        format!("```text\n{}\n```\n{}", magic.usage, magic.help),
    ))
}

fn unknown(name: &str) -> CellError {
    let near = nearest(name, MAGICS.iter().map(|m| m.name));
    let hint = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
    CellError::plain(
        "UnknownMagic",
        &format!("unknown magic {name}{hint}; help: `%lsmagic` lists the magics"),
    )
}

/// Returns whether the argument of a magic is Rust.
pub(super) fn is_code(name: &str) -> bool {
    MAGICS.iter().any(|m| m.name == name && m.code)
}

fn explain(session: &Session, magic: &Magic) {
    session.shared.show(
        Role::Display,
        None,
        Bundle::text(format!("{}\n    {}", magic.usage, magic.help)),
    );
}

fn help(session: &mut Session, call: &Call) -> Outcome {
    let wanted = session.text[call.args.clone()].trim().to_owned();
    if wanted.is_empty() {
        return list(session, call);
    }
    let bare = wanted.trim_start_matches('%');
    let found: Vec<_> = MAGICS
        .iter()
        .filter(|m| m.name == wanted || m.name.trim_start_matches('%') == bare)
        .collect();
    found.iter().for_each(|m| explain(session, m));
    if found.is_empty() { Err(unknown(&wanted)) } else { Ok(()) }
}

fn list(session: &mut Session, _: &Call) -> Outcome {
    let rows = MAGICS.iter().map(|m| [m.usage, m.help]).chain([
        ["!COMMAND", "runs a shell command; its output is streamed, Stop ends it"],
        [":COMMAND", "an evcxr command; :help lists them"],
        ["%NAME?", "explains a magic"],
    ]);
    session.shared.show(
        Role::Result,
        None,
        table(["magic", "what it does"], rows.map(|r| r.map(str::to_owned)).collect()),
    );
    Ok(())
}

/// Returns the range of a magic's Rust code: the rest of its line, or of the cell.
fn code_of(session: &Session, call: &Call) -> Result<Range<usize>, CellError> {
    let range = if call.name.starts_with("%%") { call.body.clone() } else { call.args.clone() };
    if session.text[range.clone()].trim().is_empty() {
        return Err(bad(&call.name, "no code to run"));
    }
    Ok(range)
}

fn time(session: &mut Session, call: &Call) -> Outcome {
    let range = code_of(session, call)?;
    let (began, before) = (Instant::now(), session.shared.times());
    let result = session.rust(range);
    let times = session.shared.times();
    let (ran, cpu) = (times.ran.saturating_sub(before.ran), times.cpu.saturating_sub(before.cpu));
    let compiled = began.elapsed().saturating_sub(ran);
    // The system counts CPU time in hundredths of a second.
    let cpu = if ran >= Duration::from_millis(50) {
        format!("CPU {}; ", span(cpu))
    } else {
        String::new()
    };
    session.shared.publish(
        "stdout",
        format!("Wall time: {} ({cpu}compiled in {})\n", span(ran), span(compiled)),
    );
    result
}

fn timeit(session: &mut Session, call: &Call) -> Outcome {
    let line = call.args.clone();
    let mut words = line.start;
    let (mut turns, mut rounds) = ("None".to_owned(), 7);
    loop {
        let rest = &session.text[words..line.end];
        let Some(flag) = ["-n", "-r"].into_iter().find(|f| rest.starts_with(f)) else { break };
        let value = rest[2..].trim_start();
        let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = value[..digits]
            .parse()
            .map_err(|_| bad(&call.name, &format!("{flag} needs a number, as in `{flag} 100`")))?;
        if flag == "-n" {
            turns = format!("Some({number})");
        } else {
            rounds = number;
        }
        words = line.end - value[digits..].trim_start().len();
    }
    let whole = call.name.starts_with("%%");
    let (setup, range) = if whole {
        (session.text[words..line.end].to_owned(), call.body.clone())
    } else {
        (String::new(), words..line.end)
    };
    if session.text[range.clone()].trim().is_empty() {
        return Err(bad(&call.name, "no code to run"));
    }
    let before = format!(
        "let _ = {{ {setup}{} ::rask::host::timing::timeit({turns}, {rounds}, || {{ let _ = ::std::hint::black_box({{ ",
        if setup.trim().is_empty() || setup.trim_end().ends_with([';', '}']) { "" } else { ";" }
    );
    let level = session.settings.level.replace("2".to_owned());
    let cell = Cell::wrapped(&session.text, range, session.number, &before, " }); Ok(()) })?; };");
    let result = session.run_cell(cell);
    session.settings.level = level;
    result
}

fn who(session: &mut Session, call: &Call) -> Outcome {
    let wanted = session.text[call.args.clone()].trim().to_owned();
    let variables = session.assist.scope().variables();
    let rows: Vec<_> = variables
        .into_iter()
        .filter(|v| v.type_name.contains(&wanted))
        .map(|v| [v.name, short(&v.type_name)])
        .collect();
    if rows.is_empty() {
        session.shared.publish(
            "stdout",
            if wanted.is_empty() {
                "no variables\n".to_owned()
            } else {
                format!("no variable whose type contains {wanted:?}\n")
            },
        );
        return Ok(());
    }
    session.shared.show(Role::Result, None, table(["variable", "type"], rows));
    Ok(())
}

fn reset(session: &mut Session, _: &Call) -> Outcome {
    session.reset()
}

fn dep(session: &mut Session, call: &Call) -> Outcome {
    let args = session.text[call.args.clone()].trim().to_owned();
    if args.is_empty() {
        return Err(bad("%dep", "missing crate name; expected, for example, `%dep uuid = \"1\"`"));
    }
    commands::run(session, &format!(":dep {args}"))
}

fn env(session: &mut Session, call: &Call) -> Outcome {
    let args = session.text[call.args.clone()].trim().to_owned();
    let mut all: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    if let Some(path) = all.remove("RASK_USER_PATH") {
        all.insert("PATH".to_owned(), path);
    }
    all.extend(session.shared.environment());
    if let Some((name, value)) = args.split_once('=') {
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || name.contains(['\0', ' ']) || value.contains('\0') {
            return Err(bad("%env", &format!("invalid variable name {name:?}")));
        }
        session.generated(&format!("rask::host::set_env({name:?}, {value:?});"))?;
        session.shared.set_environment(name, value);
        session.shared.publish("stdout", format!("{name}={value}\n"));
        return Ok(());
    }
    if args.is_empty() {
        session.shared.show(
            Role::Result,
            None,
            table(["variable", "value"], all.into_iter().map(|(n, v)| [n, v]).collect()),
        );
        return Ok(());
    }
    let Some(value) = all.get(&args) else {
        let hint = nearest(&args, all.keys().map(String::as_str))
            .map_or_else(String::new, |n| format!("; did you mean {n}?"));
        return Err(bad("%env", &format!("{args} is not set{hint}")));
    };
    session.shared.show(Role::Result, None, Bundle::text(value.clone()));
    Ok(())
}

fn load(session: &mut Session, call: &Call) -> Outcome {
    let name = session.text[call.args.clone()].trim().trim_matches('"').to_owned();
    if name.is_empty() {
        return Err(bad("%load", "missing file name; expected, for example, `%load src/main.rs`"));
    }
    let path = session.working_folder().join(&name);
    let text = std::fs::read_to_string(&path)
        .map_err(|e| bad("%load", &format!("{}: {e}", path.display())))?;
    session.payload.push(json!({ "source": "set_next_input", "text": format!("// %load {name}\n{text}"), "replace": true }));
    Ok(())
}

fn sql(session: &mut Session, call: &Call) -> Outcome {
    let query = session.text[call.body.clone()].trim().trim_end_matches(';').to_owned();
    let name = session.text[call.args.clone()].trim().to_owned();
    if query.is_empty() {
        return Err(bad("%%sql", "no query in the lines below"));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_')
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(bad(
            "%%sql",
            &format!("invalid variable name {name:?}; help: write the query in the lines below"),
        ));
    }
    let words: Vec<&str> = query.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let is_frame = |t: &str| ["DataFrame", "Table"].contains(&short(t).as_str());
    let variables = session.assist.scope().variables();
    let frames =
        variables.iter().filter(|v| is_frame(&v.type_name) && words.contains(&v.name.as_str()));
    let tables: String = frames
        .map(|v| format!("({:?}, ::rask::frame::IntoFrame::into_frame(&{})), ", v.name, v.name))
        .collect();
    let hashes = "#".repeat(
        1 + query
            .split('"')
            .skip(1)
            .map(|p| p.len() - p.trim_start_matches('#').len())
            .max()
            .unwrap_or(0),
    );
    let frame = format!(
        "rask::frame::sql::<&str, rask::frame::DataFrame>(r{hashes}\"{query}\"{hashes}, [{tables}])"
    );
    if name.is_empty() {
        session.generated(&format!("{frame}.compute()?"))
    } else {
        session
            .generated(&format!("let {name}: rask::frame::DataFrame = {frame};\n{name}.head(10)?"))
    }
}

fn show(session: &mut Session, call: &Call, mime: &str) -> Outcome {
    let text = session.text[call.body.clone()].to_owned();
    session.shared.show(Role::Display, None, Bundle::text(text.clone()).with(mime, text));
    Ok(())
}

fn bash(session: &mut Session, call: &Call) -> Outcome {
    let script = session.text[call.body.clone()].to_owned();
    shell::child(session, "bash", &script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for (i, m) in MAGICS.iter().enumerate() {
            assert!(m.usage.starts_with(m.name) && m.help.len() > 10, "{}", m.name);
            assert!(!MAGICS[..i].iter().any(|o| o.name == m.name), "{} stands twice", m.name);
        }
        for wanted in [
            "%time",
            "%%time",
            "%timeit",
            "%%timeit",
            "%who",
            "%reset",
            "%dep",
            "%env",
            "%load",
            "%%sql",
            "%%html",
            "%%markdown",
            "%%bash",
            "%lsmagic",
        ] {
            assert!(MAGICS.iter().any(|m| m.name == wanted), "{wanted}");
        }
    }

    #[test]
    fn magics_are_completed_and_explained() {
        let texts = |t: &str| {
            complete(t, t.len())
                .map(|c| (c.start, c.items.into_iter().map(|i| i.text).collect::<Vec<_>>()))
        };
        assert_eq!(texts("1;\n%ti"), Some((3, vec!["%time".to_owned(), "%timeit".to_owned()])));
        assert_eq!(texts(":de"), Some((0, vec![":dep".to_owned()])));
        assert_eq!((texts("x % t"), texts("%time f"), texts("::std")), (None, None, None));
        assert!(inspect("%who", 2).unwrap().plain.contains("lists the variables"));
        assert_eq!(inspect("who", 2), None);
    }

    #[test]
    fn the_nearest_name() {
        let names = || MAGICS.iter().map(|m| m.name);
        assert_eq!(nearest("%tiem", names()), Some("%time"));
        assert_eq!(nearest("%lsmagics", names()), Some("%lsmagic"));
        assert_eq!(nearest("%nonsense", names()), None);
        assert_eq!(nearest(":dpe", commands::NAMES.into_iter()), Some(":dep"));
    }

    #[test]
    fn types_without_paths() {
        for (long, want) in [
            ("rask::frame::DataFrame", "DataFrame"),
            ("Vec<(std::string::String, &'static str)>", "Vec<(String, &'static str)>"),
            ("[u8; 4]", "[u8; 4]"),
        ] {
            assert_eq!(short(long), want);
        }
    }
}
