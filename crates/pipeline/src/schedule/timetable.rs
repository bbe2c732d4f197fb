//! From how the last sync ended to when the next one is due. Pure.

use chrono::Duration;
use clarion_core::{RunRecord, Timestamp};

use super::Schedule;

/// A sync that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) verdict: Verdict,
}

/// How a sync ended, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done, with holes or without.
    Fine,
    /// Out of quota; goes on at this moment, if it is known.
    Paused { resumes_at: Option<Timestamp> },
    /// May go better soon.
    Failed,
    /// Nothing will be better before somebody does something.
    Refused,
}

/// The next sync.
#[derive(Debug, Clone)]
pub(crate) struct Timetable {
    schedule: Schedule,
    due: Timestamp,
    failures: u32,
    /// The clock when it was last looked at.
    seen: Timestamp,
}

impl Timetable {
    /// At the start of the service: due at once if there was no sync yet, or if the last one did not end well.
    pub(crate) fn resume(schedule: Schedule, last: Option<&RunRecord>, now: Timestamp) -> Self {
        let ended_well = last.filter(|run| matches!(run.outcome.as_str(), "done" | "partial" | "paused"));
        // A clock that was wrong must not put the next sync off.
        let due = ended_well.map_or(now, |run| schedule.after(run.started_at.min(now)));
        Self { schedule, due, failures: 0, seen: now }
    }

    /// When the next sync is due. What was missed while nothing ran is one moment in the past: it is caught up once.
    pub(crate) fn due(&self) -> Timestamp {
        self.due
    }

    /// Tells it the time: a clock that was set back must not put the next sync off by as much.
    pub(crate) fn look(&mut self, now: Timestamp) {
        let back = (self.seen - now).max(Duration::zero());
        self.due = self.due.checked_sub_signed(back).unwrap_or(now);
        self.seen = now;
    }

    pub(crate) fn ended(&mut self, past: Past) {
        let slot = self.schedule.after(past.started_at);
        self.failures = if past.verdict == Verdict::Failed { self.failures + 1 } else { 0 };
        let due = match past.verdict {
            Verdict::Fine | Verdict::Refused | Verdict::Paused { resumes_at: None } => slot,
            Verdict::Paused { resumes_at: Some(at) } => slot.min(at),
            Verdict::Failed => slot.min(past.ended_at + retry_after(self.failures)),
        };
        self.due = due.max(past.ended_at);
    }
}

/// A failure that passes should not cost a whole interval, and one that stays should not be asked for every minute.
pub(crate) fn retry_after(failures: u32) -> Duration {
    Duration::minutes(5) * 3_i32.pow(failures.saturating_sub(1).min(3))
}

#[cfg(test)]
mod tests {
    use clarion_core::{RunId, parse_timestamp};

    use super::*;
    use crate::schedule::ScheduleSettings;
    use crate::settings::Period;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(&format!("2026-11-21T{text}:00Z")).expect("a time")
    }

    fn schedule() -> Schedule {
        let settings = ScheduleSettings { jitter: Period::seconds(0), ..ScheduleSettings::default() };
        Schedule::parse(&settings, "test").expect("the default schedule")
    }

    fn last(outcome: &str, started: Timestamp) -> RunRecord {
        RunRecord {
            id: RunId::new("a"),
            kind: "sync".to_owned(),
            outcome: outcome.to_owned(),
            started_at: started,
            ended_at: None,
            report: String::new(),
        }
    }

    #[test]
    fn a_restart_goes_on_where_the_schedule_stood_and_catches_up_once() {
        let resume = |outcome, started| {
            Timetable::resume(schedule(), Some(&last(outcome, at(started))), at("12:00")).due()
        };
        assert_eq!(Timetable::resume(schedule(), None, at("12:00")).due(), at("12:00"));
        assert_eq!(resume("done", "10:00"), at("16:00"), "not due yet");
        assert_eq!(resume("partial", "01:00"), at("07:00"), "missed: due since then, once");
        assert_eq!(resume("running", "11:00"), at("12:00"), "it died");
        assert_eq!(resume("failed", "11:00"), at("12:00"));
        assert_eq!(resume("done", "23:00"), at("18:00"), "a start that lies in the future");
    }

    #[test]
    fn what_comes_next_depends_on_how_the_last_one_ended() {
        let after = |verdict, ended| {
            let mut table = Timetable::resume(schedule(), None, at("00:00"));
            table.ended(Past { started_at: at("06:00"), ended_at: at(ended), verdict });
            table.due()
        };
        assert_eq!(after(Verdict::Fine, "06:05"), at("12:00"));
        assert_eq!(after(Verdict::Fine, "14:00"), at("14:00"), "longer than the interval: at once, and once");
        assert_eq!(after(Verdict::Refused, "06:01"), at("12:00"));
        assert_eq!(after(Verdict::Failed, "06:10"), at("06:15"));
        let paused = |at| Verdict::Paused { resumes_at: Some(at) };
        assert_eq!(after(paused(at("07:00")), "06:10"), at("07:00"));
        assert_eq!(after(paused(at("23:00")), "06:10"), at("12:00"));
    }

    #[test]
    fn a_clock_that_is_set_back_puts_nothing_off() {
        let mut table = Timetable::resume(schedule(), Some(&last("done", at("12:00"))), at("12:30"));
        table.look(at("13:00"));
        assert_eq!(table.due(), at("18:00"));
        table.look(at("03:00"));
        assert_eq!(table.due(), at("08:00"), "five hours from now, as before");
        table.look(at("04:00"));
        assert_eq!(table.due(), at("08:00"));
    }

    #[test]
    fn a_failure_is_tried_again_less_and_less_but_never_later_than_the_schedule() {
        let mut table = Timetable::resume(schedule(), None, at("06:00"));
        let mut waits = Vec::new();
        for _ in 0..5 {
            let now = table.due();
            table.ended(Past { started_at: now, ended_at: now, verdict: Verdict::Failed });
            waits.push((table.due() - now).num_minutes());
        }
        assert_eq!(waits, [5, 15, 45, 135, 135]);
        let now = table.due();
        table.ended(Past { started_at: now, ended_at: now, verdict: Verdict::Fine });
        table.ended(Past { started_at: now, ended_at: now, verdict: Verdict::Failed });
        assert_eq!((table.due() - now).num_minutes(), 5, "a good run forgives");
    }
}
