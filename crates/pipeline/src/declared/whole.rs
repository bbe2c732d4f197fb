//! Streams of one read: all there is, or all since the read before.

use chrono::{Duration, SecondsFormat};
use clarion_core::{Bindings, Declaration, Purpose, ReadEnd, Result, fault, parse_timestamp};

use super::intake::Intake;
use super::{Pass, absence, due};

pub(super) async fn sync(pass: &mut Pass<'_>) -> Result<()> {
    let cursor = due::reached(&pass.stream.name);
    let before = before(pass);
    let is_anew = before.is_none();
    let sent =
        before.filter(|_| !pass.options.full).map(|cursor| less(&cursor, pass.stream.overlap.as_chrono()));
    let bindings = Bindings { cursor: sent, ..Bindings::default() };
    let mut intake = Intake::new(pass);
    let end = intake.read(&bindings, Purpose::Forward).await?;
    let Intake { seen, nameless, reached, .. } = intake;
    if end != ReadEnd::Complete {
        return pass.ended(end).await;
    }
    if let Some(reached) = reached.filter(|reached| is_anew || is_progress(pass, reached)) {
        pass.recorder.set_mark(&cursor, &reached);
        pass.recorder.set_mark(&due::reached_by(&pass.stream.name), &by(pass.stream));
        if fault::defect("pipeline.cursor_early") {
            pass.recorder.commit_marks().await?;
        }
        fault::point("pipeline.before_cursor");
    }
    // What came without a key may be any of those that seem absent.
    if pass.stream.is_whole() && nameless == 0 {
        absence::note(pass, |known| seen.contains(&known.key)).await?;
    }
    pass.complete().await
}

/// Where the read before ended, as far as it was one by the same field and parameter: the values of another one are not
/// to be compared with it.
fn before(pass: &Pass<'_>) -> Option<String> {
    let is_same = pass.recorder.mark(&due::reached_by(&pass.stream.name)) == Some(&by(pass.stream));
    pass.recorder.mark(&due::reached(&pass.stream.name)).filter(|_| is_same).map(str::to_owned)
}

/// A cursor may stand in any parameter.
fn by(stream: &Declaration) -> String {
    let holds = |text: &&String| text.contains("{cursor}");
    let place = [&stream.path, &stream.url].into_iter().find(holds).map(String::as_str);
    let param = stream.params.iter().find(|(_, text)| holds(text)).map(|(name, _)| name.as_str());
    format!("{} {}", stream.cursor, place.or(param).unwrap_or(&stream.cursor_param))
}

/// A cursor that is a time, so much earlier: what was stored late under an earlier time comes, too. Others stay.
fn less(cursor: &str, overlap: Duration) -> String {
    let earlier = parse_timestamp(cursor).and_then(|at| at.checked_sub_signed(overlap));
    match earlier.filter(|_| !overlap.is_zero()) {
        Some(at) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => cursor.to_owned(),
    }
}

/// Whether a cursor lies behind the one that is stored.
fn is_progress(pass: &Pass<'_>, reached: &str) -> bool {
    let stored = pass.recorder.mark(&due::reached(&pass.stream.name));
    stored.is_none_or(|stored| super::intake::is_further(reached, stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_goes_back_by_the_overlap_and_anything_else_stays() {
        let hour = Duration::hours(1);
        assert_eq!(less("2026-11-01T00:30:00.250+01:00", hour), "2026-10-31T22:30:00.250Z");
        assert_eq!(less("2026-11-01T00:30:00+01:00", Duration::zero()), "2026-11-01T00:30:00+01:00");
        assert_eq!((less("12", hour), less("abc", hour)), ("12".to_owned(), "abc".to_owned()));
    }

    #[test]
    fn a_cursor_belongs_to_its_field_and_its_parameter() {
        let stream = |cursor: &str, param: &str| Declaration {
            cursor: cursor.to_owned(),
            cursor_param: param.to_owned(),
            ..Declaration::default()
        };
        assert_ne!(by(&stream("rev", "since")), by(&stream("updated_at", "since")));
        assert_ne!(by(&stream("rev", "since")), by(&stream("rev", "after")));
        let params = [("from".to_owned(), "{cursor}".to_owned())].into();
        assert_eq!(by(&Declaration { params, ..stream("rev", "") }), "rev from");
    }
}
