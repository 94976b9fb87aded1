//! What NumPy's values do not show: unknown sizes, neighbours, functions of blocks, mistakes, empty
//! arrays, files.

use super::*;
use ndarray::{ArrayD, NewAxis, arr1, s};

fn text<T: ArrayElement>(x: &Array<T>) -> String {
    x.compute().unwrap_err().to_string()
}

fn list<T: ArrayElement>(x: &Array<T>) -> Vec<T> {
    x.compute().unwrap().into_iter().collect()
}

#[test]
fn sizes_are_unknown_until_they_are_needed() {
    let x = arange(0..24i64).reshape((4, 6)).rechunk((2, 4));
    let large = x.filter(&x.gt(20));
    assert_eq!(format!("{:?} {:?}", large.shape(), large.chunks()), "[?] [[?, ?, ?, ?]]");
    assert_eq!((large.sum().compute().unwrap(), large.ndim(), large.npartitions()), (66, 1, 4));
    assert_eq!(format!("{large:?}"), "Array<int64>(shape=(?,), 4 chunks)");
    assert_eq!(list(&large), [21, 22, 23]);
    assert_eq!(large.compute_chunk_sizes().unwrap().chunks(), [vec![0, 0, 0, 3]]);
    // A step that needs the sizes counts them.
    assert_eq!(list(&(&large * 2).slice(s![..;-1])), [46, 44, 42]);
    assert_eq!(large.shape(), [3]);
    let rows = x.filter(&x.slice(s![.., 0]).gt(5));
    assert_eq!(format!("{:?}", rows.shape()), "[?, 6]");
    assert_eq!(rows.persist().unwrap().compute_chunk_sizes().unwrap().shape(), [3, 6]);
    assert_eq!(list(&rows.slice(s![0, ..])), [6, 7, 8, 9, 10, 11]);
    assert_eq!(list(&x.filter(&x.lt(0))), Vec::<i64>::new());
    assert!(x.filter(&x.lt(0)).mean().compute().unwrap().is_nan());
    assert_eq!(x.filter(&x.gt(20)).argmax().compute().unwrap(), 2);
    let parts = large.to_delayed();
    assert_eq!(parts[3].compute().unwrap(), arr1(&[21i64, 22, 23]).into_dyn());
    let e = text(&x.filter(&ones_of::<i64>(3).gt(0)));
    assert!(e.contains("(3,)") && e.contains("(4, 6)"), "{e}");
}

#[test]
fn masks_take_and_put() {
    let x = arange(0..12i64).reshape((3, 4)).rechunk((2, 3));
    assert_eq!(x.put_mask(&x.gt(5), 0).sum().compute().unwrap(), 15);
    assert_eq!(x.put_mask(&x.slice(s![.., 0]).gt(3), -1).sum().compute().unwrap(), 6 - 8);
    assert_eq!(list(&x.compress(&arange(0..4i64).gt(1), 1)), [2, 3, 6, 7, 10, 11]);
    let masked = ma::masked_inside(&x, 2, 9);
    assert_eq!(masked.count().compute().unwrap(), 4);
    assert_eq!(masked.sum().compute().unwrap(), 22);
    assert_eq!(list(&masked.sum_axis(1)), [1, 0, 21]);
    assert_eq!(list(&masked.mean_axis(0)), [0.0, 1.0, 10.0, 11.0]);
    assert_eq!(masked.filled(0).max().compute().unwrap(), 11);
    let y = x.astype::<f64>().log();
    assert_eq!(ma::masked_invalid(&y).count().compute().unwrap(), 11);
    assert_eq!(ma::masked_invalid(&y).filled(1.0).slice(s![0, 0]).compute().unwrap()[[]], 1.0);
    assert_eq!(ma::masked_values(&x, 3).min().compute().unwrap(), 0);
    assert_eq!(
        list(&ma::getmaskarray(&ma::masked_equal(&x, 5)).astype::<i64>().sum_axis(0)),
        [0, 1, 0, 0]
    );
    assert_eq!(ma::getdata(&ma::masked_less(&x, 5)).sum().compute().unwrap(), 66);
    assert_eq!(ma::masked_outside(&x, 3, 5).mean().compute().unwrap(), 4.0);
    assert_eq!(ma::masked_where(&x.ge(3), &x).std().compute().unwrap(), (2.0f64 / 3.0).sqrt());
    assert_eq!(ma::masked_not_equal(&x, 4).var().compute().unwrap(), 0.0);
    assert_eq!(ma::masked_greater(&x, 4).max().compute().unwrap(), 4);
    assert_eq!(ma::masked_greater_equal(&x, 4).count().compute().unwrap(), 4);
    assert_eq!(ma::masked_less_equal(&x, 4).compressed().len_of(), 7);
    assert_eq!(list(&ma::masked_less(&x, 10).nonzero()[1]), [2, 3]);
}

