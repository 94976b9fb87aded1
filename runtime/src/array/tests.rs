//! Arrays against ndarray's own methods and plain loops, for many chunkings.

use super::*;
use crate::graph::{Graph, chains};
use ndarray::{Array2, ArrayD, Axis, s};

/// Chunks of a (12, 10) array: one, even, uneven, single rows, single elements.
const CUTS: [(i64, i64); 6] = [(12, 10), (5, 4), (3, 10), (12, 3), (1, 10), (1, 1)];

/// Returns the numbers 0 to 119 in a (12, 10) array, as floats with many digits.
fn plain() -> ArrayD<f64> {
    let value = |(i, j): (usize, usize)| ((i * 10 + j) as f64).sin() * 1e3;
    Array2::from_shape_fn((12, 10), value).into_dyn()
}

/// Calls a check with the array in each chunking.
fn each_cut(check: impl Fn(Array<f64>, &str)) {
    for cut in CUTS {
        check(from_array(plain(), cut), &format!("chunks {cut:?}"));
    }
}

/// Checks that a function of arrays gives the same as one of ndarray's, whatever the chunks.
fn same<T: ArrayElement>(
    ours: impl Fn(&Array<f64>) -> Array<T>,
    theirs: impl Fn(&ArrayD<f64>) -> ArrayD<T>,
) {
    let right = theirs(&plain());
    each_cut(|x, cut| {
        let lazy = ours(&x);
        let found = lazy.compute().unwrap();
        assert_eq!(lazy.shape(), found.shape(), "{cut}");
        assert_eq!(found, right, "{cut}");
    });
}

#[test]
fn slices_and_views() {
    same(Array::t, |x| x.t().to_owned());
    same(|x| x.slice(s![1..9;3, ..;-1]), |x| x.slice(s![1..9;3, ..;-1]).to_owned().into_dyn());
    same(|x| x.slice(s![-2, 3..]), |x| x.slice(s![-2, 3..]).to_owned().into_dyn());
    same(|x| x.slice(s![..;-4]).t(), |x| x.slice(s![..;-4, ..]).t().to_owned().into_dyn());
    same(|x| x.slice(s![5, 5]), |x| x.slice(s![5, 5]).to_owned().into_dyn());
    same(|x| x.slice(s![4..4, ..]), |x| x.slice(s![4..4, ..]).to_owned().into_dyn());
    same(
        |x| x.t().slice(s![2..8, 1..;2]).t().slice(s![.., ..;-2]),
        |x| x.slice(s![1..;2, 2..8;-2]).to_owned().into_dyn(),
    );
    same(Array::flip, |x| x.slice(s![..;-1, ..;-1]).to_owned().into_dyn());
    same(|x| x.expand_dims(1).squeeze(), Clone::clone);
    same(
        |x| x.slice(s![3, ..]).broadcast_to((2, 3, 10)),
        |x| x.slice(s![3, ..]).broadcast((2, 3, 10)).unwrap().to_owned().into_dyn(),
    );
}

#[test]
fn steps_in_one_task_are_those_of_ndarray() {
    same(|x| (x * 2.0 + 1.0).abs().sqrt() - x, |x| x.mapv(|v| (v * 2.0 + 1.0).abs().sqrt() - v));
    same(|x| x + x.slice(s![0, ..]), |x| x + &x.slice(s![0, ..]));
    same(
        |x| x.slice(s![..10, ..]) + x.slice(s![..10, ..]).t(),
        |x| (&x.slice(s![..10, ..]) + &x.slice(s![..10, ..]).t()).into_dyn(),
    );
    same(|x| x.gt(0.0), |x| x.mapv(|v| v > 0.0));
    same(|x| where_(&x.gt(0), x, -1.0), |x| x.mapv(|v| if v > 0.0 { v } else { -1.0 }));
    same(|x| x.map(|v: f64| v as i64 / 2), |x| x.mapv(|v| v as i64 / 2));
    same(|x| -x.clip(-5, 5), |x| x.mapv(|v| -v.clamp(-5.0, 5.0)));
    same(
        |x| 1.0 / (x.expand_dims(2) * arange(1..4i64)),
        |x| {
            let by = ndarray::arr1(&[1.0, 2.0, 3.0]);
            (&x.clone().insert_axis(Axis(2)) * &by).mapv(|v| 1.0 / v)
        },
    );
}

#[test]
fn shapes_and_joins() {
    for shape in [(8, 15), (15, 8), (120, 1), (1, 120), (3, 40)] {
        same(
            |x| x.reshape(shape),
            |x| {
                x.clone()
                    .into_shape_with_order((shape.0 as usize, shape.1 as usize))
                    .unwrap()
                    .into_dyn()
            },
        );
    }
    same(|x| x.t().ravel(), |x| x.t().iter().copied().collect::<ndarray::Array1<f64>>().into_dyn());
    same(
        |x| concatenate([x, &x.flip()], 1),
        |x| {
            let flipped = x.slice(s![..;-1, ..;-1]);
            ndarray::concatenate(Axis(1), &[x.view(), flipped.into_dyn()]).unwrap()
        },
    );
    same(
        |x| stack([x, &(x * 2.0)], 2),
        |x| ndarray::stack(Axis(2), &[x.view(), (x * 2.0).view()]).unwrap(),
    );
    for cut in CUTS {
        same(|x| x.rechunk(cut) + 1.0, |x| x + 1.0);
    }
}

