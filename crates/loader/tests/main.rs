//! Integration tests of the loader, one binary.

mod normalise;
mod order;
mod parquet;
mod postgres;
