//! NumPy's `.npy` files (versions 1 to 3 of the format, NumPy's NEP 1). Blocks are ranges of the
//! file, so that each is read and written alone.

use super::align::cast;
use super::args::IntoShape;
use super::block::Block;
use super::bytes::{append, elements};
use super::core::{Core, most_elements};
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::Grid;
use super::handle::{Array, Place, core, made};
use super::program::block_of;
use super::rechunk::rechunk;
use super::reshape::in_order;
use super::slice::transposed;
use crate::atomic_file::local;
use crate::error::{Error, Result};
use crate::graph::{Key, Layer, Name, Value, Work};
use crate::handle::Opaque;
use crate::sched;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

const MAGIC: &[u8] = b"\x93NUMPY";

/// What the header of a file says.
#[derive(Debug, PartialEq)]
struct Header {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Whether the first axis is the innermost one.
    is_fortran: bool,
    /// Where the elements begin.
    start: u64,
}

/// Returns NumPy's code of a type.
fn code(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "<f8",
        Dtype::F32 => "<f4",
        Dtype::I64 => "<i8",
        Dtype::I32 => "<i4",
        Dtype::U64 => "<u8",
        Dtype::U8 => "|u1",
        Dtype::Bool => "|b1",
        Dtype::C64 => "<c16",
    }
}

fn dtype_of(code: &str) -> Option<Dtype> {
    use Dtype::{Bool, C64, F32, F64, I32, I64, U8, U64};
    let all = [F64, F32, I64, I32, U64, U8, Bool, C64];
    // Bytes have no order.
    let code = if code.ends_with("u1") || code.ends_with("b1") { &code[1..] } else { code };
    all.into_iter().find(|d| self::code(*d).trim_start_matches('|') == code)
}

/// Returns the value of a key in the header's dictionary.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let rest = &text[text.find(&format!("'{key}'"))? + key.len() + 2..];
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// Reads the header; the error is what is wrong with it.
fn parsed(bytes: &[u8], start: u64) -> std::result::Result<Header, String> {
    let text = String::from_utf8_lossy(bytes);
    let missing = |key: &str| format!("its header has no valid {key:?}");
    let descr = value_of(&text, "descr").ok_or_else(|| missing("descr"))?;
    let descr = descr.split('\'').nth(1).filter(|_| descr.starts_with('\''));
    let descr = descr.ok_or_else(|| "its elements are records".to_owned())?;
    let dtype = dtype_of(descr).ok_or_else(|| format!("its elements are {descr:?}"))?;
    let order = value_of(&text, "fortran_order").ok_or_else(|| missing("fortran_order"))?;
    let shape = value_of(&text, "shape").ok_or_else(|| missing("shape"))?;
    let inside = shape.strip_prefix('(').and_then(|s| s.split_once(')')).map(|s| s.0);
    let lengths = inside.ok_or_else(|| missing("shape"))?.split(',').map(str::trim);
    let shape: std::result::Result<Vec<usize>, _> =
        lengths.filter(|n| !n.is_empty()).map(str::parse).collect();
    let shape = shape.map_err(|_| missing("shape"))?;
    Ok(Header { dtype, shape, is_fortran: order.starts_with("True"), start })
}

/// Opens a file and reads its header.
fn open(path: &str) -> Result<(File, Header)> {
    let io = Error::io("from_npy", path);
    let invalid = |what: String| {
        Error::bad_argument(
            "from_npy",
            format!("{path:?}: {what}; expected a .npy file of numbers, as numpy.save writes it"),
        )
    };
    let mut file = File::open(path).map_err(&io)?;
    let mut head = [0u8; 8];
    let read = file.read(&mut head).map_err(&io)?;
    if read < 8 || !head.starts_with(MAGIC) {
        return Err(invalid("it does not begin with \"\\x93NUMPY\"".to_owned()));
    }
    let (start, len) = if head[6] == 1 {
        let mut n = [0u8; 2];
        file.read_exact(&mut n).map_err(&io)?;
        (10, u64::from(u16::from_le_bytes(n)))
    } else {
        let mut n = [0u8; 4];
        file.read_exact(&mut n).map_err(&io)?;
        (12, u64::from(u32::from_le_bytes(n)))
    };
    let mut bytes = Vec::new();
    (&file).take(len).read_to_end(&mut bytes).map_err(&io)?;
    let header = parsed(&bytes, start + len).map_err(invalid)?;
    let has = file.metadata().map_err(&io)?.len();
    let elements = header.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
    let needs = elements
        .and_then(|n| n.checked_mul(header.dtype.size() as u64)?.checked_add(header.start))
        .unwrap_or(u64::MAX);
    if has < needs {
        return Err(invalid(format!("it has {has} bytes and needs {needs}: it is truncated")));
    }
    Ok((file, header))
}

