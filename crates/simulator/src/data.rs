//! A workspace from a folder of call data.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use chrono::{DateTime, Utc};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;
use crate::collections::Collections;
use crate::error::Error;
use crate::state::State;

/// Reads `calls.jsonl.gz`, `server_side.json` and the collections; a collection without a file is empty.
pub(crate) fn load(folder: &Path, state: &mut State) -> Result<(), Error> {
    let server: ServerSide = read_json(&folder.join("server_side.json"))?;
    load_calls(&folder.join("calls.jsonl.gz"), &server.private_call_ids, state)?;
    for (name, key) in Collections::NAMES {
        let path = folder.join(format!("{name}.json"));
        if path.exists() {
            let mut file: HashMap<String, Value> = read_json(&path)?;
            let Some(Value::Array(records)) = file.remove(key) else {
                return Err(Error::Format { path, reason: format!("there is no list \"{key}\"") });
            };
            state.collections.set(name, records);
        }
    }
    state.collections.topic_times = server.topic_modified_time;
    state.collections.scorecard_times = server.scorecard_time;
    Ok(())
}

/// What a server must know and the API does not show.
#[derive(Deserialize)]
struct ServerSide {
    private_call_ids: HashSet<String>,
    #[serde(default)]
    topic_modified_time: HashMap<String, DateTime<Utc>>,
    #[serde(default)]
    scorecard_time: HashMap<String, DateTime<Utc>>,
}

fn load_calls(path: &Path, private: &HashSet<String>, state: &mut State) -> Result<(), Error> {
    let lines = BufReader::new(GzDecoder::new(open(path)?)).lines();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let fail = |reason: &str| Error::Format {
            path: path.to_owned(),
            reason: format!("line {}: {reason}", number + 1),
        };
        let value: Value = serde_json::from_str(&line).map_err(|error| fail(&error.to_string()))?;
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
        let private = private.contains(id);
        let number = state.book.number_for(id);
        state.book.put(Call::from_value(value, number, private).ok_or_else(|| fail("no string \"id\""))?);
    }
    Ok(())
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let file = BufReader::new(open(path)?);
    serde_json::from_reader(file)
        .map_err(|error| Error::Format { path: path.to_owned(), reason: error.to_string() })
}
