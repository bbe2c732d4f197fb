//! Reading the layers, and saying which key is wrong in which of them.

use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result};
use clarion_pipeline::{Schedule, StreamsSettings};
use config::{Config, Environment, File, FileFormat, Map, Source as _, Value};
use serde::Serialize;

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
    let defaults = Config::try_from(&Defaults::default()).map_err(|error| unreadable(&error))?;
    for file in files_to_read(files)? {
        layers = layers.add_source(File::from(file).format(FileFormat::Toml));
    }
    let environment =
        Environment::with_prefix("CLARION").prefix_separator("__").separator("__").try_parsing(true);
    let given = layers.add_source(environment).build().map_err(|error| unreadable(&error))?;
    let given_map = given.collect().map_err(|error| unreadable(&error))?;
    known_keys::check(&given_map)?;
    let layered = Config::builder().add_source(defaults).add_source(given).build();
    let settings: Settings = layered.and_then(Config::try_deserialize).map_err(|error| unreadable(&error))?;
    settings.source.validate()?;
    settings.streams.check()?;
    settings.streams.declared().try_for_each(clarion_extractor::check)?;
    destination::check(&settings.destinations)?;
    Schedule::parse(&settings.schedule, "")?;
    Ok(Loaded { effective: Effective { settings, data_dir }, given: given_map })
}

/// The built-in streams are data: what users write of one is laid over it key by key.
#[derive(Default, Serialize)]
struct Defaults {
    streams: StreamsSettings,
}

