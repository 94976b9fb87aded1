//! The tests that look at the whole: the structure of the source, the program as it is called, and the installed kernel through
//! a client that forgives nothing. What concerns one module is tested beside it; what a user's own tools do with the kernel is
//! in `kernel/` and `browser/`, in Python.

mod program;
mod strict;
mod tidy;
