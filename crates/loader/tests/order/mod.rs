//! Shapes in any order, into each destination: the tables at the end are the same.

mod drive;
mod names;
mod property;
