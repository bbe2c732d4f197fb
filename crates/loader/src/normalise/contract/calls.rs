//! `GET /calls` and `GET /call-details`, schemas `Call` and `CallDetails` of the vendor's contract.

use clarion_core::StreamName;

use super::children::{
    ACTION_ITEMS, COMPETITOR_SENTIMENTS, PARTICIPANTS, TOPIC_MENTIONS, TOPIC_PHRASES, TOPICS_DISCUSSED,
    TRANSCRIPT_TURNS,
};
use super::{Computed, Contract, Field, Kind, computed, field, inner, text, time};

pub(super) const CALLS: Contract = Contract {
    stream: StreamName::CALLS,
    key: &["id"],
    time: Some("time"),
    fields: &[CALL, PRIVACY, CRM_AND_METRICS],
    elsewhere: &[],
    children: &[PARTICIPANTS, TOPIC_MENTIONS, TOPIC_PHRASES],
};

pub(super) const CALL_DETAILS: Contract = Contract {
    stream: StreamName::CALL_DETAILS,
    key: &["id"],
    time: Some("time"),
    fields: &[CALL, DETAILS, PRIVACY, CRM_AND_METRICS, TRANSCRIPT_TEXT],
    elsewhere: &["transcript"],
    children: &[TRANSCRIPT_TURNS, TOPICS_DISCUSSED, ACTION_ITEMS, COMPETITOR_SENTIMENTS],
};

pub(super) const CALL: &[Field] = &[
    text("source_id"),
    text("title"),
    field("users", USERS, "users"),
    field("external_participants", PEOPLE, "externalParticipants"),
    field("joined_participants", PEOPLE, "joinedParticipants"),
    text("status"),
    field("bot_not_join_reason", TEXTS, "bot_not_join_reason"),
    text("type"),
    time("time"),
    text("icaluid"),
    text("calendar_id"),
    text("recurring_event_id"),
    time("original_start_time"),
    time("last_modified_time"),
    text("audio_url"),
    text("video_url"),
    text("disposition"),
    text("deal_name"),
    text("deal_value"),
    time("deal_close_date"),
    text("deal_stage_before_call"),
    text("account_name"),
    field("contact_names", TEXTS, "contact_names"),
    field("crm_info", CRM_INFO, "crm_info"),
    field("bookmark_timestamps", Kind::List(&Kind::Timestamp), "bookmark_timestamps"),
    field("metrics", METRICS, "metrics"),
    text("call_review_page_url"),
];

const DETAILS: &[Field] = &[
    text("deal_stage_live"),
    field("summary", SUMMARY, "summary"),
    field("competitor_sentiments", Kind::List(&SENTIMENT), "competitor_sentiments"),
];

const PRIVACY: &[Field] = &[computed("is_private", Kind::Boolean, Computed::IsPrivate)];

pub(super) const CRM_AND_METRICS: &[Field] = &[
    inner("source_crm", Kind::Text, "crm_info", "source_crm"),
    inner("crm_deal_id", Kind::Text, "crm_info", "deal_id"),
    inner("crm_account_id", Kind::Text, "crm_info", "account_id"),
    inner("crm_contact_ids", TEXTS, "crm_info", "contact_ids"),
    inner("talk_listen_ratio", Kind::Double, "metrics", "talk_listen_ratio"),
    inner("num_questions_asked", Kind::Integer, "metrics", "num_questions_asked"),
    inner("num_questions_asked_by_reps", Kind::Integer, "metrics", "num_questions_asked_by_reps"),
    inner("call_duration", Kind::Integer, "metrics", "call_duration"),
    inner("total_speak_duration", Kind::Double, "metrics", "total_speak_duration"),
    inner("longest_monologue_duration", Kind::Double, "metrics", "longest_monologue_duration"),
    inner("longest_monologue_start_time", Kind::Double, "metrics", "longest_monologue_start_time"),
    inner("engaging_questions", Kind::Integer, "metrics", "engaging_questions"),
];

const TRANSCRIPT_TEXT: &[Field] = &[computed("transcript_text", Kind::Text, Computed::TranscriptText)];

const TEXTS: Kind = Kind::List(&Kind::Text);

const USERS: Kind = Kind::List(&Kind::Struct(&[
    ("userId", Kind::Text),
    ("userEmail", Kind::Text),
    ("isOrganizer", Kind::Boolean),
    ("personId", Kind::Integer),
]));

const PEOPLE: Kind = Kind::List(&Kind::Struct(&[
    ("name", Kind::Text),
    ("email", Kind::Text),
    ("phone", Kind::Text),
    ("personId", Kind::Integer),
]));

const CRM_INFO: Kind = Kind::Struct(&[
    ("source_crm", Kind::Text),
    ("deal_id", Kind::Text),
    ("account_id", Kind::Text),
    ("contact_ids", TEXTS),
]);

const METRICS: Kind = Kind::Struct(&[
    ("talk_listen_ratio", Kind::Double),
    ("num_questions_asked", Kind::Integer),
    ("num_questions_asked_by_reps", Kind::Integer),
    ("call_duration", Kind::Integer),
    ("total_speak_duration", Kind::Double),
    ("longest_monologue_duration", Kind::Double),
    ("longest_monologue_start_time", Kind::Double),
    ("engaging_questions", Kind::Integer),
    ("categories", Kind::List(&CATEGORY)),
]);

const CATEGORY: Kind = Kind::Struct(&[
    ("name", Kind::Text),
    ("occurences", Kind::Integer),
    ("phrases_matched", Kind::List(&PHRASE)),
    ("ai_detected", Kind::Boolean),
]);

const PHRASE: Kind = Kind::Struct(&[
    ("text", Kind::Text),
    ("user_id", Kind::Text),
    ("name", Kind::Text),
    ("time", Kind::Double),
]);

/// `key_takeaways` and three fields of an action item are not in the contract, but other integrations report them.
const SUMMARY: Kind = Kind::Struct(&[
    ("full_summary", Kind::Text),
    ("key_takeaways", Kind::Text),
    ("topics_discussed", Kind::List(&TOPIC)),
    ("key_action_items", Kind::List(&ACTION_ITEM)),
]);

const TOPIC: Kind = Kind::Struct(&[
    ("name", Kind::Text),
    ("start_timestamp", Kind::Text),
    ("end_timestamp", Kind::Text),
    ("summary", Kind::Text),
]);

const ACTION_ITEM: Kind = Kind::Struct(&[
    ("action_item", Kind::Text),
    ("speaker_name", Kind::Text),
    ("owner_name", Kind::Text),
    ("start_timestamp", Kind::Text),
    ("end_timestamp", Kind::Text),
    ("reasoning", Kind::Text),
    ("timeline", Kind::Text),
]);

const SENTIMENT: Kind = Kind::Struct(&[
    ("competitor_name", Kind::Text),
    ("sentiment", Kind::Text),
    ("reasoning", Kind::Text),
    ("personId", Kind::Text),
    ("turn_start_time", Kind::Text),
]);
