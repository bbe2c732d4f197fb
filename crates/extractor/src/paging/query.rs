//! What a page is asked for by.

use chrono::{SecondsFormat, SubsecRound, TimeDelta};
use clarion_core::{Timestamp, Visibility, Window};

/// The vendor's contract.
pub(crate) const MAX_SKIP: u32 = 10_000;
/// The vendor's contract.
pub(crate) const MAX_LIMIT: u32 = 100;
/// The vendor compares times strictly and, as far as known, to the millisecond.
pub(crate) const TICK: TimeDelta = TimeDelta::milliseconds(1);

/// The filters of a listing. All bounds are strict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) visibility: Visibility,
    /// `last_modified_time` after and before; never moves.
    pub(crate) modified: Option<(Timestamp, Timestamp)>,
    pub(crate) time_after: Option<Timestamp>,
    pub(crate) time_before: Option<Timestamp>,
    pub(crate) status: Option<&'static str>,
    /// The call's type.
    pub(crate) kind: Option<&'static str>,
}

impl Filters {
    pub(crate) fn of(window: &Window, visibility: Visibility) -> Self {
        let mut filters = Self {
            visibility,
            modified: None,
            time_after: None,
            time_before: None,
            status: None,
            kind: None,
        };
        match *window {
            Window::Modified { after, before } => filters.modified = Some((after, before)),
            Window::ByTime { from, to } => {
                filters.time_after = Some(from - TICK);
                filters.time_before = to;
            }
            Window::Before(time) => filters.time_before = Some(time),
            Window::Everything => {}
        }
        filters
    }

    pub(crate) fn params(&self, skip: u32, limit: u32) -> Vec<(&'static str, String)> {
        let mut params = vec![("sortTime", "asc".to_owned()), ("limit", limit.to_string())];
        if skip > 0 {
            params.push(("skip", skip.to_string()));
        }
        let private = if self.visibility == Visibility::All { "true" } else { "false" };
        params.push(("includePrivate", private.to_owned()));
        let (modified_after, modified_before) = self.modified.unzip();
        let lower = |time: Timestamp| millis(floor(time));
        let upper = |time: Timestamp| millis(ceil(time));
        let optional = [
            ("filterTimeGt", self.time_after.map(lower)),
            ("filterTimeLt", self.time_before.map(upper)),
            ("filterModifiedGt", modified_after.map(lower)),
            ("filterModifiedLt", modified_before.map(upper)),
            ("filterStatus", self.status.map(str::to_owned)),
            ("filterType", self.kind.map(str::to_owned)),
        ];
        params.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        params
    }

    /// Whether the server would let a row of this time through.
    pub(crate) fn admits(&self, time: Timestamp) -> bool {
        self.time_after.is_none_or(|after| time > floor(after))
            && self.time_before.is_none_or(|before| time < ceil(before))
    }
}

/// The millisecond that a time lies in.
pub(crate) fn floor(time: Timestamp) -> Timestamp {
    time.trunc_subsecs(3)
}

fn ceil(time: Timestamp) -> Timestamp {
    let floor = floor(time);
    if floor == time { floor } else { floor + TICK }
}

fn millis(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_outwards_to_milliseconds() {
        let time = |text| clarion_core::parse_timestamp(text).expect("valid");
        let window = Window::ByTime {
            from: time("2026-01-02T03:04:05.000Z"),
            to: Some(time("2026-01-02T03:04:06.0001Z")),
        };
        let params = Filters::of(&window, Visibility::All).params(0, 100);
        assert!(params.contains(&("filterTimeGt", "2026-01-02T03:04:04.999Z".to_owned())), "{params:?}");
        assert!(params.contains(&("filterTimeLt", "2026-01-02T03:04:06.001Z".to_owned())), "{params:?}");
        assert!(params.contains(&("includePrivate", "true".to_owned())));
    }
}
