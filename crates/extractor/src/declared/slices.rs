//! A list that is longer than its offset reaches, in slices of time. Without I/O.
//!
//! Each slice is a list of its own, with its own count; one that is still too long is split into halves. What the slices
//! gave together must not be less than what the server counts without any bound: a record without a time is in none.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::{SecondsFormat, SubsecRound as _, TimeDelta};
use clarion_core::{Declaration, Error, Kind, RecordKey, Result, Retry, Timestamp, fault, from_millis};

/// Where slices are cut: on whole seconds.
const GRAIN: TimeDelta = TimeDelta::seconds(1);
/// The bounds are strict, and how fine the server's times are is not known: a slice begins this much before the end of
/// the one before, and what is in both counts once.
const OVERLAP: TimeDelta = GRAIN;
/// 2000-01-01. What is older is one slice.
const EARLIEST: i64 = 946_684_800_000;
/// What is later than so far after now is one slice.
const AHEAD: TimeDelta = TimeDelta::days(366);

/// A span of time; open to the past, to the future, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slice {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

pub(super) struct Slices<'s> {
    stream: &'s Declaration,
    now: Timestamp,
    /// The one that is being read.
    here: Slice,
    /// Those to come, the next one last.
    later: Vec<Slice>,
    /// What the server counts without any bound; `None` as long as nothing was cut.
    all: Option<u64>,
    /// The whole list was asked for again, to be counted.
    is_recount: bool,
    seen: HashSet<RecordKey>,
    doubles: u64,
}

impl<'s> Slices<'s> {
    /// One slice, without bounds.
    pub(super) fn new(stream: &'s Declaration, now: Timestamp) -> Self {
        Self {
            stream,
            now,
            here: Slice::default(),
            later: Vec::new(),
            all: None,
            is_recount: false,
            seen: HashSet::new(),
            doubles: 0,
        }
    }

    /// What bounds the slice at hand.
    pub(super) fn params(&self) -> Vec<(Cow<'static, str>, String)> {
        let from = self.here.from.map(|from| (&self.stream.slice_from_param, from - OVERLAP));
        let to = self.here.to.map(|to| (&self.stream.slice_to_param, to));
        let bounds = from.into_iter().chain(to);
        let written = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        bounds.map(|(name, time)| (Cow::Owned(name.clone()), written(time))).collect()
    }

    /// The slice at hand holds `matched` records, more than the offset reaches. Whether there is more to read: then its
    /// first half is at hand.
    pub(super) fn halve(&mut self, matched: u64, seen: HashSet<RecordKey>) -> Result<bool> {
        self.seen.extend(seen);
        if self.is_recount {
            return if self.seen() < matched { Err(self.lacking(matched)) } else { Ok(false) };
        }
        self.all.get_or_insert(matched);
        let middle = self.here.middle(self.now).ok_or_else(|| self.too_dense(matched))?;
        self.later.push(Slice { from: Some(middle), ..self.here });
        self.here.to = Some(middle);
        Ok(true)
    }

    /// The slice at hand was read to its end. Whether there is more to read.
    pub(super) fn close(&mut self, seen: HashSet<RecordKey>, doubles: u64) -> bool {
        // What was read without bounds has proved itself.
        let Some(all) = self.all.filter(|_| !self.is_recount) else { return false };
        self.seen.extend(seen);
        self.doubles += doubles;
        if let Some(next) = self.later.pop() {
            self.here = next;
            return true;
        }
        if self.seen() >= all || fault::defect("extractor.slices_are_all") {
            return false;
        }
        // Records may have gone meanwhile: the whole list is asked for once more, to be counted.
        self.is_recount = true;
        self.here = Slice::default();
        true
    }

    fn seen(&self) -> u64 {
        self.seen.len() as u64 + self.doubles
    }

    fn lacking(&self, matched: u64) -> Error {
        self.unproven("slices of time hold fewer records than the server counts: some may have no time")
            .with("matched", matched)
            .with("seen", self.seen())
    }

