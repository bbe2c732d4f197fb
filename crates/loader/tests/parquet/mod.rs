//! The Parquet destination.
