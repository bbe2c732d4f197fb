//! The destinations' settings.
