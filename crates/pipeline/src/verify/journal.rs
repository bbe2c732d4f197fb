//! The journal against itself and against the state store: every segment reads, and every record stands where the
//! state store says.

use clarion_core::{Known, Position, RecordKey, Result, SegmentInfo, SegmentNo, StreamName};

use super::report::{Check, Finding};
use super::versions::{Share, Version, Versions};
use crate::about::CALL_STREAMS;
use crate::engine::Stores;
use crate::rewrites::is_own;

/// Known records read in one step.
const STEP: u32 = 1_000;
const PLACE: &str = "journal";

/// What can be relied on when destinations are compared.
pub(crate) struct Sound {
    pub(crate) segments: Vec<SegmentInfo>,
    /// Whether every header could be read; without, nobody knows what should be where.
    pub(crate) is_legible: bool,
}

pub(crate) async fn verify(stores: &Stores, checks: &mut Vec<Check>) -> Result<Sound> {
    let segments = stores.state.segments(0).await?;
    let mut check = Check::of(PLACE, "segments");
    let mut is_legible = true;
    for segment in &segments {
        stores.stop.check()?;
        check.compared += 1;
        if let Err(error) = stores.journal.read(segment.number).await {
            check.find(Finding::Damaged, name(segment.number), error.chain());
            is_legible &= stores.journal.header(segment.number).await.is_ok();
        }
    }
    if check.agrees() {
        compare_seals(stores, &segments, &mut check).await;
    }
    checks.push(check);
    if is_legible {
        let declared = stores.declared.iter().map(|stream| stream.name.clone());
        for stream in CALL_STREAMS.into_iter().chain(declared) {
            let check = compare_positions(stores, &segments, &stream).await?;
            // Of a stream that never had a record there is nothing to tell.
            let is_shown = check.compared > 0 || !check.agrees() || CALL_STREAMS.contains(&stream);
            checks.extend(is_shown.then_some(check));
        }
    }
    Ok(Sound { segments, is_legible })
}

/// A segment may be whole and yet another than the one that was written.
async fn compare_seals(stores: &Stores, segments: &[SegmentInfo], check: &mut Check) {
    let found = match stores.journal.segments(0).await {
        Ok(found) => found,
        Err(error) => return check.find(Finding::Damaged, "", error.chain()),
    };
    for segment in segments {
        match found.iter().find(|found| found.number == segment.number) {
            Some(found) if found.checksum == segment.checksum => {}
            Some(_) if is_own(stores, segment).await.unwrap_or(false) => {
                check.find(Finding::Waiting, name(segment.number), "rewritten by a run that did not end");
            }
            Some(_) => check.find(Finding::Damaged, name(segment.number), "not the segment that was written"),
            None => check.find(Finding::Missing, name(segment.number), "the state store knows it"),
        }
    }
    if found.len() > segments.len() {
        check.note(format!(
            "{} segment(s) are not taken in yet; the next run does",
            found.len() - segments.len()
        ));
    }
}

async fn compare_positions(stores: &Stores, segments: &[SegmentInfo], stream: &StreamName) -> Result<Check> {
    let mut check = Check::of(PLACE, format!("{stream} in the state store"));
    let last = segments.last().map_or(0, |segment| segment.number);
    let end = Position::new(last, u32::MAX);
    for share in Share::all(segments) {
        let mut versions = Versions::read(stores.journal.as_ref(), segments, end, share).await?;
        let mut of_stream = versions.streams.remove(stream).unwrap_or_default();
        let mut after: Option<RecordKey> = None;
        loop {
            let page = stores.state.scan_known(stream, after.as_ref(), STEP).await?;
            let Some(last_known) = page.last() else { break };
            after = Some(last_known.key.clone());
            for known in page.iter().filter(|known| share.holds(known.key.as_str())) {
                let version = of_stream.remove(&known.key);
                // A run beside this one has gone on since the segments were read.
                if known.position.segment <= last {
                    check.compared += 1;
                    compare_position(known, version, &mut check);
                }
            }
        }
        for (key, version) in of_stream {
            check.find(
                Finding::Extra,
                key.as_str(),
                format!("at {}, unknown to the state store", version.last()),
            );
        }
    }
    Ok(check)
}

fn compare_position(known: &Known, version: Option<Version>, check: &mut Check) {
    let at = known.position;
    match version {
        None => check.find(Finding::Missing, known.key.as_str(), format!("should be at {at}")),
        Some(version) if version.last() != at => {
            let detail = format!("the journal has it at {}, the state store at {at}", version.last());
            check.find(Finding::Stale, known.key.as_str(), detail);
        }
        Some(version) if version.gone.is_some() && !known.gone => {
            check.find(Finding::Stale, known.key.as_str(), "deleted in the journal, live in the state store");
        }
        Some(_) => {}
    }
}

fn name(segment: SegmentNo) -> String {
    format!("{segment:012}")
}
