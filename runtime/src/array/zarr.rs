//! Zarr, versions 2 and 3, local and on S3, by the crate `zarrs`: a block of the array is a chunk.

use super::align::cast;
use super::block::Block;
use super::bytes::{append, elements};
use super::calls::{layer, of_blocks};
use super::core::Core;
use super::data::Data;
use super::dtype::Dtype;
use super::element::ArrayElement;
use super::grid::{Grid, equal, tuple};
use super::handle::{Array, Place, core, made};
use super::program::block_of;
use super::rechunk::rechunk;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{local, read_if_exists, write_whole};
use crate::graph::Value;
use crate::handle::Opaque;
use crate::sched;
use crate::show::warn;
use std::panic::Location;
use std::path::Path;
use std::sync::{Arc, Mutex};
use zarrs::array::codec::ZstdCodec;
use zarrs::array::{ArrayBuilder, ArrayBytes, ArraySubset, FillValue, data_type};
use zarrs::plugin::{ExtensionName, ZarrVersion};
use zarrs::storage::byte_range::ByteRangeIterator;
use zarrs::storage::{
    Bytes, MaybeBytesIterator, OffsetBytesIterator, ReadableStorageTraits, StorageError, StoreKey,
    StorePrefix, WritableStorageTraits, store_set_partial_many,
};

/// The files of one array, under a path or an address.
struct Store {
    method: &'static str,
    root: String,
    /// The last error, which `zarrs` passes on as text only.
    error: Mutex<Option<Error>>,
}

impl Store {
    fn new(method: &'static str, root: &str) -> Self {
        Self { method, root: root.trim_end_matches('/').to_owned(), error: Mutex::new(None) }
    }

    fn path(&self, key: &StoreKey) -> String {
        format!("{}/{}", self.root, key.as_str())
    }

    fn failed(&self, error: Error) -> StorageError {
        let text = error.to_string();
        if let Ok(mut last) = self.error.lock() {
            *last = Some(error);
        }
        StorageError::Other(text)
    }

    /// Returns the error of an operation: of a file, if one could not be read or written.
    fn error(&self, what: &dyn std::fmt::Display) -> Error {
        let last = self.error.lock().ok().and_then(|mut e| e.take());
        last.unwrap_or_else(|| {
            Error::bad_argument(
                self.method,
                format!("{:?}: {what}; expected a Zarr array of version 2 or 3", self.root),
            )
        })
    }
}

impl ReadableStorageTraits for Store {
    fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        ranges: ByteRangeIterator<'a>,
    ) -> std::result::Result<MaybeBytesIterator<'a>, StorageError> {
        let found = read_if_exists(self.method, &self.path(key)).map_err(|e| self.failed(e))?;
        let Some(bytes) = found.map(Bytes::from) else { return Ok(None) };
        let parts = ranges.map(move |range| {
            let n = bytes.len() as u64;
            let range = range.to_range(n);
            if range.start > range.end || range.end > n {
                return Err(StorageError::Other(format!("{range:?} is beyond its {n} bytes")));
            }
            Ok(bytes.slice(range.start as usize..range.end as usize))
        });
        Ok(Some(Box::new(parts)))
    }

    fn size_key(&self, key: &StoreKey) -> std::result::Result<Option<u64>, StorageError> {
        let found = read_if_exists(self.method, &self.path(key)).map_err(|e| self.failed(e))?;
        Ok(found.map(|b| b.len() as u64))
    }

    fn supports_get_partial(&self) -> bool {
        false
    }
}

impl WritableStorageTraits for Store {
    fn set(&self, key: &StoreKey, value: Bytes) -> std::result::Result<(), StorageError> {
        write_whole(self.method, &self.path(key), value.into()).map_err(|e| self.failed(e))
    }

    fn set_partial_many(
        &self,
        key: &StoreKey,
        values: OffsetBytesIterator<'_>,
    ) -> std::result::Result<(), StorageError> {
        store_set_partial_many(self, key, values)
    }

    fn erase(&self, key: &StoreKey) -> std::result::Result<(), StorageError> {
        match std::fs::remove_file(local(&self.path(key))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(self.failed(Error::io(self.method, &self.path(key))(e)))
            }
            _ => Ok(()),
        }
    }

    fn erase_prefix(&self, _: &StorePrefix) -> std::result::Result<(), StorageError> {
        Err(StorageError::Unsupported("arrays are never erased".to_owned()))
    }

    fn supports_set_partial(&self) -> bool {
        false
    }
}

/// How elements in a file become those of an array.
#[derive(Clone, Copy)]
struct Stored {
    /// The bytes of an element.
    size: usize,
    dtype: Dtype,
    convert: fn(&[u8]) -> Data,
}

