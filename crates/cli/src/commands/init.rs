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
use crate::settings::{Effective, from_environment};
use crate::wiring;

const FILE: &str = "clarion.toml";

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
    let effective = if args.config.is_empty() { super::effective(args)? } else { without_file(args)? };
    let key = ask("CLARI_API_KEY", "API key")?;
    let password = ask("CLARI_API_PASSWORD", "API password")?;
    check(&effective, Credentials::new(key.text.clone(), password.text.clone())).await?;
    eprintln!("the credentials work");
    write(&file, &effective, &[key, password])?;
    out!("wrote {}; next: `clarion check`, then `clarion sync`", file.display());
    Ok(ExitCode::SUCCESS)
}

/// `--config` names the file to write here, not one to read.
fn without_file(args: &Args) -> Result<Effective> {
    Ok(crate::settings::load(&[], args.data_dir.as_deref())?.effective)
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
    let source = wiring::source(effective, credentials, Arc::new(store), &observer)?;
    let checked = source.check().await;
    source.settle().await?;
    Ok(checked?)
}

fn write(file: &Path, effective: &Effective, answers: &[Answer; 2]) -> Result<()> {
    let mut secrets = String::new();
    for (answer, name) in answers.iter().zip(["api_key", "api_password"]) {
        if answer.typed {
            let path = Path::new(SECRETS).join(name);
            keep(&effective.data_dir.join(&path), &answer.text)?;
            secrets.push_str(&format!("{name}_file = \"{}\"\n", path.display()));
        }
    }
    let source = &effective.settings.source;
    let text = format!(
        "# Written by `clarion init`. Every key: `clarion config show`, or config/default.toml in the repository.\n\n\
         [source]\nbase_url = \"{}\"\n{secrets}\
         history_start = \"{}\"         # how far the first sync reaches; a date or an age\n\n\
         [state]\nurl = \"{}\"\n\n[journal]\nurl = \"{}\"\n\n\
         [[destinations]]\nname = \"lake\"\nkind = \"parquet\"\nurl = \"file://data/lake\"\n",
        source.base_url,
        source.history_start,
        effective.settings.state.masked_url(),
        effective.settings.journal.url,
    );
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
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
    Ok(writeln!(file, "{secret}")?)
}
