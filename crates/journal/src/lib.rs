//! clarion-journal
