//! Tables as Parquet files in a folder.
