//! What filters and sorting look at in a call.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Statuses at which transcript and summary can exist.
const READY: [&str; 2] = ["PROCESSED", SUMMARISED];
const SUMMARISED: &str = "POST_PROCESSING_DONE";

/// The searchable side of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// `None` for an absent, null or unreadable time: such a call is invisible under any bound.
    pub(crate) time: Option<DateTime<Utc>>,
    pub(crate) modified: Option<DateTime<Utc>>,
    pub(crate) status: String,
    pub(crate) kind: String,
    pub(crate) source_id: Option<String>,
    /// Seconds.
    pub(crate) duration: Option<f64>,
    pub(crate) user_emails: Vec<String>,
    /// E-mail addresses of everybody invited or present, users included.
    pub(crate) attendee_emails: Vec<String>,
    pub(crate) topics: Vec<String>,
}

impl Index {
    pub(crate) fn of(record: &Map<String, Value>) -> Self {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let list = |name: &str, field: &str| strings(record.get(name), field);
        let metrics = record.get("metrics");
        let user_emails = list("users", "userEmail");
        let mut attendee_emails = user_emails.clone();
        attendee_emails.extend(list("externalParticipants", "email"));
        attendee_emails.extend(list("joinedParticipants", "email"));
        Self {
            time: text("time").and_then(moment),
            modified: text("last_modified_time").and_then(moment),
            status: text("status").unwrap_or_default().to_owned(),
            kind: text("type").unwrap_or_default().to_owned(),
            source_id: text("source_id").map(str::to_owned),
            duration: metrics.and_then(|metrics| metrics.get("call_duration")).and_then(Value::as_f64),
            user_emails,
            attendee_emails,
            topics: strings(metrics.and_then(|metrics| metrics.get("categories")), "name"),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        READY.contains(&self.status.as_str())
    }

    /// The summary is made last.
    pub(crate) fn has_summary(&self) -> bool {
        self.status == SUMMARISED
    }
}

/// Reads a time as the vendor writes it.
pub(crate) fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

fn strings(list: Option<&Value>, field: &str) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(field)?.as_str()).map(str::to_owned).collect()
}