impl<T: ArrayElement> Array<T> {
    fn len_of(&self) -> usize {
        self.compute().unwrap().len()
    }
}

#[test]
fn blocks_see_their_neighbours() {
    let mean = |b: &ArrayD<f64>| {
        let at = |i: isize| b.get([i.max(0) as usize].as_slice()).copied();
        let of = |i: usize| {
            let near = [at(i as isize - 1).filter(|_| i > 0), at(i as isize), at(i as isize + 1)];
            near.iter().flatten().sum::<f64>()
        };
        ndarray::Array1::from_shape_fn(b.len(), of).into_dyn()
    };
    let x = arange(0.0..10.0);
    for (boundary, right) in [
        (Boundary::None, [1.0, 17.0]),
        (Boundary::Constant(5.0), [6.0, 22.0]),
        (Boundary::Pad(PadMode::Edge), [1.0, 26.0]),
        (Boundary::Pad(PadMode::Reflect), [2.0, 25.0]),
        (Boundary::Pad(PadMode::Wrap), [10.0, 17.0]),
    ] {
        for cut in [1, 2, 3, 7, 10] {
            let found = list(&x.rechunk(cut).map_overlap(1, boundary, mean));
            assert_eq!([found[0], found[9]], right, "{boundary:?} {cut}");
            assert_eq!(found[4], 12.0, "{boundary:?} {cut}");
        }
    }
    // Neighbours that are further away than the next block.
    let whole = list(&x.rechunk(10).map_overlap(4, Boundary::None, |b| b.clone()));
    assert_eq!(list(&x.rechunk(1).map_overlap(4, Boundary::None, |b| b.clone())), whole);
    let e = text(&x.map_overlap(11, Boundary::None, |b| b.clone()));
    assert!(e.contains("(11,)") && e.contains("(10,)"), "{e}");
    let e = text(&x.map_overlap(1, Boundary::None, |_| arr1(&[1.0]).into_dyn()));
    assert!(e.contains("shape (1,)"), "{e}");
}

#[test]
fn functions_of_blocks() {
    let x = arange(0..24i64).reshape((4, 6)).rechunk((3, 4));
    let y = x.map_blocks_with(&ones((4, 6)), |a: &ArrayD<i64>, b: &ArrayD<f64>| {
        a.mapv(|v| v as f64) + b
    });
    assert_eq!(y.sum().compute().unwrap(), 300.0);
    let most = |b: &ArrayD<i64>| b.map_axis(ndarray::Axis(0), |l| *l.iter().max().unwrap());
    let found = x.reduction(0, move |b| most(b).insert_axis(ndarray::Axis(0)), most);
    assert_eq!(list(&found), [18, 19, 20, 21, 22, 23]);
    assert_eq!(x.blocks((0, -1)).shape(), [3, 2]);
    assert_eq!(list(&x.blocks((-1, 0))), [18, 19, 20, 21]);
    let value = crate::delayed::delayed(|n: usize| ArrayD::<f64>::ones(vec![n])).call((3usize,));
    assert_eq!(from_delayed(&value, 3).sum().compute().unwrap(), 3.0);
    assert!(text(&from_delayed(&value, 4)).contains("(3,) where (4,)"));
    let parts = unify_chunks([&x, &x.rechunk((2, 6))]);
    assert_eq!(parts[0].chunks(), parts[1].chunks());
    assert_eq!(list(&x.map_with(&(&x * 2), |a: i64, b: i64| b - a)), list(&x));
}

