//! The journal's conformance suite, and a journal in memory.

mod memory;
mod suite;

pub use memory::MemoryJournal;
pub use suite::{Opener, conforms, entry};
