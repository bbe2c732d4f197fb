//! `clarion check`: one line for each thing that must work.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clarion_core::{
    Clock as _, Error, Kind, Ledger as _, Silent, Source as _, StateStore as _, Stop, SystemClock,
};
use clarion_object_storage::{Bucket, Location, Probed};
use clarion_state_store::Store;
use serde::Serialize;

use crate::args::Args;
use crate::output::paint;
use crate::settings::{DestinationSettings, Effective, credentials};
use crate::signals::{self, Farewell};
use crate::{exit, wiring};

#[derive(Serialize)]
struct Checked {
    what: String,
    ok: bool,
    detail: String,
    hint: Option<String>,
    #[serde(skip)]
    error: Option<Error>,
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let stop = Stop::new();
    let caught = signals::listen(stop.clone(), Farewell::Signal)?;
    let checks = all(&effective, &stop).await;
    if let Some(code) = caught.exit_code() {
        return Ok(code);
    }
    if args.json {
        super::print_json(&checks)?;
    } else {
        checks.iter().for_each(print);
    }
    let errors: Vec<Error> = checks.into_iter().filter_map(|check| check.error).collect();
    Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::worst(&errors)) })
}

/// What is cut short by a stop fails.
async fn all(effective: &Effective, stop: &Stop) -> Vec<Checked> {
    let mut checks = vec![done("configuration", configuration(effective))];
    let store = Store::open(&effective.settings.state, &effective.data_dir, Arc::new(SystemClock));
    let store = stop.or(store).await.map(Arc::new);
    checks.push(done("state store", stop.or(state(effective, store.as_deref())).await));
    checks.push(done("journal", stop.or(journal(effective)).await));
    if let Ok(store) = &store {
        checks.push(done("credentials", api(effective, store.clone(), stop).await));
        checks.push(done("quota", stop.or(quota(effective, store)).await));
    }
    for settings in &effective.settings.destinations {
        let what = format!("destination {}", settings.name);
        checks.push(done(&what, stop.or(destination(settings, effective)).await));
    }
    checks
}

/// It was read before; that its column rules can be kept is to be seen.
fn configuration(effective: &Effective) -> clarion_core::Result<String> {
    wiring::rules(&effective.settings, &effective.data_dir)?;
    Ok("read and understood".to_owned())
}

async fn state(effective: &Effective, store: Result<&Store, &Error>) -> clarion_core::Result<String> {
    let store = store.map_err(|error| {
        let hint = error.way_out().unwrap_or("correct state.url").to_owned();
        Error::new(error.kind(), error.chain()).hint(hint)
    })?;
    let runs = store.runs(1).await?;
    let last = runs.first().map_or_else(|| "no run yet".to_owned(), |run| format!("last run {}", run.id));
    Ok(format!("{}, {last}", effective.settings.state.masked_url()))
}

async fn journal(effective: &Effective) -> clarion_core::Result<String> {
    wiring::journal(effective, Arc::new(SystemClock))?;
    match effective.settings.journal.location(&effective.data_dir)? {
        Location::Folder(folder) => Ok(folder.display().to_string()),
        Location::Bucket(url) => blocking(move || probe(&url)).await,
    }
}

async fn blocking(
    work: impl FnOnce() -> clarion_core::Result<String> + Send + 'static,
) -> clarion_core::Result<String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Writes one small object and removes it again.
fn probe(url: &url::Url) -> clarion_core::Result<String> {
    let bucket = Bucket::open(url)?;
    let probed = bucket.probe("_clarion/probe")?;
    judged(bucket.url(), probed)
}

fn judged(shown: &str, probed: Probed) -> clarion_core::Result<String> {
    if probed.conditional {
        return Ok(format!("{shown}, written and read"));
    }
    Err(Error::new(Kind::Storage, "the store has no conditional writes").with("bucket", shown).hint(
        "use a store that refuses what `If-None-Match` and `If-Match` do not allow; with this one, two clarions at one \
         time can overwrite what was paid for, and nothing but you keeps them apart",
    ))
}

async fn api(effective: &Effective, store: Arc<Store>, stop: &Stop) -> clarion_core::Result<String> {
    let credentials = credentials(&effective.settings.source, &effective.data_dir)?;
    let observer: Arc<dyn clarion_core::Observer> = Arc::new(Silent);
    // One count is asked for: no record comes of it.
    let source = wiring::vendor(effective, credentials, store, &observer)?;
    let checked = stop.or(source.check()).await;
    source.settle().await?;
    checked.map(|()| format!("accepted by {}", effective.settings.source.base_url))
}

async fn destination(settings: &DestinationSettings, effective: &Effective) -> clarion_core::Result<String> {
    let state = wiring::destination(settings, effective)?.inspect().await?;
    let place = match wiring::lake_location(settings, effective)? {
        Some(Location::Bucket(url)) => format!(", {}", blocking(move || probe(&url)).await?),
        _ => String::new(),
    };
    Ok(format!("at position {}{place}", state.position))
}

async fn quota(effective: &Effective, store: &Store) -> clarion_core::Result<String> {
    let week = store.week(SystemClock.now()).await?;
    let source = &effective.settings.source;
    let left = match source.weekly_requests {
        0 => "unlimited".to_owned(),
        limit => format!(
            "{} of {limit} left until {}",
            limit.saturating_sub(week.used),
            week.resumes_at.format("%F %R UTC")
        ),
    };
    let pace = match source.requests_per_second {
        0.0 => "no limit to the pace".to_owned(),
        pace => format!("at most {pace} requests a second"),
    };
    Ok(format!("{left}, {pace}"))
}

fn done(what: &str, result: clarion_core::Result<String>) -> Checked {
    match result {
        Ok(detail) => Checked { what: what.to_owned(), ok: true, detail, hint: None, error: None },
        Err(error) => Checked {
            what: what.to_owned(),
            ok: false,
            detail: error.chain(),
            hint: error.way_out().map(str::to_owned),
            error: Some(error),
        },
    }
}

fn print(check: &Checked) {
    let mark = if check.ok { paint::green("ok  ") } else { paint::red("FAIL") };
    out!("{mark}  {:<22} {}", check.what, check.detail);
    if let Some(hint) = &check.hint {
        out!("      {:<22} {} {hint}", "", paint::bold("try:"));
    }
}

#[cfg(test)]
mod tests {
    use clarion_object_storage::Probed;

    use super::judged;

    #[test]
    fn a_store_without_conditional_writes_fails() {
        assert!(judged("s3://b/p", Probed { conditional: true }).is_ok());
        let error = judged("s3://b/p", Probed { conditional: false }).expect_err("two could write");
        assert!(error.way_out().is_some_and(|hint| hint.contains("two clarions")), "{}", error.chain());
    }
}