macro_rules! stored {
    ($t:ty as $wide:ty => $v:ident) => {
        Stored {
            size: size_of::<$t>(),
            dtype: Dtype::$v,
            convert: |bytes| {
                let parts = bytes.as_chunks::<{ size_of::<$t>() }>().0;
                Data::$v(parts.iter().map(|b| <$wide>::from(<$t>::from_ne_bytes(*b))).collect())
            },
        }
    };
    ($v:ident) => {
        Stored {
            size: Dtype::$v.size(),
            dtype: Dtype::$v,
            convert: |bytes| elements(bytes, Dtype::$v),
        }
    };
}

/// Returns how elements of a type are read; types that arrays do not have become wider ones.
fn stored(name: &str) -> Option<Stored> {
    Some(match name {
        "float64" => stored!(F64),
        "float32" => stored!(F32),
        "int64" => stored!(I64),
        "int32" => stored!(I32),
        "uint64" => stored!(U64),
        "uint8" => stored!(U8),
        "bool" => stored!(Bool),
        "complex128" => stored!(C64),
        "int8" => stored!(i8 as i32 => I32),
        "int16" => stored!(i16 as i32 => I32),
        "uint16" => stored!(u16 as i32 => I32),
        "uint32" => stored!(u32 as i64 => I64),
        _ => return None,
    })
}

/// Returns the error for a path without an array.
fn not_found(path: &str) -> Error {
    ErrorKind::FileNotFound {
        method: "from_zarr".to_owned(),
        path: path.to_owned(),
        folder: crate::fs::known_folder(path).display().to_string(),
        nearby: Vec::new(),
    }
    .into()
}

fn open(path: &str) -> Result<Core> {
    let is_local = !crate::fs::is_remote(path);
    if is_local && !Path::new(local(path)).exists() {
        return Err(not_found(path));
    }
    let store = Arc::new(Store::new("from_zarr", path));
    let array = zarrs::array::Array::open(store.clone(), "/").map_err(|e| store.error(&e))?;
    let name = array.data_type().name(ZarrVersion::V3).unwrap_or_default().into_owned();
    let stored = stored(&name).ok_or_else(|| {
        Error::bad_argument(
            "from_zarr",
            format!("{path:?}: elements of type {name:?}; expected numbers of up to 64 bits, booleans or complex numbers"),
        )
    })?;
    let shape: Vec<usize> = array.shape().iter().map(|n| *n as usize).collect();
    let chunks = (0..shape.len()).map(|axis| {
        let n = array.chunk_grid_shape()[axis];
        let mut left = shape[axis];
        (0..n)
            .map(|i| {
                let mut place = vec![0; shape.len()];
                place[axis] = i;
                let size = array.chunk_shape(&place).map_err(|e| store.error(&e))?;
                let size = (u64::from(size[axis]) as usize).min(left);
                left -= size;
                Ok(size)
            })
            .collect::<Result<Vec<usize>>>()
            .map(|sizes| if sizes.is_empty() { vec![0] } else { sizes })
    });
    let grid = Arc::new(Grid::new(chunks.collect::<Result<Vec<_>>>()?));
    let to = grid.clone();
    let reads = |_: usize, _: &mut dyn FnMut(usize, usize)| {};
    Ok(of_blocks("from_zarr", grid, stored.dtype, &[], reads, move |i, _| {
        let place = to.place(i);
        let (start, shape) = (to.block_start(&place), to.block_shape(&place));
        let ranges: Vec<std::ops::Range<u64>> =
            start.iter().zip(&shape).map(|(s, n)| *s as u64..(s + n) as u64).collect();
        let subset = ArraySubset::from(ranges);
        let key: Vec<u64> = place.iter().map(|p| *p as u64).collect();
        let failed = |e: &dyn std::fmt::Display| {
            store.error(&format!("chunk {:?}: {e}", array.chunk_key(&key).as_str()))
        };
        let bytes: ArrayBytes<'static> =
            array.retrieve_array_subset(&subset).map_err(|e| failed(&e))?;
        let bytes = bytes.into_fixed().map_err(|e| failed(&e))?;
        let n: usize = shape.iter().product();
        if bytes.len() != n * stored.size {
            return Err(failed(&format!(
                "{} bytes where {} are expected",
                bytes.len(),
                n * stored.size
            )));
        }
        Ok(Block::new(shape, (stored.convert)(&bytes)))
    }))
}

#[inline(never)]
fn read(path: &str, dtype: Dtype, place: Place) -> Opaque {
    made(open(path).map(|core| cast(&core, dtype)), place)
}

/// Opens a Zarr array (version 2 or 3, local or on S3) as floats; integers are converted. Its chunks
/// are the array's, and are read when they are needed; a chunk that is missing has the fill value.
///
/// ```
/// use rask::prelude::*;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.zarr").display().to_string();
/// da::arange(0..6i64).reshape((2, 3)).to_zarr(&path)?;
/// assert_eq!(da::from_zarr(&path).sum_axis(0).compute()?.into_raw_vec_and_offset().0, [3.0, 5.0, 7.0]);
/// # Ok::<(), rask::Error>(())
/// ```
#[track_caller]
pub fn from_zarr(path: &str) -> Array<f64> {
    Array::of(read(path, Dtype::F64, Location::caller()))
}

