"""Arrays in the installed kernel: what is shown, and what is told of mistakes."""
import os, unittest
from client import Kernel


class Arrays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = Kernel()

    @classmethod
    def tearDownClass(cls):
        cls.kernel.close()

    def check(self, code, *parts):
        """Runs a cell whose text has these parts."""
        text = self.kernel.ok(code).text
        for part in parts:
            self.assertIn(part, text, code)

    def shown(self, code, kind):
        """Returns one of the forms in which a cell's result is shown."""
        [result] = self.kernel.ok(code).content("execute_result")
        return result["data"][kind]

    def test_sizes_that_are_not_known_are_shown_as_question_marks(self):
        self.kernel.ok("let x = da::arange(0..24i64).reshape((4, 6)).rechunk((2, 4));\nlet large = x.filter(&x.gt(20));")
        self.check("large.shape()", "[?]")
        self.assertIn("(?,)", self.shown("large", "text/html"))
        self.check("large.compute_chunk_sizes()?.shape()", "[3]")
        self.check("x.shape()", "[4, 6]")

    def test_a_matrix_is_drawn(self):
        picture = self.shown("plot::image(&da::fromfunction((600, 300), |i: &[usize]| (i[0] + i[1]) as f64)).title(\"sums\")", "image/svg+xml")
        self.assertEqual(picture.count("data:image/png"), 2)
        self.assertIn("a pixel is the mean of 2 x 1", picture)

    def test_decompositions_are_those_of_whole_matrices(self):
        self.kernel.ok("let a = da::random_seeded((200, 200), 2).rechunk((70, 200)) + da::eye(200) * 200.0;")
        self.check("let (p, l, u) = da::linalg::lu(&a);\n(p.dot(&l).dot(&u) - &a).abs().max().compute()? < 1e-11", "true")
        self.check("let (w, v) = da::linalg::eigh(&(&a + a.t()));\nw.shape()", "[200]")
        self.check("da::linalg::solve(&da::ones((3, 3)), &da::ones(3)).compute().unwrap_err().to_string()", "singular", "lstsq")

    def test_zarr_is_read_and_written(self):
        self.kernel.ok("let z = da::arange(0..1000i64).reshape((100, 10)).rechunk((30, 10));\nz.to_zarr(\"z.zarr\")?;")
        self.assertTrue(os.path.exists(os.path.join(self.kernel.folder, "z.zarr", "zarr.json")))
        self.check("da::from_zarr(\"z.zarr\").sum().compute()?", "499500")
        self.kernel.fails("da::from_zarr(\"none.zarr\").sum().compute()?", "none.zarr")

    def test_a_frame_becomes_an_array_of_integers(self):
        self.check("datasets::flights().select([\"distance\", \"hour\"]).to_array_of::<i64>().max_axis(0).compute()?", "[4983, 23]")

    def test_products_do_not_depend_on_the_chunks(self):
        self.kernel.ok("let (b, c) = (da::random_seeded((300, 700), 1), da::random_seeded((700, 90), 2));")
        self.check("let right = b.dot(&c).compute()?;\n[(7, 13), (300, 1), (64, 600)].iter().all(|s| b.rechunk(*s).dot(&c.rechunk((s.1, 9))).compute().is_ok_and(|x| x == right))", "true")
