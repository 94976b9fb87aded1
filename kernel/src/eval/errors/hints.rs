//! The table of hints that explain errors to users of pandas. Names of pandas are looked up in
//! `pandas`.

use crate::eval::errors::pandas::{free, lacks};
use std::collections::BTreeMap;

/// The parts of an error that the table matches.
#[derive(Debug, Clone, Default)]
pub(in crate::eval) struct Complaint {
    pub(in crate::eval) message: String,
    /// The label at its position.
    pub(in crate::eval) label: String,
    /// The user's line: the text before the span, the span, and the text after it.
    pub(in crate::eval) line: [String; 3],
    /// The other spans in that line, in order: the two sides of an operator.
    pub(in crate::eval) sides: Vec<String>,
    /// The notes of the compiler.
    pub(in crate::eval) notes: String,
    /// `true` if a statement begins with the line, after other code.
    pub(in crate::eval) behind: bool,
}

/// A message with `{}` for its variable parts, and the function that turns these parts into a hint.
type Row = (&'static str, fn(&Complaint, &[&str]) -> Option<String>);

/// The table.
const TABLE: [Row; 19] = [
    ("cannot index into a value of type `{}`", |c, f| indexed(c, bare(f[0]))),
    ("no field `{}` on type `{}`", |c, f| field(c, f[0], bare(f[1]))),
    ("field `{}` of struct `{}` is private", |c, f| field(c, f[0], bare(f[1]))),
    ("attempted to take value of method `{}` on type `{}`", |_, f| lookup(&ARGUMENTS, f[0])),
    ("no method named `{}` found for {} `{}` in the current scope", |_, f| lacks(bare(f[2]), f[0])),
    ("`{}` is not an iterator", |c, f| listed(c, bare(f[0]))),
    ("`{}` cannot be used in an expression over columns", |c, f| standing(c, f[0])),
    ("binary operation `{}` cannot be applied to type `{}`", |c, f| compared(c, bare(f[1]))),
    ("can't compare `{}` with `{}`", |c, f| turned(c, bare(f[1]))),
    ("cannot apply unary operator `{}` to type `{}`", |c, f| negated(c, f[0], bare(f[1]))),
    ("mismatched types", |c, _| joined(c)),
    ("comparison operators cannot be chained", |_, _| hint("`col(\"a\").between(1, 5)`")),
    ("type annotations needed", |c, _| untyped(c)),
    ("this method takes {} but {} supplied", |c, f| arguments(c, f[1])),
    ("cannot find function `{}` in this scope", |c, f| word(c, f[0]).or_else(|| free(f[0]))),
    ("cannot find value `{}` in this scope", |c, f| word(c, f[0])),
    ("cannot find module or crate `{}` in this scope", |c, f| word(c, f[0])),
    ("expected {}, found `{}`", |c, f| word(c, f[1])),
    ("{}non-boolean predicate 'Utf8(\"{}\")'{}", |_, f| {
        Some(format!(
            "a string condition is `query({:?})`; `filter` takes `col(\"a\").gt(60)`",
            f[1]
        ))
    }),
];

/// Comparisons: the operator, its method, and the method with swapped sides.
const COMPARISONS: [[&str; 3]; 6] = [
    [">", "gt", "lt"],
    ["<", "lt", "gt"],
    [">=", "ge", "le"],
    ["<=", "le", "ge"],
    ["==", "eq", "eq"],
    ["!=", "neq", "neq"],
];

/// Methods whose arguments differ from those in pandas.
const ARGUMENTS: [(&str, &str); 6] = [
    ("sort_values", "descending: `sort_values_descending(\"a\")` or `sort_by([(\"a\", false)])`"),
    ("drop_duplicates", "by some columns: `drop_duplicates_by([\"a\", \"b\"])`"),
    ("dropna", "by some columns: `dropna_in([\"a\", \"b\"])`"),
    ("loc", "by the index: `loc(\"a\"..=\"b\")`, or `loc_at(\"a\")`"),
    ("isin", "the values are passed as one list: `isin([1, 2])`"),
    ("merge", "other joins: `Merge::new().how(\"left\").on(\"k\").join(&a, &b)`"),
];

/// Aggregations of groups, which take column names.
const AGGREGATIONS: [&str; 18] = [
    "sum", "prod", "mean", "count", "min", "max", "std", "var", "sem", "median", "nunique",
    "first", "last", "skew", "kurt", "any", "all", "idxmin",
];

/// Words of Python that are not names in Rust.
const WORDS: [(&str, &str); 7] = [
    ("and", "`and` is `&` between conditions over columns, and `&&` between bools"),
    ("or", "`or` is `|` between conditions over columns, and `||` between bools"),
    ("not", "`not` is `!`"),
    ("lambda", "a lambda is a closure: `|d: f64| d > 15.0`"),
    ("import", "no imports are needed: `read_csv(..)`, `col(..)` and others are in scope"),
    ("pd", "names have no prefix: `read_csv(..)`, `concat(..)`, `DataFrame`"),
    ("dd", "names have no prefix: `read_csv(..)`, `concat(..)`, `DataFrame`"),
];

/// Finds the hint for an error. `gone` are variables that no longer exist, and why.
pub(in crate::eval) fn find(c: &Complaint, gone: &BTreeMap<String, String>) -> Option<String> {
    let line = c.line.concat();
    let unknown = captured(&c.message, "cannot find value `{}` in this scope");
    let sign = ["%%", "!", ":"].into_iter().find(|s| line.starts_with(s)).filter(|_| c.behind);
    if sign.is_some_and(|s| line[s.len()..].starts_with(char::is_alphabetic))
        && (unknown.is_some() || c.message.starts_with("expected "))
    {
        let what = if sign == Some("!") { "shell commands" } else { "such lines" };
        return Some(format!("{what} must be at the head of a cell, before any Rust code"));
    }
    let unknown = unknown.unwrap_or_default();
    if let Some((name, why)) = unknown.first().and_then(|name| gone.get_key_value(*name)) {
        return Some(format!("`{name}` {why}; `let {name} = ..` defines it again"));
    }
    TABLE.iter().find_map(|(message, answer)| answer(c, &captured(&c.message, message)?))
}

fn hint(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn lookup(table: &[(&str, &str)], name: &str) -> Option<String> {
    table.iter().find(|(n, _)| *n == name).map(|(_, text)| (*text).to_owned())
}

/// Captures the text of each `{}` of a pattern, if the whole text matches.
fn captured<'a>(text: &'a str, pattern: &str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    for part in parts {
        let (name, behind) = if part.is_empty() { (rest, "") } else { rest.split_once(part)? };
        found.push(name);
        rest = behind;
    }
    rest.is_empty().then_some(found)
}

/// Returns the bare name of a type: `Str` for `&rask::frame::Str<T>`.
fn bare(type_name: &str) -> &str {
    let name = type_name.trim_start_matches('&').trim_start_matches("mut ");
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}

fn is_column(kind: &str) -> bool {
    kind == "Expr" || kind == "LazySeries"
}

/// Suggests how to write a column instead of `df.name` or `df["name"]`.
fn column(c: &Complaint, kind: &str, name: &str) -> Option<String> {
    let (before, behind) = (c.line[0].trim_end_matches('.'), c.line[2].trim_start());
    let start = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    let of = if start == before.len() { "df" } else { &before[start..] };
    let head = match kind {
        "GroupBy" => {
            let method = behind.strip_prefix('.').and_then(|b| b.split('(').next());
            format!(
                "an aggregation of groups takes the column: `.{}({name:?})`; ",
                method.unwrap_or("mean")
            )
        }
        "Table" => format!("in a table, a column is `{of}.column({name:?})?`; "),
        "DataFrame" if behind.starts_with('=') && !behind.starts_with("==") => {
            format!("assignment creates a new frame: `let {of} = {of}.with_column({name:?}, ..)`; ")
        }
        "DataFrame" => String::new(),
        _ => return None,
    };
    let of = if kind == "DataFrame" { of } else { "df" };
    Some(format!("{head}a column is `col({name:?})` in an expression, `{of}.col({name:?})` alone"))
}

fn indexed(c: &Complaint, kind: &str) -> Option<String> {
    let inner = c.line[1].strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or("\"x\"");
    match (kind, inner.trim_start().chars().next()) {
        ("Result", _) => lacks(kind, "col"),
        ("LazySeries" | "Column", _) => {
            hint("to get values, call `compute()?`, then `to_vec::<f64>()?`")
        }
        (_, Some('"')) => column(c, kind, inner.trim().trim_matches('"')),
        ("DataFrame", Some('[')) => Some(format!("to select columns, use `select({inner})`")),
        ("DataFrame", Some('0'..='9' | '.')) => lacks(kind, "iloc"),
        ("DataFrame", _) => Some(format!("to select rows by a condition, use `filter({inner})`")),
        _ => None,
    }
}

fn field(c: &Complaint, name: &str, kind: &str) -> Option<String> {
    lacks(kind, name).filter(|_| kind != "GroupBy").or_else(|| column(c, kind, name))
}

/// Explains a word that has no meaning at its position.
fn word(c: &Complaint, name: &str) -> Option<String> {
    let (before, behind) = (c.line[0].trim(), c.line[2].trim_start());
    if before.contains('(') && behind.starts_with('=') && !behind.starts_with("==") {
        return hint(
            "Rust has no keyword arguments; options are methods: `sort_values_descending`",
        );
    }
    let last = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let last = if last == "from" { "import" } else { last };
    lookup(&WORDS, name).or_else(|| lookup(&WORDS, last))
}

fn listed(c: &Complaint, kind: &str) -> Option<String> {
    if !c.line[0].trim_end().ends_with("isin(") {
        // The compiler found the method on iterators only.
        return lacks(kind, &c.line[1]);
    }
    let more =
        if is_column(kind) { "; to compare with another column: `.eq(col(\"b\"))`" } else { "" };
    Some(format!("`isin` takes a list: `isin([1, 2])`, a `Vec` or a range{more}"))
}

fn standing(c: &Complaint, what: &str) -> Option<String> {
    match what {
        _ if c.line[1] == "isin" => hint("`isin` takes values, not references: `isin([1, 2])`"),
        _ if what.starts_with("{closure") => hint("write a condition as `col(\"d\").gt(15.0)`"),
        _ if what.starts_with("Vec<") => {
            hint("to test for one of many values, use `col(\"a\").isin(list)`")
        }
        _ => None,
    }
}

/// Rewrites an operand as an expression that a method can be called on.
fn operand(text: &str) -> String {
    let own = text.find(".col(").filter(|at| !text[..*at].contains(['(', ' ']));
    let text = own.map_or(text, |at| &text[at + 1..]);
    let loose = [" + ", " - ", " * ", " / ", " % ", " & ", " | "].iter().any(|o| text.contains(o));
    if loose { format!("({text})") } else { text.to_owned() }
}

fn compared(c: &Complaint, kind: &str) -> Option<String> {
    let [operator, method, _] = COMPARISONS.iter().find(|o| o[0] == c.line[1])?;
    let [left, right] = &c.sides[..] else { return None };
    let joins = [("&&", "&"), ("||", "|")].into_iter().filter(|(o, _)| c.line.concat().contains(o));
    let joins: String = joins.map(|(o, n)| format!("; `{o}` is `{n}`")).collect();
    // `&` binds more tightly, which is not what was meant.
    let left = left.rsplit(['&', '|']).next().unwrap_or(left).trim();
    let call = format!("{}.{method}({right})", operand(left));
    is_column(kind).then(|| format!("`{operator}` of columns is a method: `{call}`{joins}"))
}

fn turned(c: &Complaint, kind: &str) -> Option<String> {
    let [operator, _, method] = COMPARISONS.iter().find(|o| o[0] == c.line[1])?;
    let value = c.line[0].trim_end().rsplit(['(', ',', ' ']).next()?;
    is_column(kind).then(|| format!("`{operator}` is a method: `col(..).{method}({value})`"))
}

fn arguments(c: &Complaint, given: &str) -> Option<String> {
    let method = c.line[1].as_str();
    if given.starts_with("0 ") && AGGREGATIONS.contains(&method) {
        return Some(format!(
            "an aggregation of groups takes the columns: `.{method}(\"x\")`, or `.{method}(..)` for all columns that support it"
        ));
    }
    lookup(&ARGUMENTS, method)
}

fn negated(c: &Complaint, operator: &str, kind: &str) -> Option<String> {
    let what = operand(c.line[1].trim_start_matches(operator).trim_start_matches('&'));
    let copy = if kind == "Expr" { ".clone()" } else { "" };
    is_column(kind).then(|| format!("`{operator}` takes an expression: `{operator}{what}{copy}`"))
}

fn joined(c: &Complaint) -> Option<String> {
    captured(&c.label, "expected `bool`, found `{}`").filter(|f| is_column(bare(f[0])))?;
    let (before, behind) = (c.line[0].trim_end(), c.line[2].trim_start());
    let here = |o: &str| before.ends_with(o) || behind.starts_with(o);
    let (operator, right) = [("&&", "&"), ("||", "|")].into_iter().find(|(o, _)| here(o)).unzip();
    let (Some(operator), Some(right)) = (operator, right) else {
        return hint(
            "this is not a bool but one value per row: use `when(..).then(..).otherwise(..)`",
        );
    };
    Some(format!("`{operator}` of columns is `{right}`: `a.gt(1) {right} b.eq(2)`"))
}

fn untyped(c: &Complaint) -> Option<String> {
    let of = |t: &str| format!("`|{}: {t}|`", c.line[1]);
    let types = ["f64", "i64", "&str", "Option<f64>"].map(of).join(", ");
    let argument = c.notes.contains("closure parameter");
    argument.then(|| format!("a closure over values needs the type of its argument: {types}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the hint for a message, at the position marked with `«»` in the user's line.
    fn hint(message: &str, marked: &str, sides: &[&str]) -> String {
        let (label, marked) = marked.split_once(" @ ").unwrap_or(("", marked));
        let mut parts = marked.split(['«', '»']).map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        let line = [part(), part(), part()];
        let notes = "consider giving this closure parameter an explicit type".to_owned();
        let sides = sides.iter().map(|s| (*s).to_owned()).collect();
        let (message, label) = (message.replace('#', "rask::frame::"), label.to_owned());
        let c = Complaint { message, label, line, sides, notes, behind: true };
        find(&c, &BTreeMap::from([("s".into(), "was moved".into())])).unwrap_or_default()
    }

    #[test]
    fn habits_of_pandas_are_answered() {
        for (message, line, part) in [
            ("cannot index into a value of type `#DataFrame`", "d«[\"x\"]»", "`d.col(\"x\")`"),
            ("no field `x` on type `#DataFrame`", "df.«x».mean()", "`col(\"x\")`"),
            ("no field `x` on type `GroupBy`", "df.groupby(\"k\").«x».sum()", "`.sum(\"x\")`"),
            ("cannot find function `to_datetime` in this scope", "", "col(..).to_datetime(format)"),
            ("`LazySeries` is not an iterator", "df.col(\"a\").«gt»(60)", "`col(..).gt(..)`"),
            ("`Expr` is not an iterator", "col(\"a\").isin(«col(\"b\")»)", "isin([1, 2])"),
            ("can't compare `{integer}` with `Expr`", "f(60 «<» c)", ".gt(60)"),
            ("this method takes 1 argument but 2 were supplied", "d.«sort_values»(1)", "sort_by"),
            ("expected one of `)`, or `(`, found `and`", "(a «and» b)", "`&`"),
            ("cannot find value `ls` in this scope", "!«ls»", "head of a cell"),
            ("cannot find value `s` in this scope", "«s».len()", "was moved"),
            ("no predicate: non-boolean predicate 'Utf8(\"a > 6\")' of", "", "query(\"a > 6\")"),
            ("mismatched types", "expected `bool`, found `Expr` @ («a» || b)", "`|`"),
            ("cannot apply unary operator `!` to type `LazySeries`", "«!df.col(1)»", "`!col(1)`"),
            ("type annotations needed", "col(\"d\").map(|«d»| d > 1.0)", "`|d: f64|`"),
        ] {
            let text = hint(message, line, &[]);
            assert!(text.contains(part), "{message}: {text}");
        }
        assert_eq!(hint("no field `x` on type `Mine`", "m.«x»", &[]), "");
    }

    #[test]
    fn comparisons_are_named_with_their_sides() {
        let of = |o: &str, left: &str| {
            let message = format!("binary operation `{o}` cannot be applied to type `Expr`");
            hint(&message, &format!("f(a «{o}» 60 && b)"), &[left, "60"])
        };
        assert!(of(">", "df.col(\"a\")").contains("`col(\"a\").gt(60)`; `&&` is `&`"));
        assert!(of("<", "a & col(\"b\")").contains("`col(\"b\").lt(60)`"));
        assert!(of("!=", "col(\"a\") * 2").contains("`(col(\"a\") * 2).neq(60)`"));
    }
}