/// Checks that a reduction gives the same bits whatever the chunks.
fn bits(f: impl Fn(&Array<f64>) -> f64, about: f64) {
    let whole = f(&from_array(plain(), (12, 10)));
    assert!((whole - about).abs() <= about.abs() * 1e-12, "{whole}, not {about}");
    each_cut(|x, cut| assert_eq!(f(&x).to_bits(), whole.to_bits(), "{cut}"));
}

#[test]
fn reductions() {
    let x = plain();
    bits(|x| x.sum().compute().unwrap(), x.iter().sum());
    bits(|x| x.mean().compute().unwrap(), x.mean().unwrap());
    bits(|x| x.std().compute().unwrap(), x.std(0.0));
    bits(|x| x.var_ddof(1).compute().unwrap(), x.var(1.0));
    bits(|x| (x / 100.0).prod().compute().unwrap(), x.iter().map(|v| v / 100.0).product());
    bits(|x| x.max().compute().unwrap(), x.iter().copied().fold(f64::MIN, f64::max));
    bits(|x| x.argmin().compute().unwrap() as f64, {
        let least = x.iter().copied().fold(f64::MAX, f64::min);
        x.iter().position(|v| *v == least).unwrap() as f64
    });
    same(|x| x.rint().sum_axis(0), |x| x.mapv(f64::round_ties_even).sum_axis(Axis(0)));
    same(|x| x.rint().sum_axis(-1), |x| x.mapv(f64::round_ties_even).sum_axis(Axis(1)));
    same(
        |x| x.max_axis(1),
        |x| x.map_axis(Axis(1), |r| r.iter().copied().fold(f64::MIN, f64::max)),
    );
    same(
        |x| x.t().argmax_axis(0),
        |x| {
            x.map_axis(Axis(1), |r| {
                let most = r.iter().copied().fold(f64::MIN, f64::max);
                r.iter().position(|v| *v == most).unwrap() as i64
            })
        },
    );
    same(
        |x| x.gt(0).sum_axis((0, 1)),
        |x| ndarray::arr0(x.iter().filter(|v| **v > 0.0).count() as i64).into_dyn(),
    );
    each_cut(|x, cut| {
        assert_eq!(x.gt(0).count_nonzero().compute().unwrap(), 59, "{cut}");
        assert_eq!(
            (x.gt(0).any().compute().unwrap(), x.isnan().all().compute().unwrap()),
            (true, false)
        );
    });
    each_cut(|x, cut| {
        let x = where_(&x.gt(0), &x, f64::NAN);
        let right: f64 = plain().iter().filter(|v| **v > 0.0).sum();
        assert!((x.nansum().compute().unwrap() - right).abs() < 1e-9, "{cut}");
        assert!((x.nanmean().compute().unwrap() - right / 59.0).abs() < 1e-9, "{cut}");
        assert!(x.nanmin().compute().unwrap() > 0.0 && x.min().compute().unwrap().is_nan());
        let rows = x.nansum_axis(1).compute().unwrap();
        assert!((rows.sum() - right).abs() < 1e-9, "{cut}");
    });
    assert_eq!(full((1000, 30), 0.1).sum().compute().unwrap(), 3000.0);
    assert_eq!(full((1000, 30), 0.1).rechunk((7, 30)).sum_axis(0).compute().unwrap()[3], 100.0);
    assert_eq!(full((1000, 30), 7u8).sum().compute().unwrap(), 210_000);
    assert_eq!(arange(0..24u8).sum().compute().unwrap(), 276u64);
    assert_eq!(arange(0..24i32).mean().compute().unwrap(), 11.5);
}

#[test]
fn what_several_tasks_read_is_computed_once() {
    let tasks = |x: &Array<f64>| {
        let points = handle::core(&x.inner).unwrap().layer.points();
        (Graph::new(&points).len(), Graph::new(&chains::fused(&points)).len())
    };
    let x = ones((50, 50)).rechunk((5, 5));
    assert_eq!(tasks(&(&x + x.t())), (300, 200));
    assert_eq!(tasks(&(&x + 1.0).exp().t()), (400, 100));
    assert_eq!(tasks(&((&x + 1.0) * (&x + 2.0))), (400, 100));
    assert_eq!(tasks(&x.exp().slice(s![..7, ..])), (60, 20));
    let again = x.exp();
    assert_eq!(tasks(&(&again + &again)).1, 100);
    assert_eq!((&x + x.t()).sum().compute().unwrap(), 5000.0);
}