/// Opens a Zarr array as elements of any type: `da::from_zarr_of::<i64>("x.zarr")`.
#[track_caller]
pub fn from_zarr_of<T: ArrayElement>(path: &str) -> Array<T> {
    Array::of(read(path, T::DTYPE, Location::caller()))
}

/// Returns the chunks of a grid that are all of one size but for the last one of an axis.
fn regular(grid: &Grid) -> Option<Vec<usize>> {
    let size = |chunks: &Arc<[usize]>| {
        let (last, rest) = chunks.split_last()?;
        let size = rest.first().copied().unwrap_or(*last);
        (rest.iter().all(|n| *n == size) && *last <= size).then_some(size.max(1))
    };
    grid.chunks.iter().map(size).collect()
}

/// Returns the array in chunks that a Zarr array can have.
fn regularly(core: &Core) -> (Core, Vec<usize>) {
    if let Some(sizes) = regular(&core.grid) {
        return (core.clone(), sizes);
    }
    let sizes: Vec<usize> = core.grid.largest().iter().map(|n| (*n).max(1)).collect();
    let grid =
        Grid::new(core.shape().into_iter().zip(&sizes).map(|(n, size)| equal(n, *size)).collect());
    warn(&format!(
        "to_zarr: Zarr's chunks have one size, and these differ; they are written as {}",
        tuple(&sizes)
    ));
    (rechunk(core, &Arc::new(grid)), sizes)
}

macro_rules! zarr_types {
    ($dtype:expr, $($v:ident => $name:ident, $zero:expr;)*) => {
        match $dtype {
            $(Dtype::$v => (data_type::$name(), FillValue::from($zero)),)*
        }
    };
}

#[inline(never)]
fn write(inner: &Opaque, path: &str) -> Result<()> {
    let (core, sizes) = regularly(core(inner)?);
    let dtype = core.dtype;
    let (data_type, zero) = zarr_types!(dtype,
        F64 => float64, 0.0f64; F32 => float32, 0.0f32; I64 => int64, 0i64; I32 => int32, 0i32; U64 => uint64, 0u64;
        U8 => uint8, 0u8; Bool => bool, false; C64 => complex128, num_complex::Complex64::ZERO;
    );
    let shape: Vec<u64> = core.shape().iter().map(|n| *n as u64).collect();
    let chunks: Vec<u64> = sizes.iter().map(|n| *n as u64).collect();
    let store = Arc::new(Store::new("to_zarr", path));
    let array = ArrayBuilder::new(shape, chunks, data_type, zero)
        .bytes_to_bytes_codecs(vec![Arc::new(ZstdCodec::new(3, false))])
        .build(store.clone(), "/")
        .map_err(|e| store.error(&e))?;
    let array = Arc::new(array);
    let (grid, to, from) = (core.grid.clone(), array.clone(), store.clone());
    let reads = |i: usize, read: &mut dyn FnMut(usize, usize)| read(0, i);
    let layer = layer("to_zarr", grid.blocks(), &[&core.layer], reads, move |i, values| {
        let block = block_of(&values[0]);
        if block.len() > 0 {
            let place = grid.place(i);
            // Chunks at the ends are as large as the others.
            let whole = if block.shape == sizes {
                std::borrow::Cow::Borrowed(block)
            } else {
                let mut data = super::merge::zeros(dtype, sizes.iter().product());
                super::merge::copy(block, &vec![0; sizes.len()], &sizes, &mut data);
                std::borrow::Cow::Owned(Block::new(sizes.clone(), data))
            };
            let mut bytes = Vec::with_capacity(whole.len() * dtype.size());
            append(whole.data().slice(), &mut bytes);
            let place: Vec<u64> = place.iter().map(|p| *p as u64).collect();
            to.store_chunk(&place, ArrayBytes::from(bytes)).map_err(|e| from.error(&e))?;
        }
        Ok(Arc::new(()) as Value)
    });
    sched::compute(&layer.points())?;
    // The array can be opened once all of its chunks are there.
    array.store_metadata().map_err(|e| store.error(&e))
}

impl<T: ArrayElement> Array<T> {
    /// Writes the array as Zarr, version 3, compressed by Zstandard, to a folder or to S3. A chunk of
    /// the array is a chunk there; chunks that differ in size are cut again, with a warning.
    ///
    /// # Errors
    /// Returns the error of the step that failed, of a task, or an error if a file cannot be written.
    pub fn to_zarr(&self, path: &str) -> Result<()> {
        write(&self.inner, path)
    }
}
