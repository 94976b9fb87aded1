//! The names that cells define for later ones, as text for rust-analyzer: items and variables with
//! their types.

/// The name of the function that represents the current cell.
pub(in crate::eval) const CELL: &str = "rask_cell";

/// A variable of an earlier cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) struct Variable {
    pub(in crate::eval) name: String,
    pub(in crate::eval) type_name: String,
}

/// An item of an earlier cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::eval) struct Item {
    /// A later item of the same name replaces this one; `use` lines and `impl` blocks have no name.
    pub(in crate::eval) name: Option<String>,
    pub(in crate::eval) text: String,
}

/// Everything that later cells can name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    items: Vec<Item>,
    variables: Vec<Variable>,
}

/// A source file for rust-analyzer, and the position of the cell in it.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Wrapped {
    pub(in crate::eval) text: String,
    /// The byte at which the cell begins.
    pub(in crate::eval) start: usize,
    /// The byte at which the cursor is.
    pub(in crate::eval) at: usize,
}

impl Scope {
    /// Adds a cell's items; an item replaces an older one of the same name.
    pub(in crate::eval) fn add_items(&mut self, new: Vec<Item>) {
        for item in new {
            self.items.retain(|old| {
                old.text != item.text && (item.name.is_none() || old.name != item.name)
            });
            self.items.push(item);
        }
    }

    /// Replaces the variables.
    pub(in crate::eval) fn set_variables(&mut self, variables: Vec<Variable>) {
        self.variables = variables;
    }

    /// Adds or replaces a variable.
    pub(in crate::eval) fn add_variable(&mut self, new: Variable) {
        self.variables.retain(|v| v.name != new.name);
        self.variables.push(new);
    }

    /// Returns all variables, ordered by name.
    pub(in crate::eval) fn variables(&self) -> Vec<Variable> {
        let mut all = self.variables.clone();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Removes all items and variables.
    pub(in crate::eval) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the names of items and variables.
    pub(in crate::eval) fn names(&self) -> impl Iterator<Item = &str> {
        self.items
            .iter()
            .filter_map(|i| i.name.as_deref())
            .chain(self.variables.iter().map(|v| v.name.as_str()))
    }

    /// Builds a source file in which `statements` are the body of a function with the variables as
    /// its arguments, next to the items of earlier cells and `items`; the cursor is at byte `at` of
    /// the statements.
    pub(in crate::eval) fn wrap(&self, items: &str, statements: &str, at: usize) -> Wrapped {
        let mut text =
            String::from("#![allow(warnings)]\n#[allow(unused_imports)]\nuse rask::prelude::*;\n");
        for item in &self.items {
            text += &item.text;
            text.push('\n');
        }
        text += items;
        text += &format!("\nasync fn {CELL}(");
        for v in &self.variables {
            text += &format!("mut {}: {}, ", v.name, v.type_name);
        }
        text += ") -> Result<(), Box<dyn std::error::Error>> {\n";
        let start = text.len();
        text += statements;
        text += "\nOk(())\n}\n";
        Wrapped { text, start, at: start + at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_item_replaces_the_one_of_its_name() {
        let item = |name: Option<&str>, text: &str| Item {
            name: name.map(str::to_owned),
            text: text.to_owned(),
        };
        let mut scope = Scope::default();
        scope.add_items(vec![item(Some("f"), "fn f() {}"), item(None, "use a::b;")]);
        scope.add_items(vec![item(Some("f"), "fn f(x: u8) {}"), item(None, "use a::b;")]);
        scope.add_variable(Variable { name: "x".into(), type_name: "u8".into() });
        scope.add_variable(Variable { name: "x".into(), type_name: "i8".into() });
        let wrapped = scope.wrap("struct S;", "x.", 2);
        assert_eq!(wrapped.text.matches("fn f").count(), 1);
        assert_eq!(wrapped.text.matches("use a::b").count(), 1);
        assert!(wrapped.text.contains("mut x: i8") && wrapped.text.contains("struct S;"));
        assert_eq!(&wrapped.text[wrapped.start..wrapped.at], "x.");
        assert_eq!(scope.names().collect::<Vec<_>>(), ["f", "x"]);
    }
}
