//! clarion-state-store
