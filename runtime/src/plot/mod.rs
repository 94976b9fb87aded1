//! Plots of frames and arrays, drawn with plotters. A plot is lazy: it is computed when it is shown
//! or saved.

mod image;
mod look;
mod scatter;
mod ticks;

pub use image::{Image, image};
pub use scatter::{Scatter, scatter};
