//! Plots of frames, drawn with plotters. A plot is lazy: it is computed when it is shown or saved.

mod scatter;
mod ticks;

pub use scatter::{Scatter, scatter};
