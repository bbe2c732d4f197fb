//! Column rules: what they keep out is nowhere, and what becomes of them over time.

mod canaries;
mod rules;

use std::collections::BTreeSet;

use clarion_simulator::{Edit, Simulator};
use serde_json::{Value, json};

use crate::audit::has_details;
use crate::harness::{Layout, Workspace, simulate, small};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const KEYED: (&str, &str) = ("CLARION_HASH_KEY", KEY);

/// Rules of every kind on every stream.
const RULES: &str = r#"
[streams.calls]
relist = "500d"

[streams.calls.columns]
"title" = "redact"
"users.userEmail" = "hash"
"externalParticipants.email" = "hash"
"externalParticipants.phone" = "mask"
"externalParticipants.name" = "mask"
"joinedParticipants" = "exclude"
"account_name" = "exclude"
"contact_names" = "hash"
"metrics.categories.phrases_matched.text" = "exclude"

[streams.call_details.columns]
"title" = "redact"
"users.userEmail" = "hash"
"externalParticipants.email" = "hash"
"externalParticipants.phone" = "mask"
"externalParticipants.name" = "mask"
"joinedParticipants" = "exclude"
"account_name" = "exclude"
"contact_names" = "hash"
"metrics.categories.phrases_matched.text" = "exclude"
"transcript.text" = "redact"
"summary" = "redact"
"summary.topics_discussed.summary" = "exclude"
"competitor_sentiments.reasoning" = "exclude"

[streams.users]
include = ["email", "name", "role"]

[streams.users.columns]
"email" = "hash"
"name" = "mask"

[[streams.custom]]
name = "people"
path = "/users"
records = "$.users[*]"
every = "0s"

[streams.custom.columns]
"email" = "hash"
"name" = "mask"
"phone" = "exclude"
"about" = "redact"
"#;

/// What must be found nowhere. Each stands where another rule or another path keeps it out.
const CANARIES: [&str; 16] = [
    "canary.title@zeta.example",
    "+49 151 5550142",
    "canary.user@zeta.example",
    "canary.guest@zeta.example",
    "+1 (415) 555-0177",
    "Canary Guestperson",
    "Canary Joinedperson",
    "Canary Accountname",
    "Canary Contactname",
    "canary phrase matched",
    "canary.turn@zeta.example",
    "4111 1111 1111 1111",
    "canary.action@zeta.example",
    "canary topic summary",
    "canary reasoning",
    "canary.nobody@zeta.example",
];

/// A workspace under these rules, and a vendor in which one call and one user hold every canary.
struct Cage {
    simulator: Simulator,
    workspace: Workspace,
    call: String,
}

impl Cage {
    async fn new(calls: usize) -> Self {
        Self::under(calls, RULES).await
    }

    async fn under(calls: usize, rules: &str) -> Self {
        Self::with(calls, Layout { more: rules.to_owned(), ..Layout::both().await }).await
    }

    async fn with(calls: usize, layout: Layout) -> Self {
        let simulator = simulate(small(calls)).await;
        let workspace = Workspace::new(&simulator.url(), layout);
        let control = simulator.control();
        let is_spoken = |call: &Value| has_details(call) && call["summary"].is_object();
        let call = control.truth().into_iter().find(is_spoken).expect("a call with a summary");
        let cage = Self { simulator, workspace, call: call["id"].as_str().unwrap().to_owned() };
        cage.edit(call_with_canaries());
        control.edit(Edit::AddUser(json!({
            "id": "canary-user", "email": "canary.user@zeta.example", "name": "Canary Guestperson", "role": "rep",
            "phone": "+1 (415) 555-0177", "about": {"deep": ["canary.nobody@zeta.example"]},
        })));
        cage
    }

    fn edit(&self, merge: Value) {
        assert!(self.simulator.control().edit(Edit::Patch { id: self.call.clone(), merge }));
    }

    /// The row of the call in a table of the lake.
    fn row(&self, table: &str) -> Value {
        let rows = crate::harness::lake_tables(&self.workspace.lake()).remove(table).unwrap();
        rows.into_iter().find(|row| row["id"] == *self.call).unwrap()
    }
}

fn call_with_canaries() -> Value {
    json!({
        "title": "ask canary.title@zeta.example or +49 151 5550142 about it",
        "account_name": "Canary Accountname",
        "contact_names": ["Canary Contactname"],
        "users": [{"userId": "canary-user", "userEmail": "canary.user@zeta.example", "isOrganizer": true, "personId": 0}],
        "externalParticipants": [{
            "name": "Canary Guestperson", "email": "canary.guest@zeta.example", "phone": "+1 (415) 555-0177",
            "personId": 1,
        }],
        "joinedParticipants": [{"name": "Canary Joinedperson", "email": "canary.nobody@zeta.example", "personId": 1}],
        "metrics": {"call_duration": 60, "categories": [{
            "name": "Pricing", "occurences": 1, "ai_detected": false,
            "phrases_matched": [{"text": "canary phrase matched", "name": "Rep", "time": 1.5}],
        }]},
        "transcript": [
            {"personId": 0, "start": 1.0, "end": 2.0, "text": "the card is 4111 1111 1111 1111, ok?"},
            {"personId": 1, "start": 2.0, "end": 3.0, "text": "mail canary.turn@zeta.example or call ＋49 151 ５５５０１４２"},
        ],
        "summary": {
            "full_summary": "They said canary.turn@zeta.example, and +49 151 5550142.",
            "key_action_items": [{"action_item": "write to canary.action@zeta.example", "speaker_name": "Rep"}],
            "topics_discussed": [{"name": "Money", "summary": "canary topic summary"}],
        },
        "competitor_sentiments": [{"competitor_name": "Acme", "reasoning": "canary reasoning", "personId": "1"}],
    })
}

/// What the rules make of a value in every row of a child table of the call.
fn column(rows: &[Value], call: &str, name: &str) -> BTreeSet<String> {
    let of_call = rows.iter().filter(|row| row["call_id"] == *call);
    of_call.filter_map(|row| row[name].as_str()).map(str::to_owned).collect()
}
