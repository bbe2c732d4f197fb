//! When a sync is due: `[schedule]` of the configuration. Pure; the time comes from the caller.

mod timetable;

use chrono::{Duration, TimeZone as _, Utc};
use chrono_tz::Tz;
use clarion_core::{Error, Kind, Result, Timestamp, content_hash};
use croner::Cron;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Period;
pub(crate) use timetable::{Past, Timetable, Verdict, retry_after};

/// `[schedule]`
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSettings {
    /// From the start of one sync to the start of the next.
    pub every: Period,
    /// Five fields (minute, hour, day, month, weekday), or six with seconds first; used instead of `every` if it is set.
    pub cron: String,
    /// Of `cron`, by its IANA name.
    pub timezone: String,
    /// A sync starts up to this much later, so that many installations do not all ask at the same moment; never more
    /// than a tenth of the interval.
    pub jitter: Period,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self {
            every: Period::hours(6),
            cron: String::new(),
            timezone: "UTC".to_owned(),
            jitter: Period::seconds(60),
        }
    }
}

/// When syncs are due.
#[derive(Debug, Clone)]
pub struct Schedule {
    rule: Rule,
    jitter: Duration,
    /// Two workspaces do not wait the same time.
    workspace: String,
}

#[derive(Debug, Clone)]
enum Rule {
    Every(Duration),
    Cron(Box<Cron>, Tz),
}

impl Schedule {
    /// Reads the settings; `workspace` is anything that tells this installation from others.
    pub fn parse(settings: &ScheduleSettings, workspace: impl Into<String>) -> Result<Self> {
        let rule = match settings.cron.trim() {
            "" => Rule::Every(every(settings)?),
            cron => Rule::Cron(Box::new(parse_cron(cron)?), timezone(settings)?),
        };
        let schedule = Self { rule, jitter: settings.jitter.as_chrono(), workspace: workspace.into() };
        match schedule.slot_after(Utc.timestamp_nanos(0)) {
            Some(_) => Ok(schedule),
            None => Err(wrong("schedule.cron", "the pattern never comes true")),
        }
    }

    /// When the run is due that follows one which started at `from`; the far future if there is none any more.
    ///
    /// # Behavior
    /// - Later than `from`, and the same for the same `from` and workspace.
    /// - A fixed time that a change of the clocks skips is the first moment after it; one that comes twice counts once.
    pub fn after(&self, from: Timestamp) -> Timestamp {
        let Some(slot) = self.slot_after(from) else { return Timestamp::MAX_UTC };
        slot.checked_add_signed(self.delay(slot)).unwrap_or(slot)
    }

    /// The time from one run to the next, for judging whether data is stale.
    pub fn interval(&self, from: Timestamp) -> Duration {
        let slot = self.slot_after(from).unwrap_or(from);
        self.slot_after(slot).map_or(Duration::zero(), |next| next - slot)
    }

    fn slot_after(&self, from: Timestamp) -> Option<Timestamp> {
        match &self.rule {
            Rule::Every(every) => from.checked_add_signed(*every),
            Rule::Cron(cron, zone) => {
                let found = cron.find_next_occurrence(&from.with_timezone(zone), false);
                found.ok().map(|slot| slot.to_utc())
            }
        }
    }

    /// The jitter of a slot, from a hash, so that a test and a restart see the same.
    fn delay(&self, slot: Timestamp) -> Duration {
        let longest = self.jitter.min(self.interval(slot) / 10).num_milliseconds();
        let hash = content_hash(format!("{} {}", self.workspace, slot.timestamp_millis()).as_bytes());
        Duration::milliseconds((hash >> 1).cast_signed() % (longest.max(0) + 1))
    }
}

fn every(settings: &ScheduleSettings) -> Result<Duration> {
    let every = settings.every.as_chrono();
    let range = Duration::seconds(1)..=Duration::days(366);
    if range.contains(&every) { Ok(every) } else { Err(wrong("schedule.every", "not from 1 s to a year")) }
}

