//! What is measured, a file for each work.

mod due;
mod loads;
mod propagation;
mod questions;
mod views;
