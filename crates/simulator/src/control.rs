//! The hand of a test on a running simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::call::View;
use crate::edit::Edit;
use crate::error::Error;
use crate::faults::Faults;
use crate::log::{Counts, Log, RequestLog};
use crate::options::Quirks;
use crate::state::Shared;

/// Sees everything and changes anything, at once and without a request; clones act on the same simulator.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

/// What was asked.
impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Every request so far, in order, refused ones included; the oldest are forgotten after 200,000.
    pub fn requests(&self) -> Vec<RequestLog> {
        self.shared.lock().log.entries()
    }

    /// Number of requests, refused ones included.
    pub fn count(&self) -> u64 {
        self.counts().requests
    }

    /// Number of requests to one path.
    pub fn count_of(&self, path: &str) -> u64 {
        self.counts().by_path.get(path).copied().unwrap_or(0)
    }

    /// Number of answers with 429.
    pub fn refused(&self) -> u64 {
        self.counts().refused
    }

    /// How often each fault was injected, by its name.
    pub fn faults_fired(&self) -> BTreeMap<String, u64> {
        self.counts().faults
    }

    /// Requests counted in the current week: all but those without valid credentials.
    /// Resetting the log leaves it alone.
    pub fn quota_used(&self) -> u64 {
        self.shared.lock().limits.used()
    }

    /// Forgets requests and counts.
    pub fn reset_log(&self) {
        self.shared.lock().log = Log::default();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.shared.lock().log.counts().clone()
    }
}

/// What is true.
impl Control {
    /// What `/call-details` says now of every call, media addresses left out, in order of arrival.
    /// A field set verbatim that is not JSON shows as null.
    pub fn truth(&self) -> Vec<Value> {
        let (calls, overlay) = {
            let state = self.shared.lock();
            (state.book.iter().cloned().collect::<Vec<_>>(), state.overlay.clone())
        };
        let view = View { audio: false, video: false, overlay: &overlay };
        calls.iter().map(|call| call.to_value(view)).collect()
    }

    /// What `/call-details` says now of one call.
    pub fn truth_of(&self, id: &str) -> Option<Value> {
        let state = self.shared.lock();
        let view = View { audio: false, video: false, overlay: &state.overlay };
        state.book.get(id).map(|call| call.to_value(view))
    }

    /// Ids of all calls, in order of arrival.
    pub fn call_ids(&self) -> Vec<String> {
        self.shared.lock().book.iter().map(|call| call.id.clone()).collect()
    }

    /// Ids of private calls.
    pub fn private_ids(&self) -> BTreeSet<String> {
        let state = self.shared.lock();
        state.book.iter().filter(|call| call.private).map(|call| call.id.clone()).collect()
    }

    /// Whether there is such a call and it is private.
    pub fn is_private(&self, id: &str) -> bool {
        self.shared.lock().book.get(id).is_some_and(|call| call.private)
    }

    /// The records of `users`, `topics`, `scorecards`, `scorecard_templates`, `accounts`,
    /// `opportunities`, `contacts`, `teams` or `playlists`.
    pub fn collection(&self, name: &str) -> Vec<Value> {
        self.shared.lock().collections.get(name).to_vec()
    }
}

/// What is to happen.
impl Control {
    /// Makes an edit; `false` if it speaks of a call or user that does not exist.
    pub fn edit(&self, edit: Edit) -> bool {
        edit.apply(&mut self.shared.lock())
    }

    /// Replaces all faults: `KIND[@PATH][:PROBABILITY|#NUMBER]`, separated by commas.
    ///
    /// # Behavior
    /// - KIND is a status from 400 to 599, `html` (200 with HTML), `truncate` (the JSON cut half-way),
    ///   `reset` (closed within the body) or `slow` (the body takes about 300 ms).
    /// - `:0.1` hits a tenth of the requests, `#3` exactly the third one; nothing means all.
    /// - With PATH, only requests to it are counted and hit.
    /// - The first entry that hits wins; counting begins anew.
    /// - An empty specification ends all faults.
    pub fn set_faults(&self, spec: &str) -> Result<(), Error> {
        let faults = Faults::parse(spec, self.shared.options.seed)?;
        self.shared.lock().faults = faults;
        Ok(())
    }

    /// Details of these calls answer `status` the next `times` times; 0 ends it.
    pub fn fail_details(&self, ids: impl IntoIterator<Item = String>, status: u16, times: u32) {
        let mut state = self.shared.lock();
        for id in ids {
            if times == 0 {
                state.failing_details.remove(&id);
            } else {
                state.failing_details.insert(id, (status, times));
            }
        }
    }

    /// Replaces all quirks.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.shared.lock().quirks = quirks;
    }

    /// Calls `hook` before each request is answered that is neither refused nor without credentials,
    /// its status still 0. The hook may edit; it replaces the one before.
    pub fn before_request(&self, hook: impl Fn(&RequestLog, &Self) + Send + Sync + 'static) {
        self.shared.lock().hook = Some(Arc::new(hook));
    }

    /// Ends the hook.
    pub fn clear_hook(&self) {
        self.shared.lock().hook = None;
    }

    /// Sets the clock, which goes on from there: it says in which week a request counts.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.shared.lock().set_now(now);
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}
