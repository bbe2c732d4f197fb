//! Everything that is listed or looked up as it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Refused, page_of, records_of};
use crate::answer::Answer;
use crate::params::Params;
use crate::state::State;

/// Page size of these lists unless asked for another.
const LIMIT: usize = 50;

/// A whole collection under `key`.
pub(super) fn all(state: &State, collection: &str, key: &str) -> Result<Answer, Refused> {
    Ok(Answer::value(&json!({key: state.collections.get(collection)})))
}

/// One page of a collection, under its own name.
pub(super) fn paged(state: &State, collection: &str, params: &Params) -> Result<Answer, Refused> {
    Ok(page_of(&records_of(state, collection), collection, params.page(LIMIT)?))
}

/// The record of a CRM id, bare.
pub(super) fn by_crm_id(state: &State, collection: &str, params: &Params) -> Result<Answer, Refused> {
    let record = state.collections.find(collection, "crm_id", params.required("id")?);
    record.map(Answer::value).ok_or(Refused::Missing("not found"))
}

/// `/topics`: the distinct names of keyword topics.
pub(super) fn keyword_topics(state: &State) -> Result<Answer, Refused> {
    let topics = state.collections.get("topics").iter();
    let keyword = topics.filter(|topic| topic.get("keyword_topic").is_some_and(Value::is_object));
    let names: BTreeSet<_> = keyword.filter_map(|topic| topic.get("topic_name")?.as_str()).collect();
    Ok(Answer::value(&json!({"topics": names})))
}

/// `/v2/topics`, by the time of their last change.
pub(super) fn topics(state: &State, params: &Params) -> Result<Answer, Refused> {
    let modified = params.times("filterModified")?;
    let mut topics = records_of(state, "topics");
    let times = &state.collections.topic_times;
    topics.retain(|topic| modified.holds(text(topic, "topic_id").and_then(|id| times.get(id)).copied()));
    Ok(Answer::value(&json!({"topics": topics})))
}

pub(super) fn scorecards(state: &State, params: &Params) -> Result<Answer, Refused> {
    let page = params.page(LIMIT)?;
    let filled = params.times("filterTime")?;
    let mut scorecards = records_of(state, "scorecards");
    let times = &state.collections.scorecard_times;
    scorecards.retain(|card| filled.holds(text(card, "id").and_then(|id| times.get(id)).copied()));
    for (name, field) in [("filterRepId", "rep"), ("filterScorerId", "scorer")] {
        if let Some(id) = params.one(name) {
            scorecards.retain(|card| text(card, field) == Some(id));
        }
    }
    Ok(page_of(&scorecards, "scorecards", page))
}

fn text<'a>(record: &'a Value, field: &str) -> Option<&'a str> {
    record.get(field).and_then(Value::as_str)
}
