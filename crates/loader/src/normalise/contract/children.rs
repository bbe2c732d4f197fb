//! The child tables of calls: what dashboards group by.

use super::{Child, Computed, Kind, Rows, computed, field, seconds, text};

const CALL: &str = "call_id";

/// Of a tracker or, with a label instead, of the vendor's model.
const ANNOTATION: Kind = Kind::Struct(&[
    ("tracker", Kind::Text),
    ("phrase", Kind::Text),
    ("category", Kind::Text),
    ("label", Kind::Text),
]);

pub(super) const PARTICIPANTS: Child = Child {
    table: "call_participants",
    parent: CALL,
    rows: Rows::Participants,
    fields: &[
        computed("role", Kind::Text, Computed::Role),
        computed("person_id", Kind::Integer, Computed::PersonId),
        field("user_id", Kind::Text, "userId"),
        computed("name", Kind::Text, Computed::PersonName),
        computed("email", Kind::Text, Computed::PersonEmail),
        computed("phone", Kind::Text, Computed::PersonPhone),
        field("is_organizer", Kind::Boolean, "isOrganizer"),
        computed("is_internal", Kind::Boolean, Computed::PersonInternal),
        computed("joined", Kind::Boolean, Computed::Joined),
    ],
    consumed: &["personId", "name", "email", "userEmail", "phone"],
};

pub(super) const TOPIC_MENTIONS: Child = Child {
    table: "topic_mentions",
    parent: CALL,
    rows: Rows::List("metrics.categories"),
    fields: &[
        text("name"),
        field("occurences", Kind::Integer, "occurences"),
        field("ai_detected", Kind::Boolean, "ai_detected"),
    ],
    consumed: &["phrases_matched"],
};

pub(super) const TOPIC_PHRASES: Child = Child {
    table: "topic_phrases",
    parent: CALL,
    rows: Rows::Nested("metrics.categories", "phrases_matched"),
    fields: &[
        text("text"),
        field("speaker_name", Kind::Text, "name"),
        text("user_id"),
        seconds("seconds", "time"),
    ],
    consumed: &[],
};

pub(super) const TRANSCRIPT_TURNS: Child = Child {
    table: "transcript_turns",
    parent: CALL,
    rows: Rows::List("transcript"),
    fields: &[
        seconds("start_seconds", "start"),
        seconds("end_seconds", "end"),
        computed("person_id", Kind::Integer, Computed::PersonId),
        computed("speaker_name", Kind::Text, Computed::PersonName),
        computed("speaker_email", Kind::Text, Computed::PersonEmail),
        computed("is_internal", Kind::Boolean, Computed::PersonInternal),
        text("text"),
        field("annotations", Kind::List(&ANNOTATION), "annotations"),
    ],
    consumed: &["personId"],
};

pub(super) const TOPICS_DISCUSSED: Child = Child {
    table: "topics_discussed",
    parent: CALL,
    rows: Rows::List("summary.topics_discussed"),
    fields: &[
        text("name"),
        seconds("start_seconds", "start_timestamp"),
        seconds("end_seconds", "end_timestamp"),
        text("start_timestamp"),
        text("end_timestamp"),
        text("summary"),
    ],
    consumed: &[],
};

pub(super) const ACTION_ITEMS: Child = Child {
    table: "action_items",
    parent: CALL,
    rows: Rows::List("summary.key_action_items"),
    fields: &[
        text("action_item"),
        text("speaker_name"),
        text("owner_name"),
        seconds("start_seconds", "start_timestamp"),
        seconds("end_seconds", "end_timestamp"),
        text("start_timestamp"),
        text("end_timestamp"),
        text("reasoning"),
        text("timeline"),
    ],
    consumed: &[],
};

pub(super) const COMPETITOR_SENTIMENTS: Child = Child {
    table: "competitor_sentiments",
    parent: CALL,
    rows: Rows::List("competitor_sentiments"),
    fields: &[
        text("competitor_name"),
        text("sentiment"),
        text("reasoning"),
        computed("person_id", Kind::Integer, Computed::PersonId),
        computed("speaker_name", Kind::Text, Computed::PersonName),
        computed("is_internal", Kind::Boolean, Computed::PersonInternal),
        seconds("turn_start_seconds", "turn_start_time"),
    ],
    consumed: &["personId"],
};
