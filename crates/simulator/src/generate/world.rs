//! Whom and what the generated calls are about.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::rng::Rng;
use super::words::{COMPANIES, FIRST_NAMES, LAST_NAMES, STAGES, TOPICS};
use crate::collections::Collections;
use crate::edit::written;

/// Calls an account has on average.
const CALLS_PER_ACCOUNT: usize = 20;
const USERS: usize = 24;
const TEAMS: usize = 3;
const CONTACTS_PER_ACCOUNT: usize = 3;

/// People and companies of the workspace.
#[derive(Debug)]
pub(crate) struct World {
    pub(super) users: Vec<Person>,
    pub(super) accounts: Vec<Account>,
    topics: Vec<(Value, DateTime<Utc>)>,
}

#[derive(Debug)]
pub(super) struct Person {
    /// A user's id, or a contact's id in the CRM.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) crm_id: String,
    pub(super) deal_crm_id: String,
    pub(super) deal_name: String,
    pub(super) amount: String,
    pub(super) stage: &'static str,
    pub(super) close_date: DateTime<Utc>,
    pub(super) contacts: Vec<Person>,
}

impl World {
    pub(super) fn new(rng: &Rng, calls: usize, as_of: DateTime<Utc>) -> Self {
        let accounts = (calls / CALLS_PER_ACCOUNT).clamp(5, 400);
        Self {
            users: (0..USERS)
                .map(|number| Person::new(&mut rng.fork(number as u64), number, "example.com"))
                .collect(),
            accounts: (0..accounts)
                .map(|number| Account::new(&rng.fork(1000 + number as u64), number, as_of))
                .collect(),
            topics: (0..TOPICS.len())
                .map(|number| topic(&mut rng.fork(9000 + number as u64), number, as_of))
                .collect(),
        }
    }

    pub(super) fn fill(&self, collections: &mut Collections) {
        let users = self.users.iter().enumerate().map(|(number, user)| self.user(number, user)).collect();
        collections.set("users", users);
        collections.set("teams", (0..TEAMS).map(|number| self.team(number)).collect());
        collections.set("accounts", self.accounts.iter().map(Account::record).collect());
        collections.set("opportunities", self.accounts.iter().map(Account::deal).collect());
        collections.set("contacts", self.accounts.iter().flat_map(Account::contact_records).collect());
        collections.set("topics", self.topics.iter().map(|(topic, _)| topic.clone()).collect());
        let id = |topic: &Value| topic["topic_id"].as_str().unwrap_or_default().to_owned();
        collections.topic_times = self.topics.iter().map(|(topic, at)| (id(topic), *at)).collect();
    }

    fn user(&self, number: usize, user: &Person) -> Value {
        let mut record = json!({
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "role": if number < TEAMS { "MANAGER" } else if number.is_multiple_of(11) { "OBSERVER" } else { "REP" },
            "is_recording": !number.is_multiple_of(5),
        });
        if number >= TEAMS {
            record["manager_id"] = self.users[number % TEAMS].id.clone().into();
        }
        record
    }

    fn team(&self, number: usize) -> Value {
        let members: Vec<_> = self.users.iter().skip(number).step_by(TEAMS).map(|user| &user.id).collect();
        json!({
            "id": format!("team-{number}"),
            "name": format!("Team {}", ["EMEA", "Amériques", "APAC"][number]),
            "manager_id": self.users[number].id,
            "user_ids": members,
        })
    }
}

impl Person {
    fn new(rng: &mut Rng, number: usize, domain: &str) -> Self {
        let (first, last) = (*rng.pick(&FIRST_NAMES), *rng.pick(&LAST_NAMES));
        let plain: String =
            format!("{first}.{last}").chars().filter(|c| c.is_ascii_alphabetic() || *c == '.').collect();
        Self {
            id: rng.hex(24),
            name: format!("{first} {last}"),
            email: format!("{}{number}@{domain}", plain.to_lowercase()),
        }
    }
}

impl Account {
    fn new(rng: &Rng, number: usize, as_of: DateTime<Utc>) -> Self {
        let mut own = rng.fork(0);
        let name = format!("{} {}", own.pick(&COMPANIES), number + 1);
        let domain = format!("account{number}.example.com");
        let contact = |index| Person {
            id: format!("003{}", rng.fork(50 + index as u64).hex(15).to_uppercase()),
            ..Person::new(&mut rng.fork(10 + index as u64), index, &domain)
        };
        Self {
            crm_id: format!("001{}", own.hex(15).to_uppercase()),
            deal_crm_id: format!("006{}", own.hex(15).to_uppercase()),
            deal_name: format!(
                "{name}: {}",
                own.pick(&["renewal", "new business", "\"Platinum\" upgrade 💎"])
            ),
            amount: format!("{}.{:02}", 1000 + own.below(500_000), own.below(100)),
            stage: *own.pick(&STAGES),
            close_date: as_of + TimeDelta::days(own.below(180) as i64 - 60),
            contacts: (0..CONTACTS_PER_ACCOUNT).map(contact).collect(),
            name,
        }
    }

    fn record(&self) -> Value {
        json!({
            "id": self.crm_id.to_lowercase(),
            "crm_id": self.crm_id,
            "name": self.name,
            "phones": ["+1-555-0100"],
            "website": null,
            "country": "Norway",
            "city": "Tromsø",
            "custom_fields": [{"key": "Tier", "value": "B"}],
        })
    }

    fn deal(&self) -> Value {
        json!({
            "id": self.deal_crm_id.to_lowercase(),
            "crm_id": self.deal_crm_id,
            "deal_name": self.deal_name,
            "amount": self.amount,
            "close_date": written(self.close_date),
            "created_date": written(self.close_date - TimeDelta::days(120)),
            "stage": self.stage,
            "probability": "25",
            "forecast_category": "Pipeline",
            "account_crm_id": self.crm_id,
            "stage_change_history": [],
            "close_date_change_history": [],
            "custom_fields": [],
        })
    }

    fn contact_records(&self) -> Vec<Value> {
        let record = |contact: &Person| {
            let (first, last) = contact.name.split_once(' ').unwrap_or((contact.name.as_str(), ""));
            json!({
                "id": contact.id.to_lowercase(),
                "crm_id": contact.id,
                "account_crm_id": self.crm_id,
                "first_name": first,
                "last_name": last,
                "job_title": null,
                "phones": [],
                "emails": [contact.email],
                "is_lead": false,
                "custom_fields": [],
            })
        };
        self.contacts.iter().map(record).collect()
    }
}

fn topic(rng: &mut Rng, number: usize, as_of: DateTime<Utc>) -> (Value, DateTime<Utc>) {
    let id = rng.hex(24);
    let name = TOPICS[number];
    let record = if number % 4 == 3 {
        let custom = json!({"description": format!("Talk about {name}"), "status": "ACTIVE"});
        json!({"topic_id": id, "topic_name": name, "type": "CUSTOM", "team_ids": [], "custom_topic": custom})
    } else {
        let keyword = json!({"trackers": [name.to_lowercase(), "example"]});
        json!({"topic_id": id, "topic_name": name, "type": "KEYWORD", "team_ids": ["team-0"], "keyword_topic": keyword})
    };
    (record, as_of - TimeDelta::minutes(rng.below(500_000) as i64))
}