#[test]
fn decompositions_of_many_rows_do_not_depend_on_the_chunks() {
    let x = rng(3).normal(0.0, 1.0, (10_000, 600));
    let (q, r) = linalg::qr(&x);
    assert_eq!(q.numblocks(), [2, 1], "there is more than one block");
    assert!((q.dot(&r) - &x).abs().max().compute().unwrap() < 1e-11);
    assert!((q.t().dot(&q) - eye(600)).abs().max().compute().unwrap() < 1e-13);
    let other = linalg::tsqr(&x.rechunk((1111, 250))).1;
    assert_eq!(r.compute().unwrap(), other.compute().unwrap());
    let a = &x.slice(s![..900, ..]).t().dot(&x.slice(s![..900, ..])) + eye(600) * 10;
    let big = block(&[vec![&a, &zeros((600, 600))], vec![&zeros((600, 600)), &a]]);
    let l = linalg::cholesky(&big);
    assert_eq!(l.numblocks(), [2, 2]);
    assert!((l.dot(&l.t()) - &big).abs().max().compute().unwrap() < 1e-8);
    assert_eq!(linalg::cholesky(&big.rechunk((300, 700))).compute().unwrap(), l.compute().unwrap());
    let (u, s, vt) =
        linalg::svd_compressed(&random_seeded((300, 5), 1).dot(&random_seeded((5, 200), 2)), 5);
    assert_eq!(
        (u.shape(), s.shape(), vt.shape()),
        (Sizes(vec![300, 5]), Sizes(vec![5]), Sizes(vec![5, 200]))
    );
    let right = random_seeded((300, 5), 1).dot(&random_seeded((5, 200), 2));
    assert!(((&u * &s).dot(&vt) - right).abs().max().compute().unwrap() < 1e-11);
    let (p, l, u) = linalg::lu(&random_seeded((50, 50), 5));
    assert!(
        (p.dot(&l).dot(&u) - random_seeded((50, 50), 5)).abs().max().compute().unwrap() < 1e-13
    );
    let wide = linalg::svd(&random_seeded((3, 50), 5));
    assert!(
        ((&wide.0 * &wide.1).dot(&wide.2) - random_seeded((3, 50), 5))
            .abs()
            .max()
            .compute()
            .unwrap()
            < 1e-13
    );
    let (w, v) = linalg::eigh(&a);
    assert!((a.dot(&v) - &v * &w).abs().max().compute().unwrap() < 1e-8);
}

#[test]
fn products_do_not_depend_on_the_chunks() {
    let (a, b) = (random_seeded((70, 1100), 1), random_seeded((1100, 50), 2));
    let right = a.dot(&b).compute().unwrap();
    for cut in [(7, 13), (70, 1), (1, 1100), (64, 600)] {
        let found = a.rechunk(cut).dot(&b.rechunk((cut.1, 9))).compute().unwrap();
        assert_eq!(found, right, "{cut:?}");
    }
    let row = a.slice(s![0, ..]);
    let line = row.dot(&b.slice(s![.., 0])).compute().unwrap();
    assert_eq!(line[[]], right[[0, 0]]);
    let big = full((2, 2), i64::MAX).dot(&full((2, 2), 2i64));
    assert!(text(&big).contains("dot: integer overflow"), "{}", text(&big));
}

