//! Streams whose answers cover a span of days: the last days in one window, and each calendar month once.
//!
//! A window is part of the key. The rows of the last days as they were yesterday are marked as deleted once today's
//! have come, so that a table holds one window of last days and the months, and does not grow with every day.

use clarion_core::{
    Bindings, Declaration, Known, Purpose, ReadEnd, RecordKey, Result, Span, StreamName, Template, Timestamp,
};

use super::intake::Intake;
use super::places::Place;
use super::windows::{self, Window};
use super::{Pass, due};
use crate::engine::Engine;
use crate::tombstones;

/// Known records compared in one step.
const STEP: u32 = 1_000;
/// Months that may have been asked for at any time.
const EVER: i64 = 946_684_800_000;

pub(super) async fn sync(pass: &mut Pass<'_>) -> Result<()> {
    note_format(pass);
    for window in windows_due(pass).await? {
        let (from, to) = window.bounds();
        let bindings = Bindings { from: Some(from), to: Some(to), ..Bindings::default() };
        let end = Intake::new(pass).read(&bindings, Purpose::Forward).await?;
        if end != ReadEnd::Complete {
            return pass.ended(end).await;
        }
        clarion_core::fault::point("pipeline.window_read");
        let asked = match Window::rolling(pass.stream, pass.begun) == Some(window) {
            true => due::last_days(&pass.stream.name),
            false => window.cursor(&pass.stream.name),
        };
        pass.recorder.set_cursor(&asked, pass.begun);
        pass.recorder.flush().await?;
    }
    retire(pass).await?;
    pass.complete().await
}

/// Windows stand in keys as they are written: written otherwise they are other rows, and every month is asked for anew
/// before the rows of before go.
fn note_format(pass: &mut Pass<'_>) {
    let mark = due::written(&pass.stream.name);
    let format = &pass.stream.date_format;
    let noted = pass.recorder.mark(&mark).and_then(|mark| mark.split_once(' '));
    if noted.is_some_and(|(_, known)| known == format) {
        return;
    }
    let since = if noted.is_some() { pass.begun.timestamp_millis() } else { 0 };
    pass.recorder.set_mark(&mark, &format!("{since} {format}"));
}

/// Since when windows are written as they are now: what was asked for before is asked for anew.
pub(super) fn since_format(stream: &Declaration, mark: Option<&str>) -> Timestamp {
    let (since, format) = mark.and_then(|mark| mark.split_once(' ')).unwrap_or(("0", &stream.date_format));
    if format != stream.date_format {
        return Timestamp::MAX_UTC;
    }
    clarion_core::from_millis(since.parse().unwrap_or(0))
}

/// The last days first, then the months, newest first.
async fn windows_due(pass: &Pass<'_>) -> Result<Vec<Window>> {
    let rolling = Window::rolling(pass.stream, pass.begun).filter(|_| !has_last_days(pass));
    let mut due: Vec<Window> = rolling.into_iter().collect();
    let since = since(pass.engine).await?;
    let anew = pass.anew();
    let since_format = since_format(pass.stream, pass.recorder.mark(&due::written(&pass.stream.name)));
    let asked = |month: Window| {
        let asked = pass.recorder.cursor(&month.cursor(&pass.stream.name));
        asked.filter(|asked| *asked >= since_format && anew.is_none_or(|anew| *asked >= anew))
    };
    if pass.stream.window_months {
        due.extend(windows::months_due(since, pass.begun, asked));
    }
    Ok(due)
}

/// Whether a read that did not come to its end asked for the last days of today already.
fn has_last_days(pass: &Pass<'_>) -> bool {
    let asked = pass.recorder.cursor(&due::last_days(&pass.stream.name));
    let read = pass.recorder.cursor(&due::read(&pass.stream.name));
    let is_open = asked.is_some_and(|asked| read.is_none_or(|read| read < asked));
    is_open && asked.is_some_and(|asked| asked.date_naive() == pass.begun.date_naive())
}

/// From where months are asked for.
pub(super) async fn since(engine: &Engine) -> Result<Timestamp> {
    let ever = Span { from: Timestamp::UNIX_EPOCH, to: None };
    let first = engine.stores.state.known_in(&StreamName::CALLS, ever, None, 1).await?;
    Ok(windows::since(engine.history_start, first.first().and_then(|call| call.time)))
}

/// Marks the rows of earlier last days.
async fn retire(pass: &mut Pass<'_>) -> Result<()> {
    let Some(rolling) = Window::rolling(pass.stream, pass.begun) else { return Ok(()) };
    let Some(places) = Places::of(pass.stream) else { return Ok(()) };
    let mut kept = vec![written(pass.stream, rolling, pass.begun)?];
    for month in windows::months(clarion_core::from_millis(EVER), pass.begun) {
        kept.push(written(pass.stream, month, pass.begun)?);
    }
    let state = pass.engine.stores.state.clone();
    let mut after: Option<RecordKey> = None;
    loop {
        let page = state.scan_known(&pass.stream.name, after.as_ref(), STEP).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for known in page.iter().filter(|known: &&Known| !known.gone) {
            if places.window(&known.key).is_some_and(|window| !kept.contains(&window)) {
                tombstones::bury(pass.recorder, pass.tally, known).await?;
            }
        }
        pass.recorder.breathe().await?;
    }
}

/// A window as it is written in a key.
fn written(stream: &Declaration, window: Window, now: Timestamp) -> Result<(String, String)> {
    let (from, to) = window.bounds();
    let bindings = Bindings { from: Some(from), to: Some(to), ..Bindings::default() };
    let write = |text| Template::parse(text)?.fill(stream, &bindings, now, str::to_owned);
    Ok((write("{from}")?, write("{to}")?))
}

/// Where in the joint key the window stands.
struct Places {
    from: Place,
    to: Place,
}

impl Places {
    /// `None` if the window is not part of the key.
    fn of(stream: &Declaration) -> Option<Self> {
        Some(Self { from: Place::of(stream, "{from}")?, to: Place::of(stream, "{to}")? })
    }

    fn window(&self, key: &RecordKey) -> Option<(String, String)> {
        Some((self.from.value(key)?, self.to.value(key)?))
    }
}
