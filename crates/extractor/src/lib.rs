//! clarion-extractor
