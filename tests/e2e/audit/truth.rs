//! What each table must hold, worked out from the simulator's truth and from nothing of the product.

use chrono::DateTime;
use clarion_simulator::Control;
use serde_json::Value;

use super::tables::{Kind, NULL, Rows, Table};

/// Statuses whose details come: the contract's ready and final ones.
const ON_THEIR_WAY: [&str; 5] = ["SCHEDULED", "INITIATED", "INPROGRESS", "WAITING_IN_QUEUE", "PROCESSING"];

/// The rows that a table must hold now.
pub(crate) fn rows(table: &Table, control: &Control) -> Rows {
    if table.name == "users" {
        return control.collection("users").iter().map(|user| row(table, user)).collect();
    }
    let mut rows = Rows::new();
    for mut call in control.truth() {
        let id = call["id"].as_str().expect("a call has an id").to_owned();
        call["is_private"] = control.is_private(&id).into();
        match table.name {
            "calls" => rows.push(row(table, &call)),
            "call_details" if has_details(&call) => rows.push(row(table, &call)),
            "call_details" => {}
            child => rows.extend(children(table, &id, &items(child, &call))),
        }
    }
    rows
}

/// Whether the details of such a call are fetched.
pub(crate) fn has_details(call: &Value) -> bool {
    !ON_THEIR_WAY.contains(&call["status"].as_str().unwrap_or_default())
}

fn children(table: &Table, id: &str, items: &[Value]) -> Rows {
    let with_key = |(index, item): (usize, &Value)| {
        let rest = table.columns[2..].iter().map(|(name, kind)| cell(item.get(*name), *kind));
        [id.to_owned(), index.to_string()].into_iter().chain(rest).collect()
    };
    items.iter().enumerate().map(with_key).collect()
}

fn items(table: &str, call: &Value) -> Vec<Value> {
    let list = |pointer: &str| call.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    match table {
        "call_participants" => participants(call),
        "topic_mentions" => list("/metrics/categories"),
        _ if !has_details(call) => Vec::new(),
        "transcript_turns" => list("/transcript"),
        "topics_discussed" => list("/summary/topics_discussed"),
        "action_items" => list("/summary/key_action_items"),
        "competitor_sentiments" => list("/competitor_sentiments"),
        other => panic!("no rule for {other}"),
    }
}

/// Users, then external participants, then whoever joined without being in either list.
fn participants(call: &Value) -> Vec<Value> {
    let list = |name: &str| call[name].as_array().cloned().unwrap_or_default();
    let person = |role: &str, email: &Value| serde_json::json!({ "role": role, "email": email });
    let (users, externals) = (list("users"), list("externalParticipants"));
    let invited: Vec<Value> =
        users.iter().chain(&externals).map(|person| person["personId"].clone()).collect();
    let others =
        list("joinedParticipants").into_iter().filter(|joined| !invited.contains(&joined["personId"]));
    let users = users.iter().map(|user| person("user", &user["userEmail"]));
    let externals = externals.iter().map(|external| person("external", &external["email"]));
    let others = others.map(|joined| person("joined", &joined["email"]));
    users.chain(externals).chain(others).collect()
}

fn row(table: &Table, record: &Value) -> Vec<String> {
    table.columns.iter().map(|(name, kind)| cell(record.get(*name), *kind)).collect()
}

fn cell(value: Option<&Value>, kind: Kind) -> String {
    match (value, kind) {
        (None | Some(Value::Null), _) => NULL.to_owned(),
        (Some(Value::String(text)), Kind::Time) => {
            let time = DateTime::parse_from_rfc3339(text);
            time.map_or_else(|_| NULL.to_owned(), |time| time.timestamp_micros().to_string())
        }
        // Neither Postgres nor UTF-8 can hold U+0000.
        (Some(Value::String(text)), Kind::Plain) => text.replace('\0', "\u{fffd}"),
        (Some(other), _) => other.to_string(),
    }
}
