//! `GET /topics`, whose records are plain names, and `GET /v2/topics`, schema `V2TopicsResponse` of the vendor's contract.

use super::{Contract, Field, Kind, field, text};

pub(super) const TOPICS: Contract = Contract::plain("topics", &["name"], &[]);
pub(super) const TOPICS_V2: Contract = Contract::plain("topics_v2", &["topic_id"], &[TOPIC]);

const TOPIC: &[Field] = &[
    text("topic_name"),
    text("type"),
    field("team_ids", Kind::List(&Kind::Text), "team_ids"),
    field("custom_topic", CUSTOM_TOPIC, "custom_topic"),
    field("keyword_topic", KEYWORD_TOPIC, "keyword_topic"),
];

const CUSTOM_TOPIC: Kind = Kind::Struct(&[("description", Kind::Text), ("status", Kind::Text)]);

const KEYWORD_TOPIC: Kind = Kind::Struct(&[("trackers", Kind::List(&Kind::Text))]);
