//! The integration tests: the structure of the source, the command line of the program, and the
//! installed kernel through a strict client. Unit tests are next to the modules that they test;
//! tests with the user's tools are in `kernel/` and `browser/`, in Python.

mod program;
mod strict;
mod tidy;
