//! Type inference for JSON Lines, from all values: integers become floats or strings where other
//! values require it, as in CSV files; lists and objects are merged recursively.

use arrow::datatypes::{DataType, Field, Fields};
use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::BufRead;

/// The number of a file, and the offset of a line in it.
pub(super) type At = (usize, u64);

/// The common type of all values of a field.
#[derive(Debug, Clone, Default)]
enum Kind {
    #[default]
    Null,
    Bool,
    Int,
    Float,
    Text,
    List(Box<Shape>),
    Object(IndexMap<String, Shape>),
}

/// The inferred type of a field, and the line of its first value.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    kind: Kind,
    at: At,
}

/// Why a line is invalid: its field, and the line that it contradicts.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) field: String,
    pub(super) at: At,
    pub(super) what: String,
    pub(super) other: Option<(At, &'static str)>,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int | Self::Float => "a number",
            Self::Text => "a string or values of mixed types",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl Shape {
    /// Creates the shape of a line: an object without known fields.
    pub(super) fn row() -> Self {
        Self { kind: Kind::Object(IndexMap::new()), at: (0, 0) }
    }

    /// Returns the columns of lines of this shape.
    pub(super) fn columns(&self) -> Fields {
        match &self.kind {
            Kind::Object(fields) => fields
                .iter()
                .map(|(name, shape)| Field::new(name, shape.data_type(), true))
                .collect(),
            _ => Fields::empty(),
        }
    }

    fn clash(&self, what: &str, at: At) -> Bad {
        let other = Some((self.at, self.kind.name()));
        Bad { field: String::new(), at, what: what.to_owned(), other }
    }

    /// Merges the type of a scalar value.
    fn scalar(&mut self, new: Kind, at: At) -> Result<(), Bad> {
        use Kind::{Bool, Float, Int, List, Null, Object, Text};
        self.kind = match (&self.kind, new) {
            (_, Null) => return Ok(()),
            (Null, new) => {
                self.at = at;
                new
            }
            (List(_) | Object(_), new) => return Err(self.clash(new.name(), at)),
            (Bool, Bool) => Bool,
            (Int, Int) => Int,
            (Int | Float, Int | Float) => Float,
            _ => Text,
        };
        Ok(())
    }

    /// Returns the type of the items, if lists are allowed here.
    fn list(&mut self, at: At) -> Result<&mut Self, Bad> {
        if matches!(self.kind, Kind::Null) {
            *self = Self { kind: Kind::List(Box::default()), at };
        }
        let clash = self.clash("a list", at);
        if let Kind::List(item) = &mut self.kind { Ok(item) } else { Err(clash) }
    }

    /// Returns the fields, if objects are allowed here.
    fn object(&mut self, at: At) -> Result<&mut IndexMap<String, Self>, Bad> {
        if matches!(self.kind, Kind::Null) {
            *self = Self { kind: Kind::Object(IndexMap::new()), at };
        }
        let clash = self.clash("an object", at);
        if let Kind::Object(fields) = &mut self.kind { Ok(fields) } else { Err(clash) }
    }

    /// Merges the shape of other lines.
    pub(super) fn join(&mut self, other: Self) -> Result<(), Bad> {
        match other.kind {
            Kind::List(item) => self.list(other.at)?.join(*item),
            Kind::Object(fields) => {
                let own = self.object(other.at)?;
                for (name, shape) in fields {
                    let joined = own.entry(name.clone()).or_default().join(shape);
                    joined.map_err(|bad| bad.inside(&name))?;
                }
                Ok(())
            }
            scalar => self.scalar(scalar, other.at),
        }
    }

    fn data_type(&self) -> DataType {
        match &self.kind {
            Kind::Null => DataType::Null,
            Kind::Bool => DataType::Boolean,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Text => DataType::Utf8,
            Kind::List(item) => DataType::new_list(item.data_type(), true),
            Kind::Object(_) => DataType::Struct(self.columns()),
        }
    }
}

impl Bad {
    fn inside(self, name: &str) -> Self {
        let dot = if self.field.is_empty() { "" } else { "." };
        Self { field: format!("{name}{dot}{}", self.field), ..self }
    }
}

/// Infers the shape of all lines of a text that begins at an offset of a file, until `stop` returns
/// `true`.
pub(super) fn look(
    mut text: impl BufRead,
    file: usize,
    mut place: u64,
    stop: fn() -> bool,
) -> Result<Shape, Bad> {
    let (mut all, mut line) = (Shape::row(), Vec::new());
    loop {
        line.clear();
        let at = (file, place);
        let bad = |what: String| Bad { field: String::new(), at, what, other: None };
        let read = text.read_until(b'\n', &mut line).map_err(|e| bad(e.to_string()))?;
        if read == 0 || stop() {
            return Ok(all);
        }
        if !line.trim_ascii().is_empty() {
            let (mut clash, mut json) = (None, serde_json::Deserializer::from_slice(&line));
            let seen = Look { shape: &mut all, at, bad: &mut clash }.deserialize(&mut json);
            if let Err(e) = seen.and_then(|()| json.end()) {
                let text = format!("not valid JSON at column {}; expected one object", e.column());
                return Err(clash.unwrap_or_else(|| bad(text)));
            }
        }
        place += read as u64;
    }
}

/// Merges the type of a value while parsing it, without storing it.
struct Look<'a> {
    shape: &'a mut Shape,
    at: At,
    bad: &'a mut Option<Bad>,
}

