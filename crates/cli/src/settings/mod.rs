//! The effective configuration: built-in defaults, files, environment, flags; later wins.

mod destination;
mod known_keys;
mod layers;
mod privacy;
mod secrets;
mod show;

use std::path::PathBuf;

use clarion_extractor::SourceSettings;
use clarion_pipeline::{ScheduleSettings, StreamsSettings};
use clarion_server::{AlertSettings, ServerSettings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use destination::{DestinationKind, DestinationSettings};
pub(crate) use layers::{Loaded, load};
pub(crate) use privacy::PrivacySettings;
pub(crate) use secrets::{
    alerts, credentials, destination_url, from_environment, hash_key, hook_secret, server_token,
};
pub(crate) use show::lines;

/// Every section of `clarion.toml`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) source: SourceSettings,
    pub(crate) state: clarion_state_store::Settings,
    pub(crate) journal: clarion_journal::Settings,
    pub(crate) destinations: Vec<DestinationSettings>,
    pub(crate) schedule: ScheduleSettings,
    pub(crate) privacy: PrivacySettings,
    pub(crate) server: ServerSettings,
    pub(crate) alerts: Vec<AlertSettings>,
    pub(crate) streams: StreamsSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            source: SourceSettings::default(),
            state: clarion_state_store::Settings::default(),
            journal: clarion_journal::Settings::default(),
            destinations: vec![DestinationSettings::default()],
            schedule: ScheduleSettings::default(),
            privacy: PrivacySettings::default(),
            server: ServerSettings::default(),
            alerts: Vec::new(),
            streams: StreamsSettings::default(),
        }
    }
}

/// What a command needs to know of the command line and the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Effective {
    pub(crate) settings: Settings,
    pub(crate) data_dir: PathBuf,
}
