//! An alert in words.

use clarion_core::{RunSummary, Timestamp};
use serde_json::{Value, json};

use crate::settings::{AlertFormat, AlertKind};

/// Chat programs cut longer texts, and nobody reads them.
const LONGEST: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) kind: AlertKind,
    run_id: Option<String>,
    run_kind: Option<String>,
    outcome: Option<&'static str>,
    message: String,
    time: Timestamp,
    resumes_at: Option<Timestamp>,
}

impl Alert {
    pub(super) fn of(kind: AlertKind, run: &RunSummary, message: String) -> Self {
        Self {
            kind,
            run_id: Some(run.run_id.clone()).filter(|id| !id.is_empty()),
            run_kind: Some(run.kind.clone()),
            outcome: Some(run.outcome.as_str()),
            message: cut(message),
            time: run.ended_at,
            resumes_at: run.resumes_at,
        }
    }

    pub(super) fn stale(message: String, time: Timestamp) -> Self {
        let kind = AlertKind::Stale;
        Self { kind, run_id: None, run_kind: None, outcome: None, message, time, resumes_at: None }
    }

    pub(super) fn body(&self, format: AlertFormat) -> Value {
        match format {
            AlertFormat::Slack => json!({ "text": self.text() }),
            AlertFormat::Json => json!({
                "kind": self.kind,
                "run_id": self.run_id,
                "run_kind": self.run_kind,
                "outcome": self.outcome,
                "message": self.message,
                "time": self.time,
                "resumes_at": self.resumes_at,
            }),
        }
    }

    fn text(&self) -> String {
        let what = match self.kind {
            AlertKind::Failed => "failed",
            AlertKind::Paused => "is paused",
            AlertKind::Stale => "has stale data",
            AlertKind::SchemaChanged => "changed the schema",
        };
        let run = self.run_id.as_ref().map_or_else(String::new, |id| format!(" (run {id})"));
        format!("*clarion* {what}{run}: {}", escaped(&self.message))
    }
}

/// As Slack asks for: what could be a command to it, a mention of everybody for instance, is text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(message: String) -> String {
    if message.chars().count() <= LONGEST {
        return message;
    }
    message.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_for_slack_holds_no_command() {
        let alert = Alert::stale("<!channel> & more".to_owned(), Timestamp::UNIX_EPOCH);
        let text = "*clarion* has stale data: &lt;!channel&gt; &amp; more";
        assert_eq!(alert.body(AlertFormat::Slack), json!({ "text": text }));
        assert_eq!(alert.body(AlertFormat::Json)["kind"], "stale");
    }
}
