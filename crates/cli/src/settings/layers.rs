//! Reading the layers, and saying which key is wrong in which of them.

use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result};
use config::{Config, Environment, File, FileFormat, Map, Source as _, Value};

use super::{Effective, Settings, destination, known_keys};

/// Read without `--config`, if it is there.
const DEFAULT_FILE: &str = "clarion.toml";

/// The configuration and where its values came from.
pub(crate) struct Loaded {
    pub(crate) effective: Effective,
    /// What files and environment say, with the origin of each value.
    pub(crate) given: Map<String, Value>,
}

/// Reads defaults, files and environment; flags are laid over by the commands that have them.
pub(crate) fn load(files: &[PathBuf], data_dir: Option<&Path>) -> Result<Loaded> {
    let data_dir = data_dir.unwrap_or(Path::new(".")).to_path_buf();
    let mut layers = Config::builder();
    for file in files_to_read(files)? {
        layers = layers.add_source(File::from(file).format(FileFormat::Toml));
    }
    let environment = Environment::with_prefix("CLARION")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true);
    let given = layers
        .add_source(environment)
        .build()
        .map_err(|error| unreadable(&error))?;
    let given_map = given.collect().map_err(|error| unreadable(&error))?;
    known_keys::check(&given_map)?;
    let settings: Settings = given.try_deserialize().map_err(|error| unreadable(&error))?;
    settings.source.validate()?;
    destination::check(&settings.destinations)?;
    Ok(Loaded {
        effective: Effective { settings, data_dir },
        given: given_map,
    })
}

fn files_to_read(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let fallback = PathBuf::from(DEFAULT_FILE);
    if files.is_empty() {
        return Ok(if fallback.is_file() {
            vec![fallback]
        } else {
            Vec::new()
        });
    }
    for file in files {
        if !file.is_file() {
            return Err(Error::new(Kind::Config, "there is no such configuration file")
                .with("file", file.display())
                .hint("write one with `clarion init`, or correct --config"));
        }
    }
    Ok(files.to_vec())
}

fn unreadable(error: &config::ConfigError) -> Error {
    // The library's own text names the key, the value and the file.
    let text = error.to_string().replace('\n', " ");
    Error::new(Kind::Config, "the configuration cannot be used")
        .with("because", text.trim())
        .hint("`clarion config schema` lists every key; config/default.toml explains them")
}
