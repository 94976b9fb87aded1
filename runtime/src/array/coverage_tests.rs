//! The coverage page: what it says is done or renamed is tried by a test, and nothing else is.

use super::numpy_tests;
use std::collections::{BTreeMap, BTreeSet};

/// Names of the page that a test of their own tries, and where it is.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("Array.A", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("Array.T", "array/further_tests.rs", "properties"),
    ("Array.astype", "array/tests.rs", "steps_in_one_task_are_those_of_ndarray"),
    ("Array.blocks", "array/further_tests.rs", "functions_of_blocks"),
    ("Array.chunks", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("Array.chunksize", "array/further_tests.rs", "properties"),
    ("Array.compute", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    (
        "Array.compute_chunk_sizes",
        "array/further_tests.rs",
        "sizes_are_unknown_until_they_are_needed",
    ),
    ("Array.copy", "array/further_tests.rs", "properties"),
    ("Array.dtype", "array/further_tests.rs", "properties"),
    ("Array.flatten", "array/further_tests.rs", "properties"),
    ("Array.itemsize", "array/further_tests.rs", "properties"),
    ("Array.map_blocks", "array/further_tests.rs", "functions_of_blocks"),
    ("Array.map_overlap", "array/further_tests.rs", "blocks_see_their_neighbours"),
    ("Array.nbytes", "array/further_tests.rs", "properties"),
    ("Array.ndim", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("Array.npartitions", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("Array.numblocks", "array/further_tests.rs", "properties"),
    ("Array.partitions", "array/further_tests.rs", "functions_of_blocks"),
    ("Array.persist", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("Array.rechunk", "array/tests.rs", "shapes_and_joins"),
    ("Array.shape", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    (
        "Array.shuffle",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    ("Array.size", "array/further_tests.rs", "properties"),
    ("Array.store", "array/tests.rs", "files_come_back_as_they_were"),
    ("Array.to_dask_dataframe", "frame_arrays.rs", "frames_go_to_arrays_and_back"),
    ("Array.to_delayed", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("Array.to_svg", "array/further_tests.rs", "properties"),
    ("Array.to_zarr", "array/further_tests.rs", "zarr_comes_back_as_it_was"),
    ("Array.visualize", "array/further_tests.rs", "properties"),
    ("Generator.beta", "array/law.rs", "moments_are_right"),
    ("Generator.binomial", "array/law.rs", "moments_are_right"),
    ("Generator.chisquare", "array/law.rs", "moments_are_right"),
    (
        "Generator.choice",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    ("Generator.exponential", "array/law.rs", "moments_are_right"),
    ("Generator.f", "array/law.rs", "moments_are_right"),
    ("Generator.gamma", "array/law.rs", "moments_are_right"),
    ("Generator.geometric", "array/law.rs", "moments_are_right"),
    ("Generator.gumbel", "array/law.rs", "moments_are_right"),
    ("Generator.hypergeometric", "array/law.rs", "moments_are_right"),
    (
        "Generator.integers",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    ("Generator.laplace", "array/law.rs", "moments_are_right"),
    ("Generator.logistic", "array/law.rs", "moments_are_right"),
    ("Generator.lognormal", "array/law.rs", "moments_are_right"),
    ("Generator.logseries", "array/law.rs", "moments_are_right"),
    ("Generator.negative_binomial", "array/law.rs", "moments_are_right"),
    ("Generator.noncentral_chisquare", "array/law.rs", "moments_are_right"),
    ("Generator.noncentral_f", "array/law.rs", "moments_are_right"),
    ("Generator.normal", "array/random.rs", "moments_are_right"),
    ("Generator.pareto", "array/law.rs", "moments_are_right"),
    (
        "Generator.permutation",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    ("Generator.poisson", "array/law.rs", "moments_are_right"),
    ("Generator.power", "array/law.rs", "moments_are_right"),
    ("Generator.random", "array/tests.rs", "numbers_by_their_places_do_not_depend_on_chunks"),
    ("Generator.rayleigh", "array/law.rs", "moments_are_right"),
    ("Generator.standard_cauchy", "array/law.rs", "moments_are_right"),
    ("Generator.standard_exponential", "array/law.rs", "moments_are_right"),
    ("Generator.standard_gamma", "array/law.rs", "moments_are_right"),
    ("Generator.standard_normal", "array/random.rs", "moments_are_right"),
    ("Generator.standard_t", "array/law.rs", "moments_are_right"),
    ("Generator.triangular", "array/law.rs", "moments_are_right"),
    ("Generator.uniform", "array/random.rs", "moments_are_right"),
    ("Generator.vonmises", "array/law.rs", "moments_are_right"),
    ("Generator.wald", "array/law.rs", "moments_are_right"),
    ("Generator.weibull", "array/law.rs", "moments_are_right"),
    ("Generator.zipf", "array/law.rs", "moments_are_right"),
    (
        "RandomState.randint",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    (
        "RandomState.random_integers",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    (
        "RandomState.random_sample",
        "array/tests.rs",
        "numbers_by_their_places_do_not_depend_on_chunks",
    ),
    ("RandomState.seed", "array/tests.rs", "numbers_by_their_places_do_not_depend_on_chunks"),
    ("functions.asarray", "array/further_tests.rs", "empty_arrays_and_those_without_axes"),
    ("functions.blockwise", "array/further_tests.rs", "functions_of_blocks"),
    ("functions.empty", "array/further_tests.rs", "empty_arrays_and_those_without_axes"),
    ("functions.from_array", "array/tests.rs", "slices_and_views"),
    ("functions.map_blocks", "array/further_tests.rs", "functions_of_blocks"),
    ("functions.map_overlap", "array/further_tests.rs", "blocks_see_their_neighbours"),
    ("functions.rechunk", "array/tests.rs", "shapes_and_joins"),
    ("functions.reduction", "array/further_tests.rs", "functions_of_blocks"),
    ("further functions.apply_gufunc", "array/numpy_tests.rs", "axes_are_as_long_as_functions_say"),
    ("further functions.array", "array/further_tests.rs", "empty_arrays_and_those_without_axes"),
    ("further functions.as_gufunc", "array/numpy_tests.rs", "axes_are_as_long_as_functions_say"),
    (
        "further functions.asanyarray",
        "array/further_tests.rs",
        "empty_arrays_and_those_without_axes",
    ),
    (
        "further functions.empty_like",
        "array/further_tests.rs",
        "empty_arrays_and_those_without_axes",
    ),
    ("further functions.from_delayed", "array/further_tests.rs", "functions_of_blocks"),
    ("further functions.from_zarr", "array/further_tests.rs", "zarr_comes_back_as_it_was"),
    ("further functions.frompyfunc", "array/tests.rs", "steps_in_one_task_are_those_of_ndarray"),
    ("further functions.ndim", "array/further_tests.rs", "sizes_are_unknown_until_they_are_needed"),
    ("further functions.result_type", "array/tests.rs", "steps_in_one_task_are_those_of_ndarray"),
    (
        "further functions.shape",
        "array/further_tests.rs",
        "sizes_are_unknown_until_they_are_needed",
    ),
    (
        "further functions.shuffle",
        "array/further_tests.rs",
        "random_numbers_of_all_distributions_do_not_depend_on_the_chunks",
    ),
    ("further functions.store", "array/tests.rs", "files_come_back_as_they_were"),
    ("further functions.to_zarr", "array/further_tests.rs", "zarr_comes_back_as_it_was"),
    ("further functions.unify_chunks", "array/further_tests.rs", "functions_of_blocks"),
    (
        "linalg.lu",
        "array/further_tests.rs",
        "decompositions_of_many_rows_do_not_depend_on_the_chunks",
    ),
    (
        "linalg.svd_compressed",
        "array/further_tests.rs",
        "decompositions_of_many_rows_do_not_depend_on_the_chunks",
    ),
    (
        "linalg.tsqr",
        "array/further_tests.rs",
        "decompositions_of_many_rows_do_not_depend_on_the_chunks",
    ),
    ("ma.average", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.count", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.filled", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.fix_invalid", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.getdata", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.getmaskarray", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_array", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_equal", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_greater", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_greater_equal", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_inside", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_invalid", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_less", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_less_equal", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_not_equal", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_outside", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_values", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.masked_where", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.nonzero", "array/further_tests.rs", "masks_take_and_put"),
    ("ma.where", "array/further_tests.rs", "masks_take_and_put"),
];

/// Returns the key of a name on the page in the table of NumPy's values.
fn key_of(group: &str, name: &str) -> String {
    match group {
        "functions" | "further functions" | "Array" => name.to_owned(),
        _ => format!("{group}.{name}"),
    }
}

#[test]
fn the_page_says_done_of_what_is_tested() {
    let page = include_str!("coverage.md");
    let tried: BTreeSet<String> = numpy_tests::tried().map(str::to_owned).collect();
    let mut elsewhere = BTreeSet::new();
    for (name, file, test) in ELSEWHERE {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {file}: {e}"));
        assert!(text.contains(&format!("fn {test}()")), "{name}: {file} has no test {test}");
        assert!(elsewhere.insert(*name), "{name} stands twice in the list");
    }
    let (mut group, mut counts) = (String::new(), BTreeMap::new());
    let (mut core, mut seen) = ((0, 0), BTreeSet::new());
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            group = name.to_owned();
        }
        let cells: Vec<&str> = line.split(" |").map(|c| c.trim_start_matches('|').trim()).collect();
        let [name, state, how, _] = cells[..] else { continue };
        if state == "state" || name.starts_with('-') {
            continue;
        }
        let own = format!("{group}.{name}");
        let is_tried = tried.contains(&key_of(&group, name)) || elsewhere.remove(own.as_str());
        let is_done = matches!(state, "done" | "renamed");
        assert_eq!(is_done, is_tried, "{own} is {state:?} on the page, and tested: {is_tried}");
        assert!(
            is_done || matches!(state, "not yet" | "left out"),
            "{own}: {state:?} is not a state"
        );
        assert_eq!(
            matches!(state, "renamed" | "left out"),
            !how.is_empty(),
            "{own}: what is renamed or left out says how or why"
        );
        seen.insert(key_of(&group, name));
        *counts.entry(state).or_insert(0) += 1;
        if group == "functions" {
            core = (core.0 + 1, core.1 + i32::from(is_done));
        }
    }
    let all: i32 = counts.values().sum();
    let told = format!(
        "{all} names: {} done, {} renamed, {} not yet, {} left out.",
        counts["done"], counts["renamed"], counts["not yet"], counts["left out"]
    );
    assert!(page.contains(&told), "the page should say: {told}");
    assert_eq!(core, (120, 120), "all of the first list is there");
    assert!((counts["done"] + counts["renamed"]) * 10 >= all * 9);
    assert!(elsewhere.is_empty(), "tested, and not on the page: {elsewhere:?}");
    // Names that are not Dask's: NumPy's sorting, and norms by other ways.
    let more =
        ["argsort", "fft.axis", "linalg.det", "linalg.eigh", "linalg.svdvals", "sort", "vindex"];
    let unknown: Vec<&String> =
        tried.iter().filter(|n| !seen.contains(*n) && !more.contains(&n.as_str())).collect();
    assert!(unknown.is_empty(), "tested, and not on the page: {unknown:?}");
}
