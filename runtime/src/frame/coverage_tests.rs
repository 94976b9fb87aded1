//! The coverage page: what it says is done or renamed is tried by a test, and nothing else is.

use super::pandas_tests;

/// Names of the page that a test of their own tries, and where it is.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("DataFrame.categorize", "frame/column/cat.rs", "categories_are_the_same_in_all_partitions"),
    (
        "DataFrame.divisions",
        "frame/dataframe/index.rs",
        "partitions_without_such_rows_are_not_read",
    ),
    ("DataFrame.from_dict", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("DataFrame.index", "frame/dataframe/index.rs", "rows_are_found_by_their_index"),
    (
        "DataFrame.known_divisions",
        "frame/dataframe/index.rs",
        "partitions_without_such_rows_are_not_read",
    ),
    ("DataFrame.loc", "frame/dataframe/index.rs", "rows_are_found_by_their_index"),
    (
        "DataFrame.map_overlap",
        "frame/dataframe/partitions.rs",
        "neighbours_are_seen_across_several_partitions",
    ),
    ("DataFrame.median_approximate", "frame/column/stats.rs", "near_enough_is_as_near_as_it_says"),
    ("DataFrame.memory_usage", "frame/column/stats.rs", "near_enough_is_as_near_as_it_says"),
    ("DataFrame.nunique_approx", "frame/column/stats.rs", "near_enough_is_as_near_as_it_says"),
    ("DataFrame.to_bag", "convert.rs", "frames_go_to_other_collections_and_back"),
    ("DataFrame.to_delayed", "convert.rs", "frames_go_to_other_collections_and_back"),
    ("DataFrame.to_html", "frame/column/stats.rs", "near_enough_is_as_near_as_it_says"),
    (
        "DataFrame.visualize",
        "frame/tests.rs",
        "the_lazy_repr_tells_columns_types_partitions_and_tasks",
    ),
    ("GroupBy.apply", "frame/group/apply.rs", "groups_are_whole_whatever_the_partitions"),
    ("Series.dtype", "frame/column/stats.rs", "near_enough_is_as_near_as_it_says"),
    ("Series.name", "frame/column/stats.rs", "near_enough_is_as_near_as_it_says"),
    ("cat.as_known", "frame/column/cat.rs", "what_cannot_be_is_told"),
    ("cat.as_unknown", "frame/column/cat.rs", "what_cannot_be_is_told"),
    ("cat.known", "frame/column/cat.rs", "what_cannot_be_is_told"),
    ("functions.from_delayed", "convert.rs", "frames_go_to_other_collections_and_back"),
    (
        "functions.map_overlap",
        "frame/dataframe/partitions.rs",
        "neighbours_are_seen_across_several_partitions",
    ),
    ("functions.read_table", "frame/io/csv/tests.rs", "line_ends_marks_and_ragged_lines"),
    ("functions.to_bag", "convert.rs", "frames_go_to_other_collections_and_back"),
    ("DataFrame.compute", "frame/tests.rs", "steps_give_the_rows_a_user_expects"),
    ("DataFrame.dtypes", "frame/io/csv/tests.rs", "frames_take_the_wider_type_too"),
    (
        "DataFrame.get_partition",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    (
        "DataFrame.map_partitions",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    (
        "DataFrame.npartitions",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    (
        "DataFrame.partitions",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    ("DataFrame.persist", "frame/column/reduce.rs", "a_column_is_brought_down_to_one_value"),
    ("DataFrame.random_split", "frame/partition_tests.rs", "samples_do_not_depend_on_partitions"),
    (
        "DataFrame.repartition",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    ("DataFrame.sample", "frame/partition_tests.rs", "samples_do_not_depend_on_partitions"),
    ("DataFrame.to_csv", "frame/io/csv/write_tests.rs", "a_failed_write_changes_nothing"),
    ("DataFrame.to_json", "frame/io/files.rs", "what_is_written_is_read_back"),
    ("DataFrame.to_parquet", "frame/io/files.rs", "what_is_written_is_read_back"),
    ("DataFrame.to_records", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("DataFrame.to_sql", "frame/io/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("DataFrame.values", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("functions.from_dict", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    ("functions.from_pandas", "frame/tests.rs", "whole_numbers_of_any_kind_stay_whole"),
    (
        "functions.map_partitions",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    ("functions.read_csv", "frame/io/csv/tests.rs", "frames_take_the_wider_type_too"),
    ("functions.read_json", "frame/io/files.rs", "what_is_written_is_read_back"),
    ("functions.read_parquet", "frame/io/files.rs", "what_is_written_is_read_back"),
    ("functions.read_sql", "frame/io/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("functions.read_sql_query", "frame/io/files.rs", "tables_of_sqlite_go_there_and_back"),
    ("functions.read_sql_table", "frame/io/files.rs", "tables_of_sqlite_go_there_and_back"),
    (
        "functions.repartition",
        "frame/partition_tests.rs",
        "partitions_are_those_that_were_asked_for",
    ),
    ("functions.to_csv", "frame/io/csv/write_tests.rs", "a_failed_write_changes_nothing"),
    ("functions.to_json", "frame/io/files.rs", "what_is_written_is_read_back"),
    ("functions.to_parquet", "frame/io/files.rs", "what_is_written_is_read_back"),
    ("functions.to_sql", "frame/io/files.rs", "tables_of_sqlite_go_there_and_back"),
];

#[test]
fn the_page_says_done_of_what_is_tested() {
    let page = include_str!("coverage.md");
    let (mut group, mut counts) = (String::new(), std::collections::BTreeMap::new());
    let mut tried: std::collections::BTreeSet<String> =
        pandas_tests::tried().map(str::to_owned).collect();
    for (name, file, test) in ELSEWHERE {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {file}: {e}"));
        assert!(text.contains(&format!("fn {test}()")), "{name}: {file} has no test {test}");
        tried.insert((*name).to_owned());
    }
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            group = name.to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, state, how, _] = cells[..] else { continue };
        if state == "state" || name.starts_with('-') {
            continue;
        }
        let key = format!("{group}.{name}");
        *counts.entry(state).or_insert(0) += 1;
        match state {
            "done" | "renamed" => {
                assert!(tried.remove(&key), "{key} is {state} on the page, and no test tries it")
            }
            "not yet" | "left out" => {
                assert!(!tried.contains(&key), "{key} is tested, and {state} on the page")
            }
            other => panic!("{key}: {other:?} is not a state"),
        }
        assert_eq!(
            matches!(state, "renamed" | "left out"),
            !how.is_empty(),
            "{key}: what is renamed or left out says how or why"
        );
    }
    let all: i32 = counts.values().sum();
    let told = format!(
        "{all} names: {} done, {} renamed, {} not yet, {} left out.",
        counts["done"], counts["renamed"], counts["not yet"], counts["left out"]
    );
    assert!(page.contains(&told), "the page should say: {told}");
    assert!((counts["done"] + counts["renamed"]) * 10 >= all * 6);
    tried.retain(|n| !n.starts_with("Rolling.") && !n.starts_with("Series."));
    assert!(tried.is_empty(), "tested, and not on the page: {tried:?}");
}
