//! The normaliser, against real and against hostile records.