fn files_to_read(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let fallback = PathBuf::from(DEFAULT_FILE);
    if files.is_empty() {
        return Ok(if fallback.is_file() { vec![fallback] } else { Vec::new() });
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
    if let Some((wrong, key)) = unknown_choice(&text) {
        return Error::new(Kind::Config, "a setting has no such value")
            .with("key", key)
            .with("value", format!("{wrong:?}"))
            .hint("config/default.toml names the values that it may have");
    }
    Error::new(Kind::Config, "the configuration cannot be used")
        .with("because", text.trim())
        .hint("`clarion config schema` lists every key; config/default.toml explains them")
}

/// Value and key, where the library speaks of a type of ours: `enum A does not have variant constructor b for key `c``.
fn unknown_choice(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once(" does not have variant constructor ")?;
    let (value, key) = rest.split_once(" for key `")?;
    Some((value, key.split_once('`')?.0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clarion_core::{Contract, Period};

    use super::*;

    fn in_repository(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
    }

    fn load_text(text: &str) -> Result<Loaded> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("clarion.toml");
        fs::write(&file, text).expect("the file is written");
        load(&[file], None)
    }

    #[test]
    fn default_toml_says_what_the_program_does() {
        let loaded =
            load(&[in_repository("config/default.toml")], None).expect("config/default.toml is valid");
        let shown = serde_json::to_value(&loaded.effective.settings).expect("settings are JSON");
        assert_eq!(shown, serde_json::to_value(Settings::default()).expect("settings are JSON"));
    }

    #[test]
    fn every_example_is_valid() {
        for file in ["config/demo.toml", "config/example-postgres.toml", "config/example-s3.toml"] {
            assert!(load(&[in_repository(file)], None).is_ok(), "{file}");
        }
    }

    #[test]
    fn a_value_that_is_none_of_its_choices_is_named_with_its_key() {
        for (text, key, value) in [
            ("[streams.teams]\ncontract = \"frieze\"", "streams.teams.contract", "frieze"),
            ("[streams.call_details]\nmode = \"fool\"", "streams.call_details.mode", "fool"),
        ] {
            let error = load_text(text).err().expect("there is no such choice").to_string();
            assert!(error.contains(key) && error.contains(value) && !error.contains("enum"), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one_and_its_file() {
        for (text, key, nearest) in [
            ("[source]\nconcurency = 8", "source.concurency", "`concurrency`"),
            ("[sorce]\nconcurrency = 8", "sorce", "`source`"),
            ("[[destinations]]\nnmae = \"x\"", "destinations[0].nmae", "`name`"),
            ("[streams.calls]\nrelst = \"1d\"", "streams.calls.relst", "`relist`"),
            ("[streams.teems]\nevery = \"1h\"", "streams.teems", "`teams`"),
            ("[streams.teams]\nevry = \"1h\"", "streams.teams.evry", "`every`"),
            ("[[streams.custom]]\nrecord = \"$\"", "streams.custom[0].record", "`records`"),
            ("[schedule]\ntimezon = \"UTC\"", "schedule.timezon", "`timezone`"),
            ("[server]\nbnid = \"\"", "server.bnid", "`bind`"),
            ("[[alerts]]\nstale_afer = \"1h\"", "alerts[0].stale_afer", "`stale_after`"),
        ] {
            let error = load_text(text).err().expect("the key is unknown");
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains(key), "{error}");
            assert!(error.to_string().contains("clarion.toml"), "{error}");
            assert!(error.way_out().is_some_and(|hint| hint.contains(nearest)), "{error}");
        }
    }

    #[test]
    fn a_streams_keys_are_laid_over_its_built_in_declaration() {
        let text = r#"
            [streams.teams]
            every = "1h"
            contract = "freeze"
            records = "$.items[*]"
            [streams.user_stats.params]
            team = "{now-1}"
            [streams.users]
            enabled = false
            [[streams.custom]]
            name = "people"
            path = "/users"
            params = { from = "{now-30}" }
            records = "$.users[*]"
            metadata = "$.pagination"
            paging = "none"
            key = "id"
            cursor = ""
            parent = ""
            every = "24h"
            [[streams.custom]]
            name = "notes"
            url = "https://x.example/{parent}"
            headers = { Authorization = "own" }
            paging = "next_link"
            next_path = "$.next"
            key = ["person", "id"]
            parent = "people"
        "#;
        let streams = load_text(text).expect("the configuration is good").effective.settings.streams;
        let find = |name: &'static str| {
            streams.declaration(&clarion_core::StreamName::of(name)).expect("there is such a stream")
        };
        let teams = find("teams");
        assert_eq!((teams.path.as_str(), teams.records.as_str()), ("/teams", "$.items[*]"));
        assert_eq!((teams.every, teams.contract), (Period::hours(1), Contract::Freeze));
        let params: Vec<_> =
            find("user_stats").params.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(params, ["from={from}", "team={now-1}", "to={to}"], "laid over, not replaced");
        assert!(!find("users").enabled && find("topics").enabled);
        assert_eq!(find("people").params["from"], "{now-30}");
        assert_eq!(find("notes").key.names(), ["person", "id"]);
        assert_eq!(streams.names().last().map(ToString::to_string).as_deref(), Some("notes"));
    }

    #[test]
    fn a_stream_that_cannot_work_is_refused_by_its_name_and_key() {
        let custom = |keys: &str| format!("[[streams.custom]]\nname = \"people\"\npath = \"/users\"\n{keys}");
        for (text, named) in [
            (custom("records = \"users\""), "JSONPath"),
            (custom("params = { from = \"{yesterday}\" }"), "{yesterday}"),
            (custom("parent = \"nobody\"\nparams = { of = \"{parent}\" }"), "nobody"),
            (custom("url = \"https://x\""), "path"),
            (custom("date_format = \"YYYY\""), "YYYY"),
            (custom("date_unit = \"moon\""), "date_unit"),
            (custom("paging = \"cursor\""), "cursor_path"),
            (custom("headers = { X-Api-Key = \"k\" }"), "x-api-key"),
            (custom("").replace("people", "users"), "users"),
            (custom("").replace("people", "call_participants"), "call_participants"),
            (custom("").replace("people", "_clarion_loads"), "_clarion_loads"),
            (custom("").replace("people", "People"), "People"),
            ("[[streams.custom]]\npath = \"/users\"".to_owned(), "name"),
            ("[streams.teams]\npath = \"teams\"".to_owned(), "path"),
            ("[streams.teams]\nname = \"squads\"".to_owned(), "streams.teams"),
        ] {
            let error = load_text(&text).err().expect("it cannot work");
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.chain().contains(named), "{named}: {}", error.chain());
        }
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        for (text, key) in [
            ("[source]\nconcurrency = \"many\"", "concurrency"),
            ("[streams.calls]\nrelist = \"soon\"", "relist"),
            ("[source]\nhistory_start = \"always\"", "history_start"),
            ("[[destinations]]\nkind = \"excel\"", "kind"),
            ("[schedule]\ncron = \"daily\"", "schedule.cron"),
            ("[schedule]\ncron = \"0 * * * *\"\ntimezone = \"Mars\"", "schedule.timezone"),
            ("[[alerts]]\non = [\"bored\"]", "on"),
        ] {
            let error = load_text(text).err().expect("the value is wrong");
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.chain().contains(key), "{key}: {}", error.chain());
        }
    }
}
