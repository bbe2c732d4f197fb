//! Edits while serving: what happens to a workspace behind a reader's back.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::state::State;

/// One change of the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// A new call, as `CallDetails`; a known id is replaced and keeps its place.
    Add(Value),
    /// The call of this id is gone without a trace.
    Delete(String),
    /// A new status; the only edit that moves `last_modified_time`.
    SetStatus {
        /// The call.
        id: String,
        /// The new status.
        status: String,
        /// The new `last_modified_time`.
        at: DateTime<Utc>,
    },
    /// A JSON merge patch (RFC 7396: null removes a field) of the call's details.
    Patch {
        /// The call.
        id: String,
        /// The patch.
        merge: Value,
    },
    /// Another time; a tie of calls is made by giving them the same.
    Reschedule {
        /// The call.
        id: String,
        /// The new `time`.
        time: DateTime<Utc>,
    },
    /// Listed only with `includePrivate=true`, or for everybody.
    SetPrivate {
        /// The call.
        id: String,
        /// Whether it is private.
        private: bool,
    },
    /// One field sent as exactly this text: lone surrogates, huge numbers, broken JSON.
    SetVerbatim {
        /// The call.
        id: String,
        /// The field.
        field: String,
        /// Its value as it goes over the wire.
        text: String,
    },
    /// A field that every call has from now on, in lists and details.
    AddField {
        /// The field.
        name: String,
        /// Its value.
        value: Value,
    },
    /// Numbers and booleans at this path become strings in every call: `metrics/call_duration`,
    /// `transcript/*/start`.
    ChangeType {
        /// Names parted by `/`, `*` for every item of a list.
        field: String,
    },
    /// A record of a collection that is no call: `playlists`, `teams`, `accounts`, …; a known id is replaced.
    PutRecord {
        /// The collection.
        collection: String,
        /// The record, with its `id` (of topics: `topic_id`).
        record: Value,
    },
    /// The record of this id is gone from its collection.
    RemoveRecord {
        /// The collection.
        collection: String,
        /// Its `id` (of topics: `topic_id`).
        id: String,
    },
    /// A user; a known id is replaced.
    AddUser(Value),
    /// The user of this id is gone.
    RemoveUser(String),
}

impl Edit {
    /// Makes the change; `false` if what it speaks of does not exist.
    pub(crate) fn apply(self, state: &mut State) -> bool {
        match self {
            Self::Add(value) => add(state, value),
            Self::Delete(id) => state.book.remove(&id),
            Self::SetStatus { id, status, at } => {
                let changes = json!({"status": status, "last_modified_time": written(at)});
                replace(state, &id, |call| call.patched(&changes))
            }
            Self::Patch { id, merge } => replace(state, &id, |call| call.patched(&merge)),
            Self::Reschedule { id, time } => {
                let changes = json!({"time": written(time)});
                replace(state, &id, |call| call.patched(&changes))
            }
            Self::SetPrivate { id, private } => replace(state, &id, |call| Some(call.with_private(private))),
            Self::SetVerbatim { id, field, text } => {
                replace(state, &id, |call| Some(call.with_verbatim(field, text)))
            }
            Self::AddField { name, value } => {
                state.overlay.add_field(name, value);
                true
            }
            Self::ChangeType { field } => {
                state.overlay.turn_to_text(&field);
                true
            }
            Self::PutRecord { collection, record } => state.collections.put(&collection, record),
            Self::RemoveRecord { collection, id } => state.collections.remove(&collection, &id),
            Self::AddUser(value) => state.collections.put("users", value),
            Self::RemoveUser(id) => state.collections.remove("users", &id),
        }
    }
}

/// A moment as the vendor writes it.
pub(crate) fn written(at: DateTime<Utc>) -> String {
    let digits = if at.timestamp_subsec_micros().is_multiple_of(1000) {
        SecondsFormat::Millis
    } else {
        SecondsFormat::Micros
    };
    at.to_rfc3339_opts(digits, true)
}

fn add(state: &mut State, value: Value) -> bool {
    let Some(id) = value.get("id").and_then(Value::as_str) else {
        return false;
    };
    let number = state.book.number_for(id);
    let private = state.book.get(id).is_some_and(|call| call.private);
    Call::from_value(value, number, private).map(|call| state.book.put(call)).is_some()
}

fn replace(state: &mut State, id: &str, change: impl FnOnce(&Call) -> Option<Call>) -> bool {
    let changed = state.book.get(id).and_then(|call| change(call));
    changed.map(|call| state.book.put(call)).is_some()
}
