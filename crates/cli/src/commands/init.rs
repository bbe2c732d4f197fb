//! `clarion init`: asks for the credentials, checks them, writes `clarion.toml`.

use std::fs::{self, OpenOptions};
use std::io::{IsTerminal as _, Write as _, stderr, stdin};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clarion_core::{Error, Kind, Silent, SystemClock};
use clarion_extractor::Credentials;
use clarion_state_store::Store;

use crate::args::Args;
use crate::settings::{self, Effective, Loaded, from_environment};
use crate::wiring;

const FILE: &str = "clarion.toml";
/// Overrides `state.url`; read like every key, named here for its text.
const STATE_URL: &str = "CLARION__STATE__URL";

/// Where secrets that were typed in are kept, each in a file that only the owner can read.
const SECRETS: &str = "secrets";

pub(crate) async fn run(args: &Args, force: bool) -> Result<ExitCode> {
    let file = args.config.first().cloned().unwrap_or_else(|| PathBuf::from(FILE));
    if file.exists() && !force {
        bail!(
            Error::new(Kind::Config, "there is a configuration already")
                .with("file", file.display())
                .hint("edit it, or overwrite it with `clarion init --force`")
        );
    }
    // `--config` names the file to write here, not one to read.
    let loaded = settings::load(&[], args.data_dir.as_deref())?;
    let effective = &loaded.effective;
    let key = ask("CLARI_API_KEY", "API key")?;
    let password = ask("CLARI_API_PASSWORD", "API password")?;
    check(effective, Credentials::new(key.text.clone(), password.text.clone())).await?;
    eprintln!("the credentials work");
    write(&file, &loaded, &[key, password])?;
    out!("wrote {}; next: `clarion check`, then `clarion sync`", file.display());
    Ok(ExitCode::SUCCESS)
}

struct Answer {
    text: String,
    typed: bool,
}

fn ask(variable: &str, what: &str) -> Result<Answer> {
    if let Some(text) = from_environment(variable) {
        eprintln!("{what}: taken from {variable}");
        return Ok(Answer { text, typed: false });
    }
    if !stdin().is_terminal() {
        bail!(
            Error::new(Kind::Config, "the API credentials are not set")
                .with("missing", variable)
                .hint("set CLARI_API_KEY and CLARI_API_PASSWORD, or run `clarion init` on a terminal")
        );
    }
    eprint!("{what}: ");
    stderr().flush()?;
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let text = line.trim().to_owned();
    if text.is_empty() {
        bail!(Error::new(Kind::Config, format!("no {what} given")));
    }
    Ok(Answer { text, typed: true })
}

async fn check(effective: &Effective, credentials: Credentials) -> Result<()> {
    let store = Store::open(&effective.settings.state, &effective.data_dir, Arc::new(SystemClock)).await?;
    let observer: Arc<dyn clarion_core::Observer> = Arc::new(Silent);
    let rules = Arc::new(wiring::rules(&effective.settings, &effective.data_dir)?);
    let source = wiring::source(effective, credentials, Arc::new(store), &observer, &rules)?;
    let checked = source.check().await;
    source.settle().await?;
    Ok(checked?)
}

fn write(file: &Path, loaded: &Loaded, answers: &[Answer; 2]) -> Result<()> {
    let effective = &loaded.effective;
    let mut secrets = String::new();
    for (answer, name) in answers.iter().zip(["api_key", "api_password"]) {
        if answer.typed {
            let path = Path::new(SECRETS).join(name);
            keep(&effective.data_dir.join(&path), &format!("{}\n", answer.text))?;
            secrets.push_str(&format!("{name}_file = \"{}\"\n", path.display()));
        }
    }
    let source = &effective.settings.source;
    let (state, has_secret) = state(loaded)?;
    let text = format!(
        "# Written by `clarion init`. Every key: `clarion config show`, or config/default.toml in the repository.\n\n\
         [source]\nbase_url = {}\n{secrets}\
         history_start = {}         # how far the first sync reaches; a date or an age\n\n\
         [state]\n{state}\n\n[journal]\nurl = {}\n\n\
         [[destinations]]\nname = \"lake\"\nkind = \"parquet\"\nurl = \"file://data/lake\"\n",
        quoted(&source.base_url)?,
        quoted(&source.history_start)?,
        quoted(&effective.settings.journal.url)?,
    );
    if has_secret {
        return keep(file, &text);
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The line of the state's URL, and whether it holds a password. One that comes from the environment stays there.
fn state(loaded: &Loaded) -> Result<(String, bool)> {
    let state = &loaded.effective.settings.state;
    if state.masked_url() == state.url {
        return Ok((format!("url = {}", quoted(&state.url)?), false));
    }
    let from_environment = from_environment(STATE_URL).is_some();
    if from_environment {
        return Ok((format!("# url comes from {STATE_URL}"), false));
    }
    Ok((format!("url = {}", quoted(&state.url)?), true))
}

/// As TOML: its basic strings are JSON's.
fn quoted(text: &str) -> Result<String> {
    Ok(serde_json::to_string(text)?)
}

/// Readable by the owner only, from the moment it exists.
fn keep(path: &Path, secret: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    // The mode above counts only for a file that was not there before.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file.write_all(secret.as_bytes())?)
}
