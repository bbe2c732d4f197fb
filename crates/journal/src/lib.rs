//! The journal in a folder or a bucket: the only thing extraction writes, the only thing destinations read.
//!
//! ```text
//! <folder>/journal.json                      which journal this is, and hashes of what was purged
//! <folder>/open.ndjson                       the open segment: token, then record lines as they are
//! <folder>/segments/000000000001.ndjson.zst  header frame, token, record frame, seal
//! ```
//! A segment is valid zstd throughout: `zstd -dc` shows the header on line 1 and a record on every other line.
//! In a bucket the names are the same, but for the open segment, which stays in a folder on the own disk until it is
//! complete and is then put whole.
//! Token and seal are skippable frames, which decoders pass over: the token tells which open segment a numbered one
//! was made from, the seal is the checksum of every byte before it.
//!
//! Invariant: a numbered segment is complete and synced before it has its number, and never changes under appends.
//! Invariant: the open segment is removed only once the numbered one with its token is durable.

mod envelope;
mod failure;
mod fence;
mod file_journal;
mod frame;
mod identity;
mod recovery;
mod rewrite;
mod salvage;
mod segment;
mod settings;
mod shelf;
mod spool;
mod store;
mod writer;

pub use file_journal::FileJournal;
pub use settings::Settings;
