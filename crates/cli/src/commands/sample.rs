//! `clarion sample`: one page of a stream, shown and not kept.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use chrono::TimeDelta;
use clarion_core::{
    Bindings, Clock, Declaration, Entry, Error, Item, Kind, Observer, Op, Paging, Position, Purpose, ReadEnd,
    ReadRequest, Rules, RunId, Silent, Source as _, SourceRecord, StateStore as _, Stop, StreamName,
    TableSchema, Timestamp,
};
use clarion_extractor::{ClariSource, Sample};
use clarion_pipeline::{is_chained, naming_its_call, without_purged};
use clarion_state_store::Store;

use crate::args::{Args, SampleArgs};
use crate::output::{self, Column, Sampled};
use crate::settings::{Effective, credentials};
use crate::signals::{self, Farewell};
use crate::wiring;

/// Of what has a time, this much of the past is asked for.
const DAYS: i64 = 30;

pub(crate) async fn run(args: &Args, options: &SampleArgs) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let stop = Stop::new();
    let caught = signals::listen(stop.clone(), Farewell::Signal)?;
    let sampler = Sampler::open(&effective).await?;
    let taken = stop.or(sampler.take(options)).await;
    // What was reserved and not sent is given back, however it ended.
    sampler.source.settle().await?;
    let (stream, sample) = match taken {
        Ok(taken) => taken,
        Err(error) => return caught.exit_code().map_or_else(|| Err(error.into()), Ok),
    };
    let shown = sampler.show(options, &stream, sample);
    if args.json {
        super::print_json(&shown)?;
    } else {
        output::sampled(&shown);
    }
    Ok(if shown.problem.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Sampler<'e> {
    effective: &'e Effective,
    store: Arc<Store>,
    source: ClariSource,
    rules: Rules,
    clock: Arc<dyn Clock>,
}

impl<'e> Sampler<'e> {
    async fn open(effective: &'e Effective) -> clarion_core::Result<Self> {
        let clock = wiring::clock();
        let credentials = credentials(&effective.settings.source, &effective.data_dir)?;
        let store = Store::open(&effective.settings.state, &effective.data_dir, clock.clone()).await?;
        let store = Arc::new(store);
        let observer: Arc<dyn Observer> = Arc::new(Silent);
        let source = wiring::vendor(effective, credentials, store.clone(), &observer)?;
        let rules = wiring::rules(&effective.settings, &effective.data_dir)?;
        Ok(Self { effective, store, source, rules, clock })
    }

    async fn take(&self, options: &SampleArgs) -> clarion_core::Result<(Declaration, Sample)> {
        let stream = self.stream(&options.stream, options.limit)?;
        let parent = match &options.parent {
            Some(parent) => Some(parent.clone()),
            None if stream.parent.is_empty() => None,
            None => Some(self.parent_of(&stream).await?),
        };
        let mut sample = self.ask(&stream, parent).await?;
        // What may not be kept is not shown either.
        let purged = self.store.purged().await?;
        let is_chained = is_chained(&stream, &self.declared());
        let without = |record| without_purged(purged.as_ref(), record, is_chained);
        let kept = sample.records.into_iter().filter_map(without);
        sample.records = kept.map(|record| self.rules.apply(&stream.name, record)).collect();
        Ok((stream, sample))
    }

    async fn ask(&self, stream: &Declaration, parent: Option<String>) -> clarion_core::Result<Sample> {
        let now = self.clock.now();
        let bindings =
            Bindings { parent, from: Some(now - TimeDelta::days(DAYS)), to: Some(now), cursor: None };
        let ask = ReadRequest { stream, bindings: &bindings, purpose: Purpose::OnDemand };
        self.source.sample(ask).await
    }

    /// As a sync has them.
    fn declared(&self) -> Vec<Declaration> {
        self.effective.settings.streams.declared().map(naming_its_call).collect()
    }

    fn stream(&self, name: &str, limit: u32) -> clarion_core::Result<Declaration> {
        let streams = &self.effective.settings.streams;
        let declared = self.declared().into_iter().find(|stream| stream.name.as_str() == name);
        let own = || own_way(name, self.effective.settings.source.include_private);
        let mut stream = declared.or_else(own).ok_or_else(|| {
            let names: Vec<String> = streams.names().iter().map(ToString::to_string).collect();
            Error::new(Kind::Config, "no such stream")
                .with("name", name)
                .hint(format!("the streams are {}", names.join(", ")))
        })?;
        stream.page_size = limit;
        Ok(stream)
    }

