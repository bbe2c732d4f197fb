//! One call, kept as the text that is sent: a page or a details answer is put together by copying.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::generate::Script;
use crate::index::Index;
use crate::overlay::Overlay;

/// Fields of a call that depend on its processing and that only `/call-details` shows.
const SPOKEN: [&str; 3] = ["transcript", "summary", "competitor_sentiments"];
const STAGE: &str = "deal_stage_live";
const AUDIO: &str = "audio_url";
const VIDEO: &str = "video_url";

/// A call of the workspace. It never changes: an edit puts another in its place.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: String,
    /// Order of arrival; an edited call keeps its own.
    pub(crate) number: u64,
    pub(crate) private: bool,
    /// What filters and sorting look at.
    pub(crate) index: Index,
    /// The record of `/calls` without media addresses, as a JSON object.
    listed: Bytes,
    audio: Option<String>,
    video: Option<String>,
    stage: Option<String>,
    spoken: Spoken,
    /// Members sent exactly as given, valid JSON or not.
    verbatim: Vec<(String, String)>,
}

/// Transcript and what is made from it.
#[derive(Debug, Clone)]
enum Spoken {
    /// `"name":value` pairs, comma-separated, and whether there is a transcript among them.
    Text { members: Bytes, has_transcript: bool },
    /// Written anew at each request: 20,000 transcripts would not fit into memory twice.
    Generated { script: Arc<Script>, number: u64 },
}

/// How a record is to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) audio: bool,
    pub(crate) video: bool,
    pub(crate) overlay: &'a Overlay,
}

impl Call {
    /// Takes a `CallDetails` object apart; `None` if it has no string `id`.
    pub(crate) fn from_value(value: Value, number: u64, private: bool) -> Option<Self> {
        let Value::Object(mut record) = value else {
            return None;
        };
        let id = record.get("id")?.as_str()?.to_owned();
        let spoken = take_spoken(&mut record);
        let mut take = |name| record.remove(name).map(|value| value.to_string());
        let (audio, video, stage) = (take(AUDIO), take(VIDEO), take(STAGE));
        let index = Index::of(&record);
        let listed = Bytes::from(Value::Object(record).to_string());
        let verbatim = Vec::new();
        Some(Self { id, number, private, index, listed, audio, video, stage, spoken, verbatim })
    }

    /// A generated call: `head` lacks the spoken fields, the script writes them when asked.
    pub(crate) fn generated(head: Value, number: u64, private: bool, script: &Arc<Script>) -> Option<Self> {
        let mut call = Self::from_value(head, number, private)?;
        call.spoken = Spoken::Generated { script: Arc::clone(script), number };
        Some(call)
    }

    /// The call after a JSON merge patch (RFC 7396: null removes); `None` if that takes its id away.
    pub(crate) fn patched(&self, patch: &Value) -> Option<Self> {
        let mut record = self.full();
        let touches_spoken = SPOKEN.iter().any(|name| patch.get(name).is_some());
        if !touches_spoken {
            SPOKEN.iter().for_each(|name| drop(record.remove(*name)));
        }
        let mut value = Value::Object(record);
        merge(&mut value, patch);
        let mut call = Self::from_value(value, self.number, self.private)?;
        if !touches_spoken {
            call.spoken = self.spoken.clone();
        }
        call.verbatim.clone_from(&self.verbatim);
        Some(call)
    }

    pub(crate) fn with_private(&self, private: bool) -> Self {
        Self { private, ..self.clone() }
    }

    /// The call with one member of exactly this text.
    pub(crate) fn with_verbatim(&self, name: String, text: String) -> Self {
        let mut call = self.clone();
        call.verbatim.retain(|(known, _)| *known != name);
        call.verbatim.push((name, text));
        call
    }

    /// Appends the record of `/calls`.
    pub(crate) fn write_listed(&self, out: &mut Vec<u8>, view: View<'_>) {
        self.write(out, view, false);
    }

    /// Appends the record of `/call-details`.
    pub(crate) fn write_details(&self, out: &mut Vec<u8>, view: View<'_>) {
        self.write(out, view, true);
    }

    /// The record of `/call-details`; a verbatim member that is not JSON becomes null.
    pub(crate) fn to_value(&self, view: View<'_>) -> Value {
        let mut text = Vec::new();
        self.compose(&mut text, view, true);
        let mut record = parse(&text);
        view.overlay.apply(&mut record);
        for (name, text) in &self.verbatim {
            record.insert(name.clone(), serde_json::from_str(text).unwrap_or(Value::Null));
        }
        Value::Object(record)
    }

    fn write(&self, out: &mut Vec<u8>, view: View<'_>, details: bool) {
        if view.overlay.is_empty() && self.verbatim.is_empty() {
            self.compose(out, view, details);
            return;
        }
        let mut text = Vec::new();
        self.compose(&mut text, view, details);
        let mut record = parse(&text);
        view.overlay.apply(&mut record);
        let verbatim = self.verbatim.iter().filter(|(name, _)| details || !is_details_only(name));
        verbatim.clone().for_each(|(name, _)| drop(record.remove(name)));
        out.extend_from_slice(Value::Object(record).to_string().as_bytes());
        out.pop();
        for (name, text) in verbatim {
            push_member(out, name, text);
        }
        out.push(b'}');
    }

    fn compose(&self, out: &mut Vec<u8>, view: View<'_>, details: bool) {
        // The listed text is an object with at least an id: other members go before its last brace.
        out.extend_from_slice(&self.listed[..self.listed.len() - 1]);
        let shown = [
            (AUDIO, &self.audio, view.audio),
            (VIDEO, &self.video, view.video),
            (STAGE, &self.stage, details),
        ];
        for (name, text, wanted) in shown {
            if let (Some(text), true) = (text, wanted) {
                push_member(out, name, text);
            }
        }
        if details {
            self.write_spoken(out);
        }
        out.push(b'}');
    }

    fn write_spoken(&self, out: &mut Vec<u8>) {
        match &self.spoken {
            Spoken::Text { has_transcript: true, .. } | Spoken::Generated { .. }
                if !self.index.is_ready() => {}
            Spoken::Text { members, .. } if members.is_empty() => {}
            Spoken::Text { members, .. } => {
                out.push(b',');
                out.extend_from_slice(members);
            }
            Spoken::Generated { script, number } => {
                script.write_spoken(*number, self.index.has_summary(), out);
            }
        }
    }

    /// Everything known of the call, as far as it is shown at its present status.
    fn full(&self) -> Map<String, Value> {
        let mut text = Vec::new();
        self.compose(&mut text, View { audio: true, video: true, overlay: &Overlay::default() }, true);
        parse(&text)
    }
}

fn take_spoken(record: &mut Map<String, Value>) -> Spoken {
    let has_transcript = matches!(record.get("transcript"), Some(Value::Array(turns)) if !turns.is_empty());
    let mut members = Vec::new();
    for name in SPOKEN {
        if let Some(value) = record.remove(name) {
            push_member(&mut members, name, &value.to_string());
        }
    }
    // Each member is written with a comma before it; the first has nothing to be parted from.
    let members = Bytes::from(members);
    let start = usize::from(!members.is_empty());
    Spoken::Text { members: members.slice(start..), has_transcript }
}

fn is_details_only(name: &str) -> bool {
    name == STAGE || SPOKEN.contains(&name)
}

fn push_member(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b',');
    out.extend_from_slice(Value::from(name).to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text.as_bytes());
}

fn parse(text: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(text).expect("a composed record is a JSON object")
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(record) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            record.remove(name);
        } else {
            merge(record.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}