/// Reads blocks of a file.
struct Reading {
    file: File,
    path: String,
    grid: Arc<Grid>,
    dtype: Dtype,
    start: u64,
    /// The number of each block's first element.
    firsts: Vec<usize>,
}

impl Work for Reading {
    fn run(&self, index: u32, _: Vec<Value>) -> Result<Value> {
        let shape = self.grid.block_shape(&self.grid.place(index as usize));
        let n: usize = shape.iter().product();
        let mut bytes = vec![0u8; n * self.dtype.size()];
        let at = self.start + (self.firsts[index as usize] * self.dtype.size()) as u64;
        self.file.read_exact_at(&mut bytes, at).map_err(Error::io("from_npy", &self.path))?;
        Ok(Arc::new(Block::new(shape, elements(&bytes, self.dtype))))
    }

    fn literals(&self) -> Vec<String> {
        vec![self.path.clone()]
    }
}

#[inline(never)]
fn read(path: &str, dtype: Dtype, place: Place) -> Opaque {
    let new = || {
        let (file, header) = open(local("from_npy", path)?)?;
        let mut shape = header.shape.clone();
        if header.is_fortran {
            shape.reverse();
        }
        let grid = in_order("from_npy", &shape, most_elements(header.dtype, None))?;
        let firsts = super::reshape::starts(&grid);
        let work = Reading {
            file,
            path: path.to_owned(),
            grid: grid.clone(),
            dtype: header.dtype,
            start: header.start,
            firsts,
        };
        let core = Core::of("from_npy", grid, header.dtype, &[], work);
        let order: Vec<usize> = (0..shape.len()).rev().collect();
        let core = if header.is_fortran { transposed("transpose", &core, &order) } else { core };
        Ok(cast(&core, dtype))
    };
    made(new(), place)
}

/// Reads a `.npy` file as floats; integers are converted. Blocks are read when they are needed.
///
/// ```
/// use rask::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.npy").display().to_string();
/// da::arange(0..6i64).reshape((2, 3)).to_npy(&path)?;
/// assert_eq!(da::from_npy(&path).sum_axis(0).compute()?.into_raw_vec_and_offset().0, [3.0, 5.0, 7.0]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn from_npy(path: &str) -> Array<f64> {
    Array::of(read(path, Dtype::F64, Location::caller()))
}

/// Reads a `.npy` file as elements of any type: `da::from_npy_of::<i64>("x.npy")`.
#[track_caller]
pub fn from_npy_of<T: ArrayElement>(path: &str) -> Array<T> {
    Array::of(read(path, T::DTYPE, Location::caller()))
}

#[inline(never)]
fn raw(path: &str, lengths: &[i64], offset: u64, dtype: Dtype, place: Place) -> Opaque {
    let new = || {
        let io = Error::io("from_raw_of", path);
        let shape = super::args::shape_of("from_raw_of", lengths)?;
        let file = File::open(local("from_raw_of", path)?).map_err(&io)?;
        let has = file.metadata().map_err(&io)?.len();
        let needs = (shape.iter().product::<usize>() * dtype.size()) as u64;
        if has < needs.saturating_add(offset) {
            return Err(Error::bad_argument(
                "from_raw_of",
                format!(
                    "{path:?} has {has} bytes; expected {needs} from byte {offset} on, for shape {} of {}",
                    super::grid::tuple(&shape),
                    dtype.name()
                ),
            ));
        }
        let grid = in_order("from_raw_of", &shape, most_elements(dtype, None))?;
        let firsts = super::reshape::starts(&grid);
        let path = path.to_owned();
        let work = Reading { file, path, grid: grid.clone(), dtype, start: offset, firsts };
        Ok(Core::of("from_raw_of", grid, dtype, &[], work))
    };
    made(new(), place)
}

