//! Scorecards and playlists: what users made of the generated calls.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::script::Script;
use super::words::SKILLS;
use crate::collections::Collections;

const TEMPLATES: usize = 2;
const PLAYLISTS: u64 = 3;
/// Every so many calls one is scored, and one is in a playlist.
const SCORED_EVERY: usize = 10;
const LISTED_EVERY: usize = 25;

pub(super) fn fill(script: &Script, calls: u64, collections: &mut Collections) {
    collections.set("scorecard_templates", (0..TEMPLATES).map(template).collect());
    let mut scorecards = Vec::new();
    for number in (0..calls).step_by(SCORED_EVERY) {
        let draft = script.draft(number);
        if draft.is_ready() {
            let id = draft.rng.fork(77).hex(24);
            collections.scorecard_times.insert(id.clone(), draft.modified + TimeDelta::minutes(5));
            scorecards.push(scorecard(script, number, &id));
        }
    }
    collections.set("scorecards", scorecards);
    collections.set("playlists", (0..PLAYLISTS).map(|number| playlist(script, calls, number)).collect());
}

fn template(number: usize) -> Value {
    let question = |(order, skill): (usize, &&str)| json!({"skill": skill, "label": format!("{skill}: was it good?"), "order": (order + 1).to_string()});
    json!({
        "id": format!("template-{number}"),
        "customer_id": "workspace-1",
        "name": format!("Scorecard {} 🔎", number + 1),
        "type": "MANUAL",
        "questions": SKILLS.iter().enumerate().map(question).collect::<Vec<_>>(),
    })
}

fn scorecard(script: &Script, number: u64, id: &str) -> Value {
    let draft = script.draft(number);
    let mut rng = draft.rng.fork(78);
    let users = &script.world().users;
    let scores: Vec<usize> = SKILLS.iter().map(|_| 1 + rng.below(5)).collect();
    let answer = |(order, skill): (usize, &&str)| json!({"skill": skill, "label": format!("{skill}: was it good?"), "order": (order + 1).to_string(), "score": scores[order]});
    json!({
        "id": id,
        "type": "MANUAL",
        "rep": users[draft.users[0]].id,
        "scorer": rng.pick(users).id,
        "template_id": format!("template-{}", rng.below(TEMPLATES)),
        "call_id": draft.id,
        "total_score": scores.iter().sum::<usize>() as f64 / scores.len() as f64,
        "remark": if rng.chance(0.3) { Value::Null } else { "Très bon échange, merci !".into() },
        "questions_score": SKILLS.iter().enumerate().map(answer).collect::<Vec<_>>(),
    })
}

fn playlist(script: &Script, calls: u64, number: u64) -> Value {
    let members: Vec<_> = (number..calls).step_by(LISTED_EVERY).map(|call| script.draft(call).id).collect();
    json!({
        "id": format!("playlist-{number}"),
        "name": format!("Best of {}", number + 1),
        "description": "Collected calls",
        "owner_id": script.world().users[0].id,
        "call_ids": members,
    })
}
