//! One or several names of columns, however a user writes them.

/// `"a"`, `["a", "b"]`, `vec!["a"]`, `&names[..]`: the names of columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column name or a list of them",
    note = "use \"a\", [\"a\", \"b\"] or a Vec of names"
)]
pub trait IntoNames {
    /// The names.
    fn into_names(self) -> Vec<String>;
}

impl IntoNames for &str {
    fn into_names(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoNames for String {
    fn into_names(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoNames for &String {
    fn into_names(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: AsRef<str>, const N: usize> IntoNames for [S; N] {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

impl<S: AsRef<str>, const N: usize> IntoNames for &[S; N] {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

impl<S: AsRef<str>> IntoNames for &[S] {
    fn into_names(self) -> Vec<String> {
        list(self.len(), &|i| self[i].as_ref())
    }
}

impl<S: AsRef<str>> IntoNames for Vec<S> {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

impl<S: AsRef<str>> IntoNames for &Vec<S> {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

#[inline(never)]
fn list<'a>(len: usize, name: &dyn Fn(usize) -> &'a str) -> Vec<String> {
    (0..len).map(|i| name(i).to_owned()).collect()
}