    fn too_dense(&self, matched: u64) -> Error {
        self.unproven("a slice of time cannot be cut again, and is longer than the offset reaches")
            .with(
                "slice",
                self.params()
                    .iter()
                    .map(|(name, time)| format!("{name}={time}"))
                    .collect::<Vec<_>>()
                    .join("&"),
            )
            .with("matched", matched)
            .with("skip", self.stream.max_skip)
    }

    fn unproven(&self, why: &str) -> Error {
        Error::new(Kind::Unproven, "a list could not be proved complete")
            .retry(Retry::Persistent)
            .with("stream", &self.stream.name)
            .with("reason", why)
    }
}

impl Slice {
    /// Where it is cut; `None` if it is too short, or lies where no records are to be expected.
    fn middle(self, now: Timestamp) -> Option<Timestamp> {
        let from = self.from.unwrap_or(from_millis(EARLIEST));
        let to = self.to.unwrap_or(now + AHEAD);
        let middle = (from + (to - from) / 2).trunc_subsecs(0);
        (from + GRAIN <= middle && middle + GRAIN <= to).then_some(middle)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `times` (milliseconds; a record without a time is in no slice) as a server would give them.
    fn read(times: &[Option<i64>], reach: u64) -> Result<HashSet<RecordKey>> {
        let stream = Declaration {
            slice_from_param: "since".to_owned(),
            slice_to_param: "until".to_owned(),
            ..Declaration::default()
        };
        let mut slices = Slices::new(&stream, from_millis(1_700_000_000_000));
        let mut given = HashSet::new();
        let mut asked = 0;
        loop {
            asked += 1;
            assert!(asked < 2_000, "it does not go on for ever");
            let params = slices.params();
            let bound = |name: &str| {
                let text = params.iter().find(|(known, _)| known == name)?.1.clone();
                Some(clarion_core::parse_timestamp(&text).expect("a time").timestamp_millis())
            };
            let (since, until) = (bound("since"), bound("until"));
            let is_within = |time: &Option<i64>| match time {
                None => params.is_empty(),
                Some(time) => {
                    since.is_none_or(|since| *time > since) && until.is_none_or(|until| *time < until)
                }
            };
            let found: HashSet<RecordKey> = (0..)
                .zip(times)
                .filter(|(_, time)| is_within(time))
                .map(|(id, _): (u32, _)| RecordKey::parse(id.to_string()).expect("a key"))
                .collect();
            let matched = found.len() as u64;
            let more = if matched > reach {
                slices.halve(matched, HashSet::new())?
            } else {
                given.extend(found.clone());
                slices.close(found, 0)
            };
            if !more {
                return Ok(given);
            }
        }
    }

    proptest! {
        #[test]
        fn slices_give_all_that_has_a_time(
            times in prop::collection::vec(1_600_000_000_000_i64..1_600_000_100_000, 0..60),
            spread in 1_i64..10_000,
        ) {
            let first = times.first().copied().unwrap_or_default();
            let times: Vec<_> = times.iter().map(|time| Some(first + (time - first) * spread)).collect();
            match read(&times, 15) {
                Ok(given) => prop_assert_eq!(given.len(), times.len()),
                Err(error) => {
                    // More than fifteen in two seconds.
                    prop_assert!(spread < 100, "{}", error);
                    prop_assert!(error.to_string().contains("slice"), "{}", error);
                }
            }
        }
    }

    #[test]
    fn what_no_slice_holds_is_missed() {
        let mut times: Vec<_> = (0..40).map(|day| Some(1_600_000_000_000 + day * 86_400_000)).collect();
        assert_eq!(read(&times, 10).expect("all").len(), 40);
        times.push(None);
        let error = read(&times, 10).expect_err("one has no time");
        assert_eq!(error.kind(), Kind::Unproven);
        assert!(error.to_string().contains("matched: 41"), "{error}");
        let old = [Some(0); 11];
        assert!(read(&old, 10).is_err(), "before all slices, in the same moment");
        assert_eq!(read(&old, 11).expect("all").len(), 11);
    }
}