#[test]
fn further_mistakes_say_what_was_wrong() {
    let x = ones((3, 4));
    let z = x.astype::<Complex64>();
    for (found, parts) in [
        (text(&linalg::cholesky(&(eye(3) * -1.0))), vec!["cholesky", "positive definite"]),
        (text(&linalg::solve(&ones((3, 3)), &ones(3))), vec!["solve", "singular", "lstsq"]),
        (text(&linalg::inv(&x)), vec!["inv", "(3, 4)", "as many rows"]),
        (text(&linalg::solve(&eye(3), &ones(4))), vec!["solve", "(3, 3)", "(4,)"]),
        (text(&linalg::qr(&(&x * f64::NAN)).0), vec!["qr", "NaN", "nan_to_num"]),
        (text(&linalg::svd_compressed(&x, 9).1), vec!["svd_compressed", "9", "1 to 3"]),
        (text(&einsum("ij,jk->ik", [&x, &x])), vec!["einsum", "\"ij,jk->ik\"", "(3, 4), (3, 4)"]),
        (text(&x.tensordot(&x, 1)), vec!["tensordot", "(3, 4)"]),
        (text(&x.take([7], 0)), vec!["take", "index 7", "axis 0 with 3"]),
        (text(&z.sort(0)), vec!["sort", "complex", ".abs()"]),
        (text(&x.pad((1, 2, 3), 0.0)), vec!["pad", "2 axes"]),
        (text(&zeros((0, 2)).pad_with(1, PadMode::Edge)), vec!["pad", "axis 0", "(0, 2)"]),
        (text(&x.histogram(0).1), vec!["histogram", "0 bins"]),
        (text(&(&x * f64::NAN).histogram(3).1), vec!["histogram", "NaN", "range"]),
        (text(&x.coarsen(&[(1, 3)], |w| w[[0, 0]])), vec!["coarsen", "axis 1 with 4"]),
        (text(&rng(1).gamma(-1.0, 1.0, 3)), vec!["gamma", "-1"]),
        (text(&fft::fft(&full((), 1.0))), vec!["fft", "axis"]),
        (text(&x.insert(9, 0, 0)), vec!["insert", "index 9"]),
    ] {
        for part in parts {
            assert!(found.contains(part), "{part:?} is not in {found:?}");
        }
    }
    for (found, part) in [
        (text(&rng(1).integers(3, 3, 4)), "from 3 below 3"),
        (text(&choose(&full(2, 5i64), [&full(2, 1i64)])), "index 5 of 1"),
        (text(&(&arange(0..3i64) - 1).bincount(0)), "element -1"),
        (text(&x.bincount(0)), "list of integers"),
        (text(&ravel_multi_index(&[&full(1, 9i64)], 4)), "index 9"),
        (text(&full(3, i64::MAX).cumsum(0)), "does not fit int64"),
    ] {
        assert!(found.contains(part), "{part:?} is not in {found:?}");
    }
    let e = x.quantile(1.5).compute().unwrap_err().to_string();
    assert!(e.contains("1.5") && e.contains("0 to 1"), "{e}");
}

#[test]
fn empty_arrays_and_those_without_axes() {
    let none = zeros((0, 3));
    assert_eq!(none.sort(0).shape(), [0, 3]);
    assert_eq!(none.unique().compute().unwrap().len(), 0);
    assert!(none.median().compute().unwrap().is_nan());
    assert_eq!(none.cumsum(0).compute().unwrap().shape(), [0, 3]);
    assert_eq!(
        none.t().dot(&zeros((0, 2))).compute().unwrap(),
        ndarray::Array2::<f64>::zeros((3, 2)).into_dyn()
    );
    assert_eq!(none.histogram((2, 0.0..1.0)).0.sum().compute().unwrap(), 0);
    assert_eq!(none.roll(2).shape(), [0, 3]);
    assert_eq!(none.tile((2, 2)).shape(), [0, 6]);
    assert_eq!(concatenate([&none, &ones((2, 3))], 0).sum().compute().unwrap(), 6.0);
    assert_eq!(none.nonzero()[0].len_of(), 0);
    assert_eq!(
        empty((2, 2)).sum().compute().unwrap() + empty_like(&ones(3)).sum().compute().unwrap(),
        0.0
    );
    let one = full((), 3.0);
    assert_eq!(list(&one.unique()), [3.0]);
    assert_eq!(one.median().compute().unwrap(), 3.0);
    assert_eq!(list(&one.roll(5)), [3.0]);
    assert_eq!(list(&one.ravel().take([0, 0], 0)), [3.0, 3.0]);
    assert_eq!(linalg::qr(&zeros((0, 2))).1.compute().unwrap().shape(), [0, 2]);
}

