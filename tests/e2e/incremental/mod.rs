//! What a second sync costs, and what it changes.

mod unchanged;
