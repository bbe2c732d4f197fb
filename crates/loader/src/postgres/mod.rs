//! Tables in a PostgreSQL schema.
