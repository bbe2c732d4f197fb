//! Buckets of objects: S3 and what speaks its language, Google Cloud Storage, Azure, and memory.
//!
//! What journal and lake need of them and no more, for callers that block: whole objects, written only where there was
//! none, replaced only if unchanged, read in part, listed, copied, removed. Both hand their durable things to a
//! [`Bucket`], which knows what an answer that got lost means; neither knows which vendor is behind it.
//!
//! Invariant: a write that is told to be done is done, and one whose answer was lost is told from one that somebody
//! else made by looking at what is there.

mod bucket;
mod failure;
mod location;
mod open;
mod probe;
#[cfg(feature = "testing")]
pub mod testing;
mod wait;

pub use bucket::{Bucket, Listed, Object, Version};
pub use location::{Location, slug};
pub use probe::Probed;
