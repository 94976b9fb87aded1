//! The tests that look at the whole: the structure of the source, and the program as it is called. What concerns one module
//! is tested beside it; what needs the installed kernel is in `kernel/` and `browser/`, in Python.

mod program;
mod tidy;
