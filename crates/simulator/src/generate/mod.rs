//! A workspace from a seed: the same seed, size and moment give the same workspace, byte for byte.

mod draft;
mod rng;
mod scores;
mod script;
mod words;
mod world;

use std::sync::Arc;

use chrono::DateTime;

use crate::call::Call;
use crate::options::Options;
use crate::state::{State, real_time};

pub(crate) use rng::Rng;
pub(crate) use script::Script;

/// Fills an empty state with `options.calls` calls and everything around them.
pub(crate) fn fill(options: &Options, state: &mut State) {
    let as_of = options.as_of.unwrap_or_else(real_time);
    let whole_second = DateTime::from_timestamp(as_of.timestamp(), 0).unwrap_or(as_of);
    let script = Arc::new(Script::new(options.seed, options.calls, options.turns, whole_second));
    for number in 0..options.calls as u64 {
        let draft = script.draft(number);
        let call = Call::generated(draft.head(script.world()), number, draft.private, &script);
        state.book.put(call.expect("a draft's head has an id"));
    }
    script.world().fill(&mut state.collections);
    scores::fill(&script, options.calls as u64, &mut state.collections);
}
