//! How a simulator is set up.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The vendor's limit, from its contract.
const REQUESTS_PER_SECOND: u32 = 10;
/// The vendor's limit, from its contract.
const REQUESTS_PER_WEEK: u64 = 100_000;
/// Turns of a generated call: a long sales call, about 39 KB of JSON.
const TURNS: usize = 200;
/// The vendor answers 502 instead of sending more than this.
const PAGE_CAP_BYTES: usize = 6 * 1024 * 1024;

/// Settings of one simulator; `Options::default()` behaves like the vendor on a small generated workspace.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; loopback unless told otherwise. The control endpoint asks for no credentials,
    /// so any other address belongs on a network of its own.
    pub bind: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// A folder of call data; without one, `calls` calls are generated.
    pub data: Option<PathBuf>,
    /// Number of generated calls.
    pub calls: usize,
    /// Transcript turns of a generated call.
    pub turns: usize,
    /// Seed of generated calls and of faults.
    pub seed: u64,
    /// "Now" for generated calls. The same seed and the same moment give the same workspace;
    /// `None` is the moment of the start.
    pub as_of: Option<DateTime<Utc>>,
    /// Requests in any sliding second; 0 = unlimited.
    pub rate: u32,
    /// Requests a week from Sunday 00:00 GMT; 0 = unlimited.
    pub weekly_quota: u64,
    /// Faults to inject, see [`Control::set_faults`](crate::Control::set_faults).
    pub faults: Option<String>,
    /// Expected `X-Api-Key`.
    pub api_key: String,
    /// Expected `X-Api-Password`.
    pub api_password: String,
    /// Whether answers are compressed for clients that accept it.
    pub gzip: bool,
    /// A larger answer becomes a 502.
    pub page_cap_bytes: usize,
    /// Deviations from a well-behaved server.
    pub quirks: Quirks,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            data: None,
            calls: 300,
            turns: TURNS,
            seed: 1,
            as_of: None,
            rate: REQUESTS_PER_SECOND,
            weekly_quota: REQUESTS_PER_WEEK,
            faults: None,
            api_key: "demo".to_owned(),
            api_password: "demo".to_owned(),
            gzip: false,
            page_cap_bytes: PAGE_CAP_BYTES,
            quirks: Quirks::default(),
        }
    }
}

/// Ways in which a server may be wrong, and a client must notice or bear it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// `GET /calls` gives its first page again and again: neither `skip` nor time bounds have an effect.
    pub ignore_skip: bool,
    /// Added to `pagination.matched` of `GET /calls` (never below 0).
    pub matched_delta: i64,
    /// Seconds sent as `Retry-After` with each 429; the vendor sends none.
    pub retry_after: Option<u32>,
    /// Bodies are indented over many lines.
    pub pretty_json: bool,
    /// `sortTime` and `sortProcessed` have no effect.
    pub unsorted: bool,
}