#[test]
fn numbers_by_their_places_do_not_depend_on_chunks() {
    let right = random_seeded((100, 70), 7).compute().unwrap();
    for cut in [(7, 13), (100, 1), (1, 70)] {
        assert_eq!(random_seeded((100, 70), 7).rechunk(cut).compute().unwrap(), right);
        assert_eq!(random_seeded((100, 70), 7).rechunk(cut).t().compute().unwrap(), right.t());
    }
    assert_eq!(random_seeded((100, 70), 7).slice(s![3, 5]).compute().unwrap()[[]], right[[3, 5]]);
    let x = rng(42);
    assert_ne!(x.random(5).compute().unwrap(), x.random(5).compute().unwrap());
    assert_eq!(
        eye(3).rechunk((2, 2)).sum_axis(1).compute().unwrap(),
        ndarray::arr1(&[1.0; 3]).into_dyn()
    );
    assert_eq!(linspace(0.0, 1.0, 11).rechunk(3).compute().unwrap()[10], 1.0);
    assert_eq!(
        arange_step(10i64, 0, -3).compute().unwrap(),
        ndarray::arr1(&[10, 7, 4, 1]).into_dyn()
    );
}

#[test]
fn mistakes_say_what_was_wrong() {
    let text = |x: Array<f64>| x.compute().unwrap_err().to_string();
    for (found, parts) in [
        (text(ones((3, 4)) + ones((5, 4))), vec!["add", "(3, 4)", "(5, 4)"]),
        (text(ones((3, 4)).reshape((5, 5))), vec!["(3, 4)", "12", "(5, 5)", "25"]),
        (text(ones((3, 4)).slice(s![7, ..])), vec!["index 7", "axis 0 with 3"]),
        (text(ones((3, 4)).dot(&ones((3, 4)))), vec!["dot", "(3, 4)"]),
        (text(ones((3, 4)).sum_axis(2)), vec!["sum", "axis 2", "-2 to 1"]),
        (text(ones((3, 4)).rechunk((0, 1))), vec!["rechunk", "0 elements", "axis 0"]),
        (text(ones((0, 4)).max_axis(0)), vec!["max", "without elements"]),
        (
            text((full((2, 2), i64::MAX) + 1).astype()),
            vec!["add", "9223372036854775807 and 1", "int64"],
        ),
        (text((arange(0..4i64).floor_divide(0)).astype()), vec!["floor_divide", "by 0"]),
        (text((ones(2) * f64::NAN).astype::<i64>().astype()), vec!["astype", "NaN", "int64"]),
        (text(ones(-3)), vec!["ones", "(-3,)"]),
        (
            text(concatenate([&ones((2, 2)), &ones((3, 3))], 0)),
            vec!["concatenate", "(2, 2)", "(3, 3)"],
        ),
    ] {
        for part in parts {
            assert!(found.contains(part), "{part:?} is not in {found:?}");
        }
    }
    let e = ones((3, 4)).reshape((5, 5)).sum().compute().unwrap_err();
    assert!(e.to_string().starts_with("reshape"), "{e}");
}

#[test]
fn products_of_matrices() {
    let (a, b) = (plain(), plain().t().to_owned());
    let two = |x: &ArrayD<f64>| x.clone().into_dimensionality::<ndarray::Ix2>().unwrap();
    let right = two(&a).dot(&two(&b));
    each_cut(|x, cut| {
        let found = x.dot(&from_array(b.clone(), (4, 5))).compute().unwrap();
        let most = (&two(&found) - &right).iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        assert!(most < 1e-8, "{cut}: {most}");
    });
    let x = arange(0..6i64).reshape((2, 3));
    assert_eq!(x.dot(&arange(0..3i64)).compute().unwrap(), ndarray::arr1(&[5, 14]).into_dyn());
    assert_eq!(arange(0..3i64).dot(&arange(0..3i64)).compute().unwrap()[[]], 5);
}

#[test]
fn files_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy").display().to_string();
    each_cut(|x, cut| {
        x.to_npy(&path).unwrap();
        assert_eq!(from_npy(&path).compute().unwrap(), plain(), "{cut}");
    });
    let x = arange(0..24i64).reshape((2, 3, 4));
    x.to_npy(&path).unwrap();
    assert_eq!(from_npy_of::<i64>(&path).t().compute().unwrap(), x.compute().unwrap().t());
    assert_eq!(from_npy(&path).slice(s![1, 2, 3]).compute().unwrap()[[]], 23.0);
    x.gt(5).to_npy(&path).unwrap();
    assert_eq!(from_npy_of::<bool>(&path).count_nonzero().compute().unwrap(), 18);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let text = |path: &str| from_npy(path).compute().unwrap_err().to_string();
    assert!(text(&path).contains("truncated"), "{}", text(&path));
    std::fs::write(&path, "a,b").unwrap();
    assert!(text(&path).contains("x93NUMPY") && text(&path).contains("x.npy"), "{}", text(&path));
    assert!(text("none.npy").contains("none.npy"));
}