/// Opens a file of bare elements, little-endian and in row-major order, as `numpy.memmap` does: from
/// byte `offset` on. Blocks are read when they are needed.
///
/// ```
/// use rask::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.raw").display().to_string();
/// std::fs::write(&path, [1, 0, 0, 0, 2, 0, 0, 0]).unwrap();
/// assert_eq!(da::from_raw_of::<i32>(&path, 2, 0).sum().compute()?, 3);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn from_raw_of<T: ArrayElement>(path: &str, shape: impl IntoShape, offset: u64) -> Array<T> {
    Array::of(raw(path, &shape.lengths(), offset, T::DTYPE, Location::caller()))
}

/// Writes blocks into a file.
struct Writing {
    file: File,
    path: String,
    start: u64,
    size: usize,
    firsts: Vec<usize>,
}

impl Work for Writing {
    fn reads(&self, _: &Layer, index: u32, out: &mut Vec<(u32, u32)>) {
        out.push((0, index));
    }

    fn run(&self, index: u32, values: Vec<Value>) -> Result<Value> {
        let at = self.start + (self.firsts[index as usize] * self.size) as u64;
        let mut bytes = Vec::new();
        append(block_of(&values[0]).data().slice(), &mut bytes);
        self.file.write_all_at(&bytes, at).map_err(Error::io("to_npy", &self.path))?;
        Ok(Arc::new(()))
    }
}

/// Returns the header of a file, padded so that the elements are aligned.
fn header(dtype: Dtype, shape: &[usize]) -> Vec<u8> {
    let dictionary = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
        code(dtype),
        super::grid::tuple(shape)
    );
    let whole = (10 + dictionary.len() + 1).next_multiple_of(64);
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend(((whole - 10) as u16).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.resize(whole - 1, b' ');
    bytes.push(b'\n');
    bytes
}

#[inline(never)]
fn write(inner: &Opaque, path: &str) -> Result<()> {
    let core = core(inner)?;
    let io = Error::io("to_npy", path);
    let path = local("to_npy", path)?;
    let folder = Path::new(path).parent().filter(|p| !p.as_os_str().is_empty());
    let mut temporary = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(&io)?;
    let shape = core.shape();
    let head = header(core.dtype, &shape);
    temporary.write_all(&head).map_err(&io)?;
    let rows = rechunk(core, &in_order("to_npy", &shape, core.largest().max(1))?);
    let work = Writing {
        file: temporary.as_file().try_clone().map_err(&io)?,
        path: path.to_owned(),
        start: head.len() as u64,
        size: core.dtype.size(),
        firsts: super::reshape::starts(&rows.grid),
    };
    let key = Key::new(Name::new("to_npy"));
    let layer = Layer::new(key, rows.layer.len, vec![rows.layer.at(0)], work);
    sched::compute(&layer.points())?;
    temporary.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

impl<T: ArrayElement> Array<T> {
    /// Writes the array to a `.npy` file, which NumPy and others read. The file gets its name once
    /// it is complete.
    ///
    /// # Errors
    /// Returns the error of the step that failed, of a task, or an error if the file cannot be
    /// written.
    pub fn to_npy(&self, path: &str) -> Result<()> {
        write(&self.inner, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_numpy() {
        let bytes = header(Dtype::F64, &[3, 4]);
        assert_eq!(bytes.len() % 64, 0);
        let read = parsed(&bytes[10..], 128).unwrap();
        let right = Header { dtype: Dtype::F64, shape: vec![3, 4], is_fortran: false, start: 128 };
        assert_eq!(read, right);
        let fortran = b"{'descr': '|b1', 'fortran_order': True, 'shape': (5,), }";
        assert_eq!(parsed(fortran, 10).unwrap().shape, [5]);
        assert!(parsed(fortran, 10).unwrap().is_fortran);
        for (bad, says) in [
            ("{'descr': '<U5', 'fortran_order': False, 'shape': (5,), }", "<U5"),
            ("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (5,), }", "records"),
            ("{'descr': '<f8', 'fortran_order': False, 'shape': (x,), }", "shape"),
        ] {
            assert!(parsed(bad.as_bytes(), 10).unwrap_err().contains(says), "{bad}");
        }
    }
}
