//! `/stats` and `/stats/aggregate`: figures over a window of whole days, both ends included.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::Refused;
use crate::answer::Answer;
use crate::index::Index;
use crate::params::{Bad, Params};
use crate::state::State;

pub(super) fn by_user(state: &State, params: &Params) -> Result<Answer, Refused> {
    let mut figures: BTreeMap<&str, Figures> = BTreeMap::new();
    for call in in_window(state, params)? {
        for email in &call.user_emails {
            figures.entry(email).or_default().count(call);
        }
    }
    let stats: Vec<Value> = figures
        .iter()
        .map(|(email, figures)| {
            json!({
                "email": email,
                "total_calls": figures.calls,
                "total_call_duration": figures.seconds,
                "average_call_duration": figures.seconds / figures.calls as f64,
            })
        })
        .collect();
    Ok(Answer::value(&json!({"stats": stats})))
}

pub(super) fn aggregate(state: &State, params: &Params) -> Result<Answer, Refused> {
    let calls = in_window(state, params)?;
    let mut figures = Figures::default();
    calls.iter().for_each(|call| figures.count(call));
    let users: BTreeSet<_> = calls.iter().flat_map(|call| &call.user_emails).collect();
    Ok(Answer::value(&json!({"aggregate": {
        "total_calls": figures.calls,
        "total_call_duration": figures.seconds,
        "active_users": users.len(),
    }})))
}

#[derive(Default)]
struct Figures {
    calls: u64,
    seconds: f64,
}

impl Figures {
    fn count(&mut self, call: &Index) {
        self.calls += 1;
        self.seconds += call.duration.unwrap_or(0.0);
    }
}

fn in_window<'a>(state: &'a State, params: &Params) -> Result<Vec<&'a Index>, Bad> {
    let (from, to): (NaiveDate, NaiveDate) = (params.day("from")?, params.day("to")?);
    if from > to {
        return Err("from is after to".to_owned());
    }
    let calls = state.book.iter().map(|call| &call.index);
    let inside = |index: &&Index| index.time.is_some_and(|time| (from..=to).contains(&time.date_naive()));
    Ok(calls.filter(inside).collect())
}
