//! The options of a CSV reader.

use crate::frame::source::csv::names::{ByteCount, ColumnList, HeaderRow, Separator};
use crate::frame::types::dtype::DType;
use std::sync::Arc;

/// How to handle lines with more fields than there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadLines {
    /// Returns an error with the file and line.
    #[default]
    Error,
    /// Skips them.
    Skip,
    /// Skips them, and reports how many there were.
    Warn,
}

pub(in crate::frame) type NameFunction = Arc<dyn Fn(usize) -> String + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            sep: Separator::Char(','),
            names: None,
            header: None,
            usecols: None,
            index_col: None,
            dtypes: Vec::new(),
            dtype_all: None,
            parse_dates: Vec::new(),
            date_formats: Vec::new(),
            infer_rows: None,
            na_values: Vec::new(),
            keep_default_na: true,
            true_values: Vec::new(),
            false_values: Vec::new(),
            thousands: None,
            decimal: '.',
            skiprows: 0,
            skipfooter: 0,
            nrows: None,
            comment: None,
            quotechar: Some('"'),
            doublequote: true,
            escapechar: None,
            skip_initial_space: false,
            on_bad_lines: BadLines::Error,
            encoding: "utf-8".to_owned(),
            encoding_errors: "strict".to_owned(),
            compression: "infer".to_owned(),
            blocksize: None,
            path_column: None,
            name_function: None,
            na_rep: String::new(),
            write_header: true,
            float_format: None,
            date_format: None,
            quote_all: false,
        }
    }
}

#[derive(Clone)]
pub(in crate::frame) struct Options {
    pub(in crate::frame) sep: Separator,
    pub(in crate::frame) names: Option<Vec<String>>,
    pub(in crate::frame) header: Option<HeaderRow>,
    pub(in crate::frame) usecols: Option<ColumnList>,
    pub(in crate::frame) index_col: Option<String>,
    pub(in crate::frame) dtypes: Vec<(String, DType)>,
    pub(in crate::frame) dtype_all: Option<DType>,
    pub(in crate::frame) parse_dates: Vec<String>,
    pub(in crate::frame) date_formats: Vec<String>,
    pub(in crate::frame) infer_rows: Option<usize>,
    pub(in crate::frame) na_values: Vec<String>,
    pub(in crate::frame) keep_default_na: bool,
    pub(in crate::frame) true_values: Vec<String>,
    pub(in crate::frame) false_values: Vec<String>,
    pub(in crate::frame) thousands: Option<char>,
    pub(in crate::frame) decimal: char,
    pub(in crate::frame) skiprows: usize,
    pub(in crate::frame) skipfooter: usize,
    pub(in crate::frame) nrows: Option<usize>,
    pub(in crate::frame) comment: Option<char>,
    pub(in crate::frame) quotechar: Option<char>,
    pub(in crate::frame) doublequote: bool,
    pub(in crate::frame) escapechar: Option<char>,
    pub(in crate::frame) skip_initial_space: bool,
    pub(in crate::frame) on_bad_lines: BadLines,
    pub(in crate::frame) encoding: String,
    pub(in crate::frame) encoding_errors: String,
    pub(in crate::frame) compression: String,
    pub(in crate::frame) blocksize: Option<ByteCount>,
    pub(in crate::frame) path_column: Option<String>,
    pub(in crate::frame) name_function: Option<NameFunction>,
    pub(in crate::frame) na_rep: String,
    pub(in crate::frame) write_header: bool,
    pub(in crate::frame) float_format: Option<usize>,
    pub(in crate::frame) date_format: Option<String>,
    pub(in crate::frame) quote_all: bool,
}