fn told<T, E: serde::de::Error>(bad: &mut Option<Bad>, done: Result<T, Bad>) -> Result<T, E> {
    done.map_err(|clash| {
        *bad = Some(clash);
        E::custom("")
    })
}

impl Look<'_> {
    fn scalar<E: serde::de::Error>(self, kind: Kind) -> Result<(), E> {
        told(self.bad, self.shape.scalar(kind, self.at))
    }
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.scalar(Kind::Bool)
    }
    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.scalar(Kind::Int)
    }
    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<(), E> {
        // A float would lose digits.
        self.scalar(if i64::try_from(n).is_ok() { Kind::Int } else { Kind::Text })
    }
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar(Kind::Float)
    }
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.scalar(Kind::Text)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Look { shape, at, bad } = self;
        let shape = told(bad, shape.list(at))?;
        while items.next_element_seed(Look { shape: &mut *shape, at, bad: &mut *bad })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Look { shape, at, bad } = self;
        let fields = told(bad, shape.object(at))?;
        let mut guess = 0;
        while let Some(i) = map.next_key_seed(Key { fields: &mut *fields, guess })? {
            guess = i + 1;
            if let Err(e) = map.next_value_seed(Look { shape: &mut fields[i], at, bad: &mut *bad })
            {
                let name = fields.get_index(i).map_or("", |(name, _)| name);
                *bad = bad.take().map(|b| b.inside(name));
                return Err(e);
            }
        }
        Ok(())
    }
}

/// Finds the index of a field; most lines have their fields in the same order.
struct Key<'a> {
    fields: &'a mut IndexMap<String, Shape>,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<usize, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = usize;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        if self.fields.get_index(self.guess).is_some_and(|(k, _)| k == name) {
            return Ok(self.guess);
        }
        Ok(match self.fields.get_index_of(name) {
            Some(i) => i,
            None => self.fields.insert_full(name.to_owned(), Shape::default()).0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let told = match look(text.as_bytes(), 0, 0, || false) {
            Ok(shape) => {
                let one = |f: &std::sync::Arc<Field>| format!("{}: {}", f.name(), f.data_type());
                shape.columns().iter().map(one).collect::<Vec<_>>().join(", ")
            }
            Err(bad) => format!("{} {} at {}", bad.field, bad.what, bad.at.1),
        };
        assert!(told.contains(want), "{text:?} gives {told:?}, not {want:?}");
    }

    #[test]
    fn fields_have_the_type_that_holds_all_their_values() {
        check("{\"a\": 1}\n{\"a\": 2.5, \"b\": null}\n", "a: Float64, b: Null");
        check("{\"a\": 1}\r\n\n{\"a\": \"1a\"}", "a: Utf8");
        check("{\"a\": true}\n{\"a\": 1}", "a: Utf8");
        check("{\"a\": 18446744073709551615}", "a: Utf8");
        check("{\"a\": [1]}\n{\"a\": [0.5, null]}\n{\"a\": null}", "a: List(Float64)");
        check(
            "{\"o\": {\"x\": 1}}\n{\"o\": {\"y\": \"t\"}}",
            "o: Struct(\"x\": Int64, \"y\": Utf8)",
        );
        check("{\"o\": {\"x\": 1}}\n{\"o\": {\"x\": [2]}}", "o.x a list at 16");
        check("{\"a\": 1}\n[2]", " a list at 9");
        check("{\"a\": 1}\n{\"a\": }", "not valid JSON at column 7");
    }
}
