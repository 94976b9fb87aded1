//! The category type: codes into a list of strings that is stored in the field's metadata.

use arrow::datatypes::{DataType, Field};

/// The metadata key of a field's categories.
pub(in crate::frame) const CATEGORIES: &str = "categories";

pub(in crate::frame) const ORDERED: &str = "ordered";

impl Categories {
    /// Returns the categories of a column if they are known.
    pub(in crate::frame) fn of(field: &Field) -> Option<Self> {
        // A cast keeps the metadata of a field.
        let known = field.metadata().get(CATEGORIES).filter(|_| is_category(field.data_type()))?;
        let texts = serde_json::from_str(known).ok()?;
        Some(Self { texts, ordered: field.metadata().contains_key(ORDERED) })
    }

    pub(in crate::frame) fn field(&self) -> Field {
        // A list of strings always serializes.
        let texts = serde_json::to_string(&self.texts).unwrap_or_default();
        let ordered = self.ordered.then(|| (ORDERED.to_owned(), String::new()));
        let known = std::iter::once((CATEGORIES.to_owned(), texts)).chain(ordered);
        Field::new("category", arrow_type(), true).with_metadata(known.collect())
    }
}

/// Categories, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::frame) struct Categories {
    pub(in crate::frame) texts: Vec<String>,
    pub(in crate::frame) ordered: bool,
}

/// Returns the Arrow type of categories.
pub(in crate::frame) fn arrow_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

pub(in crate::frame) fn is_category(t: &DataType) -> bool {
    matches!(t, DataType::Dictionary(_, values) if values.is_string())
}

/// Returns whether the categories of a column are known: it is then sorted by their order, not as
/// strings.
pub(in crate::frame) fn is_known(field: &Field) -> bool {
    is_category(field.data_type()) && field.metadata().contains_key(CATEGORIES)
}
