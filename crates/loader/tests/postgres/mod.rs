//! The PostgreSQL destination.
