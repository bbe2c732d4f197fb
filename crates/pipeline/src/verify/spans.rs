//! Which spans of call time are counted: what was proved, in parts of about equal size. Pure.

use clarion_core::{Slice, Span, Timestamp};

/// A span, and how many calls are known in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) span: Span,
    pub(crate) known: u64,
}

/// The spans that slices cover, joined where they touch.
pub(crate) fn covered(slices: &[Slice]) -> Vec<Span> {
    let mut sorted: Vec<Span> = slices.iter().map(|slice| Span { from: slice.from, to: slice.to }).collect();
    sorted.sort_by_key(|span| span.from);
    let mut joined: Vec<Span> = Vec::new();
    for span in sorted {
        match joined.last_mut() {
            Some(last) if last.to.is_none_or(|to| to >= span.from) => {
                last.to = last.to.and_then(|a| span.to.map(|b| a.max(b)));
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// Cuts spans, each with the times of its known calls in order, into about `wanted` parts of about as many calls.
pub(crate) fn parts(spans: Vec<(Span, Vec<Timestamp>)>, wanted: u64) -> Vec<Part> {
    let known: usize = spans.iter().map(|(_, times)| times.len()).sum();
    let size = known.div_ceil(usize::try_from(wanted).unwrap_or(1)).max(1);
    let mut parts = Vec::new();
    for (span, times) in spans {
        let mut from = span.from;
        let mut rest = times.as_slice();
        // Calls of one time stay together.
        while let Some(end) = rest.get(size).copied().filter(|_| rest.len() > size + size / 2) {
            let here = rest.partition_point(|time| *time < end);
            if here == 0 || end <= from {
                break;
            }
            parts.push(Part { span: Span { from, to: Some(end) }, known: here as u64 });
            from = end;
            rest = &rest[here..];
        }
        parts.push(Part { span: Span { from, to: span.to }, known: rest.len() as u64 });
    }
    parts
}

#[cfg(test)]
mod tests {
    use clarion_core::{StreamName, from_millis};

    use super::*;

    fn slice(from: i64, to: Option<i64>) -> Slice {
        let at = from_millis;
        Slice { stream: StreamName::CALLS, from: at(from), to: to.map(at), proved_at: at(0), rows: 0 }
    }

    #[test]
    fn slices_that_touch_are_one_span() {
        let spans = covered(&[slice(20, Some(30)), slice(0, Some(10)), slice(5, Some(20)), slice(40, None)]);
        let spans: Vec<(i64, Option<i64>)> = spans
            .iter()
            .map(|span| (span.from.timestamp_millis(), span.to.map(|to| to.timestamp_millis())))
            .collect();
        assert_eq!(spans, [(0, Some(30)), (40, None)]);
        assert_eq!(covered(&[slice(0, None), slice(5, Some(9))]).len(), 1);
    }

    #[test]
    fn parts_cover_the_span_and_hold_every_call_once() {
        let times: Vec<Timestamp> = (0..1_000).map(|at| from_millis(at / 3)).collect();
        let span = Span { from: from_millis(-5), to: None };
        let parts = parts(vec![(span, times)], 20);
        assert!((15..=25).contains(&parts.len()), "{}", parts.len());
        assert_eq!(parts.iter().map(|part| part.known).sum::<u64>(), 1_000);
        assert!(parts.windows(2).all(|pair| pair[0].span.to == Some(pair[1].span.from)));
        assert_eq!((parts[0].span.from, parts.last().and_then(|last| last.span.to)), (span.from, None));
    }

    #[test]
    fn a_span_without_calls_is_one_part() {
        let span = Span { from: from_millis(0), to: Some(from_millis(9)) };
        assert_eq!(parts(vec![(span, Vec::new())], 20), [Part { span, known: 0 }]);
    }
}