fn parse_cron(text: &str) -> Result<Cron> {
    text.parse().map_err(|error: croner::errors::CronError| {
        wrong("schedule.cron", &error.to_string())
            .with("value", text)
            .hint("five fields: minute, hour, day of the month, month, weekday; for instance \"0 */6 * * *\"")
    })
}

fn timezone(settings: &ScheduleSettings) -> Result<Tz> {
    let name = settings.timezone.trim();
    name.parse().map_err(|_| {
        wrong("schedule.timezone", "there is no such time zone")
            .with("value", name)
            .hint("use a name of the IANA database, for instance \"Europe/Berlin\" or \"UTC\"")
    })
}

fn wrong(key: &'static str, why: &str) -> Error {
    Error::new(Kind::Config, format!("the schedule cannot be used: {why}")).with("key", key)
}

#[cfg(test)]
mod tests {
    use clarion_core::{format_timestamp, parse_timestamp};

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(text).expect("a time")
    }

    fn settings(cron: &str, timezone: &str) -> ScheduleSettings {
        ScheduleSettings {
            cron: cron.to_owned(),
            timezone: timezone.to_owned(),
            jitter: Period::seconds(0),
            ..ScheduleSettings::default()
        }
    }

    /// The next runs of a schedule, each starting on time.
    fn slots(cron: &str, timezone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(&settings(cron, timezone), "test").expect("a schedule");
        let mut moment = at(from);
        let mut next = || {
            moment = schedule.after(moment);
            format_timestamp(moment)[..16].to_owned()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn an_interval_counts_from_start_to_start() {
        let schedule = Schedule::parse(&settings("", "UTC"), "test").expect("a schedule");
        assert_eq!(schedule.after(at("2026-11-21T13:30:00Z")), at("2026-11-21T19:30:00Z"));
    }

    #[test]
    fn a_pattern_is_read_in_its_time_zone_through_both_changes_of_the_clocks() {
        // Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00.
        let spring = slots("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]);
        let autumn = slots("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3);
        assert_eq!(autumn, ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]);
        let hourly = slots("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 4);
        assert_eq!(hourly, ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00", "2026-10-25T03:00"]);
        let weekdays = slots("0 6 * * MON-FRI", "America/New_York", "2026-11-20T12:00:00Z", 2);
        assert_eq!(weekdays, ["2026-11-23T11:00", "2026-11-24T11:00"]);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (cron, timezone, key) in [
            ("every day", "UTC", "schedule.cron"),
            ("61 * * * *", "UTC", "schedule.cron"),
            ("0 0 30 2 *", "UTC", "schedule.cron"),
            ("0 * * * *", "Middle/Earth", "schedule.timezone"),
        ] {
            let error = Schedule::parse(&settings(cron, timezone), "test").expect_err(cron);
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains(key), "{error}");
        }
        let never = ScheduleSettings { every: Period::seconds(0), ..settings("", "UTC") };
        assert!(Schedule::parse(&never, "test").is_err());
    }

    #[test]
    fn jitter_is_bounded_repeatable_and_different_elsewhere() {
        let jittered = |cron: &str, workspace: &str| {
            let settings = ScheduleSettings { jitter: Period::hours(1), ..settings(cron, "UTC") };
            Schedule::parse(&settings, workspace).expect("a schedule")
        };
        let plain = Schedule::parse(&settings("0 * * * *", "UTC"), "a").expect("a schedule");
        let mut delays = std::collections::BTreeSet::new();
        let mut from = at("2026-11-21T13:30:00Z");
        for _ in 0..200 {
            let (a, b) = (jittered("0 * * * *", "a").after(from), jittered("0 * * * *", "b").after(from));
            assert_eq!(a, jittered("0 * * * *", "a").after(from));
            for due in [a, b] {
                let delay = due - plain.after(from);
                assert!((Duration::zero()..=Duration::minutes(6)).contains(&delay), "{delay}");
                delays.insert(delay);
            }
            from = plain.after(from);
        }
        assert!(delays.len() > 300, "{} different delays", delays.len());
    }
}
