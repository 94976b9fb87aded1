//! Maps names of pandas to those of Rask, or explains why they are missing: read from the coverage
//! page (`coverage.md`), with some additions.

/// The coverage page: every name of Dask's frames and its equivalent in Rask.
const PAGE: &str = include_str!("../../../../runtime/src/frame/coverage.md");

/// Names of pandas' frames that Dask does not have, so that they are not on the page.
const OTHERS: [(&str, &str); 9] = [
    ("rows", "`to_rows::<T>()?`, with a struct for a row, or `compute()?` and its columns"),
    ("to_dict", "`to_rows::<T>()?`, with a struct for a row"),
    ("plot", "`plot::scatter(&df, \"x\", \"y\")`"),
    ("append", "`concat([&a, &b])`"),
    ("at", "`loc_at(value)` by the index, or `filter`"),
    ("sort_index", "`sort_values(..)` by the column of the index"),
    ("tolist", "`compute()?` and `to_vec::<T>()?`"),
    ("to_numpy", "`compute()?` and `to_vec::<T>()?`"),
    ("pivot", "`pivot_table`"),
];

/// Types, and the sections of the page that list their names.
const GROUPS: [(&str, &[&str]); 11] = [
    ("DataFrame", &["DataFrame", "Series", "functions"]),
    ("LazySeries", &["Series", "DataFrame", "functions"]),
    ("Expr", &["Series", "DataFrame", "functions"]),
    ("Table", &["DataFrame", "Series"]),
    ("Column", &["Series", "DataFrame"]),
    ("GroupBy", &["GroupBy", "SeriesGroupBy", "DataFrame"]),
    ("Str", &["str"]),
    ("Dt", &["dt"]),
    ("Cat", &["cat"]),
    ("Rolling", &["Rolling"]),
    ("Resampler", &["Resampler"]),
];

/// Looks a name up on the page; returns its state, and its equivalent or the reason for its
/// absence.
fn entry(group: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let part = PAGE.lines().skip_while(|l| l.strip_prefix("# ") != Some(group)).skip(1);
    part.take_while(|l| !l.starts_with("# ")).find_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells[..] {
            [_, found, state, how, _] if found == name => Some((state, how)),
            _ => None,
        }
    })
}

fn told(name: &str, (state, how): (&str, &str)) -> Option<String> {
    match state {
        "renamed" => Some(format!("`{name}` of pandas is {how} here")),
        "left out" => Some(format!("`{name}` of pandas is left out here: {how}")),
        "not yet" => Some(format!("`{name}` of pandas is not implemented yet")),
        _ => None,
    }
}

/// Explains a name that a type does not have.
pub(in crate::eval) fn lacks(kind: &str, name: &str) -> Option<String> {
    if kind == "Result" {
        return Some(format!("`?` unwraps the `Result`: `compute()?.{name}(..)`"));
    }
    let (_, groups) = GROUPS.iter().find(|(t, _)| *t == kind)?;
    if let Some((_, how)) = OTHERS.iter().find(|(n, _)| *n == name) {
        return told(name, ("renamed", how));
    }
    let (group, found) = groups.iter().find_map(|g| Some((*g, entry(g, name)?)))?;
    // The page refers to another name.
    let other = found.1.strip_prefix("as `").and_then(|o| entry(group, o.trim_end_matches('`')));
    told(name, other.unwrap_or(found)).or_else(|| match kind {
        "Table" | "Column" => {
            Some(format!("lazy frames have `{name}`: call it before `compute()`"))
        }
        "LazySeries" => Some(format!("frames have it: `.to_frame().{name}(..)`")),
        "Expr" | "GroupBy" => Some(format!("frames and `df.col(\"x\")` may have `{name}`")),
        _ => None,
    })
}

/// Explains a function that does not exist.
pub(in crate::eval) fn free(name: &str) -> Option<String> {
    if name == "len" {
        return Some("the number of rows is `df.len()?`".to_owned());
    }
    let function = entry("functions", name).and_then(|found| told(name, found));
    let method = || entry("DataFrame", name).filter(|e| e.0 == "done");
    function.or_else(|| method().map(|_| format!("it is a method: `df.{name}(..)`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_answered_from_the_page() {
        for (kind, name, part) in [
            ("DataFrame", "isnull", "is `isna` here"),
            ("DataFrame", "itertuples", "left out here: `col(..).map(closure)`"),
            ("DataFrame", "iloc", "`with_row_index`"),
            ("DataFrame", "info", "shown when the frame is displayed"),
            ("DataFrame", "plot", "plot::scatter"),
            ("DataFrame", "rows", "to_rows"),
            ("LazySeries", "gt", "`col(..).gt(..)`"),
            ("Str", "wrap", "not implemented yet"),
        ] {
            assert!(lacks(kind, name).is_some_and(|t| t.contains(part)), "{kind}.{name}");
        }
        assert!(free("to_datetime").is_some_and(|t| t.contains("col(..).to_datetime(format)")));
        assert!(lacks("Mine", "isnull").is_none() && lacks("DataFrame", "nonsense").is_none());
    }
}
