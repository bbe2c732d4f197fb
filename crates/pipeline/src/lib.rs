//! clarion-pipeline
