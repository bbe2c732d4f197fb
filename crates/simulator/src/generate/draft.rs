//! What is decided about one generated call, and the record made of it.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::rng::Rng;
use super::words::{STAGES, TITLES, TOPICS};
use super::world::{Account, Person, World};
use crate::edit::written;

const DONE: &str = "POST_PROCESSING_DONE";
const ON_THEIR_WAY: [&str; 4] = ["INITIATED", "INPROGRESS", "WAITING_IN_QUEUE", "PROCESSING"];
const FAILED: [&str; 10] = [
    "ERROR_IN_TRANSCRIBE",
    "ERROR_IN_PROCESSING",
    "ERROR_IN_RECORDING",
    "UNABLE_TO_JOIN",
    "CALL_DID_NOT_HAPPEN",
    "IGNORED_BY_USER",
    "BOTJOIN_DISABLED",
    "NO_DATA_INCALL",
    "NOBODY_JOINED_CALL",
    "BOTJOIN_DENIED",
];
const KINDS: [&str; 6] = ["ZOOM", "GOOGLE_MEET", "MS_TEAMS", "RINGCENTRAL", "HUBSPOT", "DIALPAD"];
/// How far back calls reach: beyond a year, so that a history bound has something to leave out.
const REACH_DAYS: usize = 395;
/// A workspace's calls begin on the quarter of an hour, which makes ties.
const RASTER_MINUTES: i64 = 15;
/// Fields of a call that may be missing or null.
const OPTIONAL: [&str; 12] = [
    "source_id",
    "title",
    "icaluid",
    "calendar_id",
    "original_start_time",
    "disposition",
    "deal_value",
    "deal_close_date",
    "bookmark_timestamps",
    "bot_not_join_reason",
    "contact_names",
    "call_review_page_url",
];

/// Everything drawn for one call, the same at each drawing.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(super) id: String,
    pub(super) private: bool,
    status: &'static str,
    time: DateTime<Utc>,
    pub(super) modified: DateTime<Utc>,
    /// Seconds.
    pub(super) duration: usize,
    /// Indices of the workspace's users; person `n` of the call is the n-th of users and contacts.
    pub(super) users: Vec<usize>,
    pub(super) account: usize,
    pub(super) contacts: usize,
    /// For what is drawn later: fork it.
    pub(super) rng: Rng,
}