    /// The first parent that the state store knows, else the first that the parent's own page shows.
    async fn parent_of(&self, stream: &Declaration) -> clarion_core::Result<String> {
        let parent = self.stream(&stream.parent, 25)?;
        if stream.parent_field.is_empty() && parent.key.names().len() == 1 {
            let known = self.store.scan_known(&parent.name, None, 50).await?;
            if let Some(known) = known.into_iter().find(|known| !known.gone && !known.key.is_nameless()) {
                return Ok(known.key.to_string());
            }
        }
        let sample = self.ask(&parent, None).await?;
        let found = sample.records.iter().find_map(|record| field_of(record, &stream.parent_field));
        found.ok_or_else(|| {
            Error::new(Kind::NotFound, "no parent is known")
                .with("stream", &stream.name)
                .with("parent", &stream.parent)
                .hint("name one with --parent")
        })
    }

    fn show(&self, options: &SampleArgs, stream: &Declaration, sample: Sample) -> Sampled {
        let columns = self.columns(stream, &sample.records);
        let records = sample.records.iter().map(|record| &record.data).take(options.limit as usize);
        let text = |data| String::from_utf8_lossy(data).into_owned();
        Sampled {
            stream: stream.name.to_string(),
            request: sample.request,
            available: sample.end == ReadEnd::Complete,
            count: sample.records.len(),
            records: records.map(|data| output::raw(text(data))).collect(),
            columns,
            problem: sample.problem.as_ref().map(Error::chain),
            hint: sample.problem.as_ref().and_then(Error::way_out).map(str::to_owned),
            suggestions: options.suggest.then_some(sample.suggestions),
        }
    }

    /// The tables that the records would fill.
    fn columns(&self, stream: &Declaration, records: &[SourceRecord]) -> BTreeMap<String, Vec<Column>> {
        let now = self.clock.now();
        let entries: Vec<Entry> = latest(records).map(|record| entry(stream, record, now)).collect();
        let run_id = RunId::new("sample");
        let position = Position { segment: 1, line: 0 };
        let items: Vec<Item<'_>> =
            entries.iter().map(|entry| Item { entry, position, run_id: &run_id, gone: None }).collect();
        let make = wiring::make_normaliser(&self.effective.settings);
        let change = make(&BTreeMap::new(), &BTreeMap::new(), now).normalise(&items);
        change.tables.iter().map(|table| columns_of(&table.schema)).collect()
    }
}

/// Each key once, as a load has it; what has none cannot be stored.
fn latest(records: &[SourceRecord]) -> impl Iterator<Item = &SourceRecord> {
    let stored = records.iter().filter(|record| !record.key.is_nameless());
    let last: BTreeMap<_, _> = stored.map(|record| (&record.key, record)).collect();
    last.into_values()
}

fn entry(stream: &Declaration, record: &SourceRecord, now: Timestamp) -> Entry {
    Entry {
        stream: stream.name.clone(),
        key: record.key.clone(),
        op: Op::Upsert,
        observed_at: now,
        private: None,
        time: None,
        data: record.data.clone(),
    }
}

fn columns_of(schema: &TableSchema) -> (String, Vec<Column>) {
    let shown =
        schema.columns.iter().filter(|column| !column.source.is_empty() || !column.name.starts_with('_'));
    let columns = shown.map(|column| Column { name: column.name.clone(), kind: column.kind.to_string() });
    (schema.table.to_string(), columns.collect())
}

/// A value of a record by names with dots; of a list the first item. Without names the key.
fn field_of(record: &SourceRecord, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(record.key.to_string());
    }
    let mut value: serde_json::Value = serde_json::from_slice(&record.data).ok()?;
    for name in path.split('.') {
        value = value.get_mut(name)?.take();
        if let serde_json::Value::Array(items) = value {
            value = items.into_iter().next()?;
        }
    }
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The two streams that a sync reads in their own way, as declarations: recent calls, and the details of one.
fn own_way(name: &str, include_private: bool) -> Option<Declaration> {
    let texts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let private = if include_private { "true" } else { "false" };
    let base = Declaration { in_contract: true, ..Declaration::default() };
    match name {
        "calls" => Some(Declaration {
            name: StreamName::CALLS,
            path: "/calls".to_owned(),
            params: texts(&[("filterTimeGt", "{now-30}"), ("includePrivate", private), ("sortTime", "desc")]),
            date_format: "yyyy-MM-dd'T'HH:mm:ss'Z'".to_owned(),
            records: "$.calls[*]".to_owned(),
            paging: Paging::Skip,
            ..base
        }),
        "call_details" => Some(Declaration {
            name: StreamName::CALL_DETAILS,
            path: "/call-details".to_owned(),
            params: texts(&[("id", "{parent}")]),
            records: "$.call".to_owned(),
            parent: "calls".to_owned(),
            by_id: true,
            ..base
        }),
        _ => None,
    }
}
