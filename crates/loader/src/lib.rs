//! clarion-loader