impl Draft {
    pub(super) fn new(rng: Rng, world: &World, turns: usize, as_of: DateTime<Utc>) -> Self {
        let mut own = rng.fork(0);
        let status = status(&mut own);
        let duration = turns * 7 + own.below(turns * 4 + 60);
        let time = time(&mut own, status, as_of);
        let users = 1 + own.below(2);
        Self {
            id: own.uuid(),
            private: own.chance(0.05),
            status,
            time,
            modified: modified(&mut own, status, time, duration).min(as_of),
            duration,
            users: distinct(&mut own, users, world.users.len()),
            account: own.below(world.accounts.len()),
            contacts: 1 + own.below(3),
            rng,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status == DONE || self.status == "PROCESSED"
    }

    /// Internal people first.
    pub(super) fn people<'a>(&self, world: &'a World) -> Vec<&'a Person> {
        let contacts = world.accounts[self.account].contacts.iter().take(self.contacts);
        self.users.iter().map(|user| &world.users[*user]).chain(contacts).collect()
    }

    /// The call without transcript and what is made from it.
    pub(super) fn head(&self, world: &World) -> Value {
        let mut rng = self.rng.fork(1);
        let account = &world.accounts[self.account];
        let mut record = self.basics(world, &mut rng);
        if rng.chance(0.7) {
            self.add_crm(&mut record, account, &mut rng);
        }
        if self.is_ready() {
            record.insert("metrics".to_owned(), self.metrics(world, &mut rng));
            let media = format!("https://media.example.com/{}?X-Amz-Expires=14400", self.id);
            record.insert("audio_url".to_owned(), format!("{media}&kind=audio").into());
            record.insert("video_url".to_owned(), format!("{media}&kind=video").into());
        }
        for name in OPTIONAL {
            match rng.below(40) {
                0 => drop(record.remove(name)),
                1 if record.contains_key(name) => drop(record.insert(name.to_owned(), Value::Null)),
                _ => {}
            }
        }
        Value::Object(record)
    }

    fn basics(&self, world: &World, rng: &mut Rng) -> Map<String, Value> {
        let people = self.people(world);
        let (internal, external) = people.split_at(self.users.len());
        let person = |number: usize, person: &Person| json!({"name": person.name, "email": person.email, "personId": number});
        let users = internal.iter().enumerate().map(|(number, user)| {
            json!({"userId": user.id, "userEmail": user.email, "isOrganizer": number == 0, "personId": number})
        });
        let invited =
            external.iter().enumerate().map(|(number, contact)| person(internal.len() + number, contact));
        let joined =
            people.iter().enumerate().filter(|_| self.is_ready()).map(|(number, one)| person(number, one));
        let record = json!({
            "id": self.id,
            "source_id": rng.uuid(),
            "title": format!("{} – {}", rng.pick(&TITLES), world.accounts[self.account].name),
            "users": users.collect::<Vec<_>>(),
            "externalParticipants": invited.collect::<Vec<_>>(),
            "joinedParticipants": joined.collect::<Vec<_>>(),
            "status": self.status,
            "bot_not_join_reason": [],
            "type": rng.pick(&KINDS),
            "time": written(self.time),
            "icaluid": format!("{}@example.com", rng.hex(26)),
            "calendar_id": rng.hex(26),
            "original_start_time": written(self.time),
            "last_modified_time": written(self.modified),
            "disposition": if self.is_ready() { "CALL_CONNECTED_WITH_PROSPECT" } else { "UNKNOWN_CALL_DISPOSITION" },
            "bookmark_timestamps": [],
            "call_review_page_url": format!("https://copilot.example.com/call/{}", self.id),
        });
        if let Value::Object(record) = record { record } else { Map::new() }
    }

    fn add_crm(&self, record: &mut Map<String, Value>, account: &Account, rng: &mut Rng) {
        let contacts = &account.contacts[..self.contacts];
        let crm = json!({
            "deal_name": account.deal_name,
            "deal_value": account.amount,
            "deal_close_date": written(account.close_date),
            "deal_stage_before_call": rng.pick(&STAGES),
            "deal_stage_live": account.stage,
            "account_name": account.name,
            "contact_names": contacts.iter().map(|contact| &contact.name).collect::<Vec<_>>(),
            "crm_info": {
                "source_crm": "SALESFORCE",
                "deal_id": account.deal_crm_id,
                "account_id": account.crm_id,
                "contact_ids": contacts.iter().map(|contact| &contact.id).collect::<Vec<_>>(),
            },
        });
        if let Value::Object(crm) = crm {
            record.extend(crm);
        }
    }

    fn metrics(&self, world: &World, rng: &mut Rng) -> Value {
        let people = self.people(world);
        let mut category = |name: &&str| {
            let phrases: Vec<_> = (0..rng.below(3))
                .map(|_| {
                    let number = rng.below(people.len());
                    let mut phrase = json!({
                        "text": name.to_lowercase(),
                        "name": people[number].name,
                        "time": rng.below(self.duration * 100) as f64 / 100.0,
                    });
                    if number < self.users.len() {
                        phrase["user_id"] = people[number].id.clone().into();
                    }
                    phrase
                })
                .collect();
            json!({"name": name, "occurences": phrases.len(), "phrases_matched": phrases, "ai_detected": name.len().is_multiple_of(4)})
        };
        let first = self.duration % (TOPICS.len() - 3);
        let categories: Vec<_> = TOPICS[first..first + 3].iter().map(&mut category).collect();
        let speaking = self.duration as f64 * 0.93;
        json!({
            "talk_listen_ratio": (rng.below(400) as f64 + 10.0) / 100.0,
            "num_questions_asked": rng.below(30),
            "num_questions_asked_by_reps": rng.below(15),
            "call_duration": self.duration,
            "total_speak_duration": (speaking * 100.0).round() / 100.0,
            "longest_monologue_duration": self.duration / 10,
            "longest_monologue_start_time": 12.5,
            "engaging_questions": rng.below(8),
            "categories": categories,
        })
    }
}

fn status(rng: &mut Rng) -> &'static str {
    match rng.below(100) {
        0..92 => DONE,
        92..94 => "PROCESSED",
        94 => "SCHEDULED",
        95..97 => ON_THEIR_WAY[rng.below(ON_THEIR_WAY.len())],
        _ => FAILED[rng.below(FAILED.len())],
    }
}

/// Scheduled calls lie in the next week, those on their way in the last day, the rest anywhere.
fn time(rng: &mut Rng, status: &str, as_of: DateTime<Utc>) -> DateTime<Utc> {
    let raster = TimeDelta::minutes(RASTER_MINUTES);
    let now = as_of.duration_trunc(raster).unwrap_or(as_of);
    let steps = |days: usize| days * 24 * 60 / RASTER_MINUTES as usize;
    let offset = if status == "SCHEDULED" {
        1 + rng.below(steps(7)) as i64
    } else if ON_THEIR_WAY.contains(&status) {
        -(rng.below(steps(1)) as i64)
    } else {
        -4 - rng.below(steps(REACH_DAYS)) as i64
    };
    // Dialled calls begin at any second.
    let seconds = if rng.chance(0.2) { rng.below(60 * RASTER_MINUTES as usize) as i64 } else { 0 };
    now + TimeDelta::minutes(offset * RASTER_MINUTES) - TimeDelta::seconds(seconds)
}

fn modified(rng: &mut Rng, status: &str, time: DateTime<Utc>, duration: usize) -> DateTime<Utc> {
    let lag = TimeDelta::milliseconds(rng.below(3_600_000) as i64);
    if status == "SCHEDULED" {
        time - TimeDelta::days(8) - lag
    } else {
        time + TimeDelta::seconds(duration as i64) + lag
    }
}

fn distinct(rng: &mut Rng, count: usize, bound: usize) -> Vec<usize> {
    let first = rng.below(bound);
    (0..count).map(|step| (first + step * 7) % bound).collect()
}
