//! `clarion run`: the service.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use clarion_core::{Clock, Stop, StreamName, SystemClock};
use clarion_pipeline::{Backfills, Duty, Schedule, Service};
use clarion_server::{Alerts, Health, Metrics, Server};
use tokio::sync::Notify;

use crate::args::Args;
use crate::desk::{FrontDesk, Watchers};
use crate::settings::{self, Effective, Settings};
use crate::signals::{self, Farewell};
use crate::wiring;

/// Data is stale after two intervals of the schedule, and not before this.
const STALE_AT_LEAST: chrono::Duration = chrono::Duration::hours(1);
/// The last alerts may take this long: the process has ten seconds in all.
const LAST_ALERTS: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let Effective { settings, data_dir } = &effective;
    // What is wrong in the configuration is found before anything begins.
    settings::credentials(&settings.source, data_dir)?;
    let token = settings::server_token(&settings.server, data_dir)?;
    let hook_secret = settings::hook_secret(&settings.server, data_dir)?;
    let alerts = Alerts::check(settings::alerts(&settings.alerts)?)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let schedule = Schedule::parse(&settings.schedule, workspace(&effective))?;
    let watchers = Arc::new(watchers(settings, &schedule, clock.as_ref())?);
    let stop = Stop::new();
    signals::listen(stop.clone(), Farewell::Zero)?;
    let wired = wiring::wire(&effective, None, watchers.clone(), stop).await?;
    let (make_source, inbox) = (wired.make_source(&effective), wired.engine.stores.inbox.clone());
    let duty =
        Duty::begin(wired.engine, Arc::new(wired.lease), make_source, Arc::new(Backfills::default())).await?;

    let (probe, wake) = (duty.probe(), Arc::new(Notify::new()));
    let told = watchers.alerts.get_or_init(|| Alerts::start(alerts, &clock, probe.last_success()));
    let desk =
        FrontDesk { probe, watchers: watchers.clone(), inbox, clock: clock.clone(), wake: wake.clone() };
    let server = Server::bind(&settings.server, token, hook_secret, clock, Arc::new(desk)).await?;
    announce(args, &server);
    let serving = tokio::spawn(server.serve());
    Service::resume(schedule, &duty, wake).await?.run(duty).await;
    serving.abort();
    told.finish(LAST_ALERTS).await;
    tracing::info!("the service ended");
    Ok(ExitCode::SUCCESS)
}

/// Tells this installation from others, for the jitter.
fn workspace(effective: &Effective) -> String {
    let place = std::fs::canonicalize(&effective.data_dir).unwrap_or_else(|_| effective.data_dir.clone());
    format!("{} {}", effective.settings.source.base_url, place.display())
}

fn watchers(settings: &Settings, schedule: &Schedule, clock: &dyn Clock) -> Result<Watchers> {
    let mut streams = settings.streams.names();
    streams.retain(|stream| settings.streams.is_enabled(stream));
    let streams: Vec<&str> = streams.iter().map(StreamName::as_str).collect();
    let destinations: Vec<&str> = settings.destinations.iter().map(|settings| &*settings.name).collect();
    let stale_after = (schedule.interval(clock.now()) * 2).max(STALE_AT_LEAST);
    Ok(Watchers {
        metrics: Metrics::new(&streams, &destinations)?,
        health: Health::new(clock.now(), stale_after),
        alerts: OnceLock::new(),
    })
}

/// The address, for whoever let the system choose the port.
fn announce(args: &Args, server: &Server) {
    let url = server.url();
    if args.json {
        out!("{}", serde_json::json!({ "url": url }));
    } else {
        out!("{url}");
    }
    tracing::info!(url, "serving /healthz, /readyz and /metrics");
}
