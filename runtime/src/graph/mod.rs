//! Task graphs: keys, layers, and the numbered graph that the scheduler runs. Pure: nothing here
//! runs a task, starts a thread or looks at a clock.
//!
//! A collection holds [`Point`]s: tasks of a [`Layer`]. A layer stands for any number of tasks that
//! share their work, so a bag of a million partitions is one layer and not a million closures; a
//! delayed call is a layer of one task. A layer owns its inputs. [`Graph::new`] walks from the
//! wanted points and numbers each task once, dependencies first; tasks that are not needed are
//! never visited (culling), and equal keys are one task. [`optimize`] holds the passes over the
//! numbered graph.

pub(crate) mod chains;
pub(crate) mod drawing;
mod inline;
mod layer;
mod layout;
mod numbered;
pub(crate) mod optimize;
pub(crate) mod pack;
pub(crate) mod picture;
mod render;
pub(crate) mod size;
pub(crate) mod stream;
pub(crate) mod value;

pub(crate) use layer::{
    Inline, Key, Layer, Member, Name, Point, Reach, Source, Waits, Work, layers_of,
};
pub(crate) use numbered::{Graph, Lists};
pub(crate) use value::Value;
