//! clarion-cli
