//! Buckets for tests: scripted ones, and one of a real server.

mod scripted;
mod server;

pub use object_store::memory::InMemory;

pub use scripted::{Answer, Asked, Scripted};
pub use server::s3;
