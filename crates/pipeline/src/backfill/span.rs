//! Which part of a span comes next. Pure.

use chrono::Duration;
use clarion_core::{Slice, Timestamp};

/// A span with an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounded {
    /// Inclusive.
    pub(crate) from: Timestamp,
    /// Exclusive.
    pub(crate) to: Timestamp,
}

/// What of `span` no slice covers, the newest first.
pub(crate) fn gaps<'s>(span: Bounded, slices: impl IntoIterator<Item = &'s Slice>) -> Vec<Bounded> {
    let mut proved: Vec<Bounded> = slices
        .into_iter()
        .map(|slice| Bounded { from: slice.from, to: slice.to.unwrap_or(Timestamp::MAX_UTC) })
        .collect();
    proved.sort_by_key(|slice| slice.from);
    let mut gaps = Vec::new();
    let mut reached = span.from;
    for slice in proved {
        if slice.from > reached {
            gaps.push(Bounded { from: reached, to: slice.from.min(span.to) });
        }
        reached = reached.max(slice.to);
        if reached >= span.to {
            break;
        }
    }
    if reached < span.to {
        gaps.push(Bounded { from: reached, to: span.to });
    }
    gaps.retain(|gap| gap.from < gap.to);
    gaps.reverse();
    gaps
}

impl Bounded {
    /// The newest part of a span that should hold about `wanted` of its `matched` calls; all of it if they are so few.
    pub(crate) fn newest(self, matched: u64, wanted: u64) -> Self {
        if matched <= wanted {
            return self;
        }
        let whole = (self.to - self.from).num_milliseconds();
        let part = i128::from(whole) * i128::from(wanted) / i128::from(matched.max(1));
        let millis = i64::try_from(part).unwrap_or(whole).clamp(1, whole.max(1));
        Self { from: (self.to - Duration::milliseconds(millis)).max(self.from), to: self.to }
    }

    /// Whether it cannot be cut any more.
    pub(crate) fn is_instant(self) -> bool {
        self.to - self.from <= Duration::milliseconds(1)
    }
}

#[cfg(test)]
mod tests {
    use clarion_core::{StreamName, from_millis};
    use proptest::prelude::*;

    use super::*;

    fn slice(from: i64, to: Option<i64>) -> Slice {
        let stream = StreamName::CALLS;
        Slice { stream, from: from_millis(from), to: to.map(from_millis), proved_at: from_millis(0), rows: 0 }
    }

    fn span(from: i64, to: i64) -> Bounded {
        Bounded { from: from_millis(from), to: from_millis(to) }
    }

    #[test]
    fn gaps_are_what_no_slice_covers_newest_first() {
        let slices = [slice(10, Some(20)), slice(15, Some(30)), slice(50, Some(60)), slice(90, None)];
        assert_eq!(gaps(span(0, 100), &slices), [span(60, 90), span(30, 50), span(0, 10)]);
        assert_eq!(gaps(span(12, 25), &slices), []);
        assert_eq!(gaps(span(0, 100), &[]), [span(0, 100)]);
    }

    #[test]
    fn the_newest_part_holds_its_share_of_the_calls() {
        assert_eq!(span(0, 1_000).newest(10_000, 1_000), span(900, 1_000));
        assert_eq!(span(0, 1_000).newest(900, 1_000), span(0, 1_000));
        assert!(span(0, 3).newest(u64::MAX, 1).is_instant());
    }

    proptest! {
        #[test]
        fn gaps_and_slices_cover_every_moment_and_no_gap_is_covered(
            cuts in prop::collection::vec((0_i64..60, 1_i64..20), 0..8),
        ) {
            let slices: Vec<Slice> = cuts.iter().map(|(from, length)| slice(*from, Some(from + length))).collect();
            let gaps = gaps(span(5, 55), &slices);
            for moment in 5..55 {
                let at = from_millis(moment);
                let covered = slices.iter().any(|slice| slice.from <= at && slice.to.is_some_and(|to| to > at));
                let in_gap = gaps.iter().filter(|gap| gap.from <= at && at < gap.to).count();
                prop_assert_eq!(in_gap, usize::from(!covered), "at {}", moment);
            }
        }
    }
}
