//! Integration tests of the loader, one binary.

mod normalise;
mod parquet;
mod postgres;