#[test]
fn random_numbers_of_all_distributions_do_not_depend_on_the_chunks() {
    let of = |cut: i64| {
        let r = rng(5);
        let floats = [r.gamma(0.5, 2.0, 50), r.beta(1.0, 2.0, 50), r.vonmises(0.0, 1.0, 50)];
        let whole = [
            r.integers(0, 100, 50),
            r.poisson(40.0, 50),
            r.permutation(&arange(0..50i64).rechunk(cut)),
            r.choice(&arange(0..9i64), 50),
        ];
        let floats: Vec<Vec<f64>> = floats.iter().map(|x| list(&x.rechunk(cut))).collect();
        let whole: Vec<Vec<i64>> = whole.iter().map(|x| list(&x.rechunk(cut))).collect();
        (floats, whole)
    };
    let right = of(50);
    assert_eq!(of(7), right);
    assert_eq!(of(1), right);
    let mut order = right.1[2].clone();
    assert_ne!(order, (0..50).collect::<Vec<i64>>());
    order.sort_unstable();
    assert_eq!(order, (0..50).collect::<Vec<i64>>());
    let some = list(&rng(2).sample(&arange(0..10i64), 4));
    assert_eq!(some.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn zarr_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let x = arange(0..1000i64).reshape((100, 10)).rechunk((30, 10));
    x.to_zarr(&path("x.zarr")).unwrap();
    let back = from_zarr_of::<i64>(&path("x.zarr"));
    assert_eq!(back.chunks(), [vec![30, 30, 30, 10], vec![10]]);
    assert_eq!(back.compute().unwrap(), x.compute().unwrap());
    assert_eq!(from_zarr(&path("x.zarr")).slice(s![99, 9]).compute().unwrap()[[]], 999.0);
    // Chunks that differ are cut again.
    x.rechunk(vec![vec![10, 60, 30], vec![4, 6]]).to_zarr(&path("y.zarr")).unwrap();
    let back = from_zarr_of::<i64>(&path("y.zarr"));
    assert_eq!(back.chunks(), [vec![60, 40], vec![6, 4]]);
    assert_eq!(back.compute().unwrap(), x.compute().unwrap());
    for (name, array) in [("b", x.gt(5).astype::<f64>()), ("c", x.astype::<f64>().sqrt())] {
        array.to_zarr(&path(name)).unwrap();
        assert_eq!(from_zarr(&path(name)).compute().unwrap(), array.compute().unwrap());
    }
    let z = x.astype::<Complex64>() * Complex64::I;
    z.to_zarr(&path("z")).unwrap();
    assert_eq!(from_zarr_of::<Complex64>(&path("z")).compute().unwrap(), z.compute().unwrap());
    // A chunk that is missing has the fill value; one that is cut off is an error with its path.
    let chunk = folder.path().join("x.zarr/c/1/0");
    let whole = std::fs::read(&chunk).unwrap();
    std::fs::remove_file(&chunk).unwrap();
    assert_eq!(list(&from_zarr_of::<i64>(&path("x.zarr")).slice(s![29..31, 0])), [290, 0]);
    std::fs::write(&chunk, &whole[..whole.len() - 3]).unwrap();
    let e = text(&from_zarr(&path("x.zarr")));
    assert!(e.contains("x.zarr") && e.contains("c/1/0"), "{e}");
    assert!(text(&from_zarr("none.zarr")).contains("none.zarr"));
    std::fs::write(folder.path().join("x.zarr/zarr.json"), "{\"zarr_format\": 3}").unwrap();
    let e = text(&from_zarr(&path("x.zarr")));
    assert!(e.contains("x.zarr") && e.contains("version 2 or 3"), "{e}");
}

#[test]
fn properties() {
    let x = ones((40, 60)).rechunk((25, 30));
    assert_eq!((x.size(), x.itemsize(), x.nbytes(), x.dtype()), (2400, 8, 19_200, "float64"));
    assert_eq!((x.chunksize(), x.numblocks()), (vec![25, 30], vec![2, 2]));
    assert_eq!(x.clone().t().flatten().shape(), [2400]);
    let card = crate::show::Show::show(&x).data["text/html"].clone();
    assert!(card.contains("<svg") && card.contains("(40, 60)"), "{card}");
    let drawn = crate::show::Show::show(&(&x + 1.0).visualize()).data["image/svg+xml"].clone();
    assert!(drawn.contains("add"), "{drawn}");
}

/// The array of the tutorials about slices: element (i, j, k) is 100 i + 10 j + k.
#[test]
fn a_cube_is_cut_and_put_together_as_in_numpy() {
    for cut in [(6, 5, 4), (2, 3, 4), (4, 2, 1), (1, 1, 1)] {
        let a = fromfunction((6, 5, 4), |i: &[usize]| (100 * i[0] + 10 * i[1] + i[2]) as i64);
        let a = a.rechunk(cut);
        let shape = |x: &Array<i64>| x.compute().unwrap().shape().to_vec();
        assert_eq!(list(&a.slice(s![1, .., ..]).slice(s![0, ..])), [100, 101, 102, 103]);
        assert_eq!(list(&a.slice(s![-1, ..;-1, ..]).slice(s![0, ..])), [540, 541, 542, 543]);
        let part = a.slice(s![..;2, 1..4, ..;-2]);
        assert_eq!(
            (shape(&part), part.slice(s![1, 0, ..]).compute().unwrap()[[0]]),
            (vec![3, 3, 2], 213)
        );
        assert_eq!(
            a.take([4, 0, 4], 0).slice(s![.., 0, 0]).compute().unwrap(),
            arr1(&[400, 0, 400]).into_dyn()
        );
        assert_eq!(list(&a.take([3, 1], 1).slice(s![0, .., 0])), [30, 10]);
        assert_eq!(list(&a.slice(s![.., .., 0]).slice(s![0, ..])), [0, 10, 20, 30, 40]);
        let rows = a.slice(s![2..6;-2, NewAxis, 0, ..]);
        assert_eq!(
            (shape(&rows), rows.slice(s![.., 0, 0]).compute().unwrap()),
            (vec![2, 1, 4], arr1(&[500, 300]).into_dyn())
        );
        assert_eq!(shape(&a.slice(s![2..2, .., ..])), [0, 5, 4]);
        let turned = a.transpose((2, 0, 1)) * arange(0..5i64);
        assert_eq!(
            (turned.shape(), turned.sum().compute().unwrap()),
            (Sizes(vec![4, 6, 5]), 67_560)
        );
        assert_eq!(
            a.reshape((8, 15)).slice(s![3, ..3]).compute().unwrap(),
            arr1(&[211, 212, 213]).into_dyn()
        );
        assert_eq!(a.filter(&a.gt(300)).sum().compute().unwrap(), 24_990);
        assert_eq!(concatenate([&a, &a], 1).shape(), [6, 10, 4]);
        assert_eq!(stack([&a, &a], 0).shape(), [2, 6, 5, 4]);
        let (b, c) = (a.slice(s![0, .., ..]), a.slice(s![1, .., ..]));
        assert_eq!(b.tensordot(&c.t(), 1).trace().compute().unwrap(), 56_270);
        assert_eq!(where_(&(&a % 2).eq(0), &a, -&a).sum().compute().unwrap(), -60);
        assert_eq!(list(&a.diff(1, 0).unique()), [100]);
        assert_eq!(a.roll(3).slice(s![0, 0, 0]).compute().unwrap()[[]], 541);
        assert_eq!(a.pad(1, 0).sum().compute().unwrap(), 32_580);
        assert_eq!(a.flip().slice(s![0, 0, 0]).compute().unwrap()[[]], 543);
        let product = a.slice(s![.., .., 0]).matmul(&a.slice(s![.., .., 1]).t());
        assert_eq!(product.sum().compute().unwrap(), 13_206_600);
    }
    assert_eq!(ones((6, 5)).rechunk(vec![vec![2, 4], vec![5]]).chunks(), [vec![2, 4], vec![5]]);
    assert_eq!(ones(20).rechunk(3).rechunk(6).chunks(), [vec![6, 6, 6, 2]]);
    assert_eq!(ones(12).rechunk(3).rechunk_balanced(5).chunks(), [vec![6, 6]]);
    assert_eq!(ones(20).rechunk_balanced(6).chunks(), [vec![7, 7, 6]]);
}

#[test]
fn bare_elements_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.raw").display().to_string();
    let bytes: Vec<u8> = (0..12i32).flat_map(i32::to_le_bytes).collect();
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(list(&from_raw_of::<i32>(&path, (3, 4), 0).sum_axis(1)), [6, 22, 38]);
    assert_eq!(list(&from_raw_of::<i32>(&path, 2, 40)), [10, 11]);
    let e = text(&from_raw_of::<f64>(&path, (3, 4), 0));
    assert!(e.contains("48 bytes; expected 96") && e.contains("(3, 4) of float64"), "{e}");
}
