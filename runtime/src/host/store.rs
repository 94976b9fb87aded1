//! The variables that cells share, by name. Replaces the store that evcxr writes into every cell,
//! so that its code is compiled once and not with each cell.

use super::notify;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// The variables between two cells.
#[derive(Default)]
pub struct VariableStore {
    variables: HashMap<String, Box<dyn Any>>,
}

impl VariableStore {
    /// Stores a variable.
    pub fn put_variable<T: 'static>(&mut self, name: &str, value: T) {
        self.put(name, Box::new(value));
    }

    /// Returns whether the variable has the type that the next cell expects.
    pub fn check_variable<T: 'static>(&mut self, name: &str) -> bool {
        self.check(name, TypeId::of::<T>(), size_of::<T>(), align_of::<T>())
    }

    #[inline(never)]
    fn check(&self, name: &str, id: TypeId, size: usize, align: usize) -> bool {
        // A redefined type of the same name has the same type id; size and alignment detect some of
        // those cases.
        let fits =
            |v: &dyn Any| v.type_id() == id && size_of_val(v) == size && align_of_val(v) == align;
        let same = self.get(name).is_none_or(fits);
        if !same {
            lost(name);
        }
        same
    }

    /// Removes a variable for use in a cell.
    ///
    /// # Panics
    /// If the variable does not exist or has a different type; evcxr checks both before.
    pub fn take_variable<T: 'static>(&mut self, name: &str) -> T {
        match self.remove(name).downcast() {
            Ok(value) => *value,
            Err(_) => wrong(name),
        }
    }

    /// Returns a shared value, created on its first use.
    ///
    /// # Panics
    /// If a value of a different type is stored under that name.
    pub fn lazy_arc<T: 'static, F: FnOnce() -> T>(&mut self, name: &str, create: F) -> Arc<T> {
        if self.get(name).is_none() {
            self.put(name, Box::new(Arc::new(create())));
        }
        self.get(name)
            .and_then(|v| v.downcast_ref::<Arc<T>>())
            .cloned()
            .unwrap_or_else(|| wrong(name))
    }

    #[inline(never)]
    fn put(&mut self, name: &str, value: Box<dyn Any>) {
        self.variables.insert(name.to_owned(), value);
    }

    #[inline(never)]
    fn get(&self, name: &str) -> Option<&dyn Any> {
        self.variables.get(name).map(AsRef::as_ref)
    }

    #[inline(never)]
    fn remove(&mut self, name: &str) -> Box<dyn Any> {
        self.variables.remove(name).unwrap_or_else(|| panic!("variable {name} not found"))
    }
}

#[inline(never)]
fn wrong(name: &str) -> ! {
    panic!("variable {name} has a different type")
}

#[inline(never)]
fn lost(name: &str) {
    eprintln!("The type of the variable {name} was redefined, so it was lost.");
    notify(&format!("EVCXR_VARIABLE_CHANGED_TYPE:{name}"));
}

/// Creates a store, which cells pass from one to the next.
#[must_use]
pub fn create_variable_store() -> *mut VariableStore {
    Box::into_raw(Box::default())
}
