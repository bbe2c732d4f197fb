//! The vendor's endpoints, one function each: checked parameters in, an answer out.

mod calls;
mod contract;
mod records;
mod stats;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::params::{Bad, Page, Params};
use crate::state::{Shared, State};

/// The path of one call's details.
pub(crate) const DETAILS: &str = "/call-details";

/// Why there is no 200.
enum Refused {
    Bad(Bad),
    Missing(&'static str),
}

impl From<Bad> for Refused {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

/// Answers a reading request.
pub(crate) fn answer(shared: &Shared, path: &str, params: &Params) -> Answer {
    match route(shared, path, params) {
        Ok(answer) => answer,
        Err(Refused::Bad(reason)) => Answer::error(400, &reason),
        Err(Refused::Missing(what)) => Answer::error(404, what),
    }
}

fn route(shared: &Shared, path: &str, params: &Params) -> Result<Answer, Refused> {
    // Only the calls are worth reading without holding the lock.
    if path == "/calls" {
        return calls::list(shared, params);
    }
    let state = &mut *shared.lock();
    match path {
        DETAILS => calls::details(state, params),
        "/users" => records::all(state, "users", "users"),
        "/topics" => records::keyword_topics(state),
        "/v2/topics" => records::topics(state, params),
        "/scorecard" => records::scorecards(state, params),
        "/scorecard-template" => records::all(state, "scorecard_templates", "scoreCardTemplates"),
        "/get-account" => records::by_crm_id(state, "accounts", params),
        "/get-deal" => records::by_crm_id(state, "opportunities", params),
        "/get-contact" => records::by_crm_id(state, "contacts", params),
        "/teams" => records::all(state, "teams", "teams"),
        "/playlists" => records::paged(state, "playlists", params),
        "/accounts" => records::paged(state, "accounts", params),
        "/opportunities" => records::paged(state, "opportunities", params),
        "/stats" => stats::by_user(state, params),
        "/stats/aggregate" => stats::aggregate(state, params),
        _ => {
            let playlist = path.strip_prefix("/playlists/").and_then(|rest| rest.strip_suffix("/calls"));
            let id = playlist.ok_or(Refused::Missing("no such endpoint"))?;
            calls::of_playlist(state, id, params)
        }
    }
}

/// The `pagination` object: `nextPageSkip` only where there is a next page.
fn pagination(page: Page, sent: usize, matched: usize) -> Value {
    let next = page.skip + sent;
    if next < matched {
        json!({"matched": matched, "hasMore": true, "nextPageSkip": next})
    } else {
        json!({"matched": matched, "hasMore": false})
    }
}

/// One page of records under `key`.
fn page_of(records: &[&Value], key: &str, page: Page) -> Answer {
    let sent: Vec<_> = records.iter().skip(page.skip).take(page.limit).collect();
    let pagination = pagination(page, sent.len(), records.len());
    Answer::value(&json!({key: sent, "pagination": pagination}))
}

/// The collection's records under `key`.
fn records_of<'a>(state: &'a State, collection: &str) -> Vec<&'a Value> {
    state.collections.get(collection).iter().collect()
}
