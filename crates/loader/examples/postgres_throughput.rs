//! How fast change sets go into PostgreSQL: 5,000 calls of 200 turns, first into new tables, then as changes, then as a
//! rebuild. `CLARION_TEST_POSTGRES=postgres://… cargo run --release -p clarion-loader --example postgres_throughput`
//! leaves its tables in the schema `clarion_throughput`.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clarion_core::{
    ChangeSet, ChangedKeys, Column, ColumnType, Destination, JournalId, LoadSpec, Position, RecordKey,
    Result, RunId, StreamName, TableChange, TableName, TableSchema, Timestamp,
};
use clarion_loader::{PostgresDestination, PostgresSettings};

const CALLS: usize = 5_000;
const TURNS: usize = 200;
/// About 8 MB of the vendor's JSON.
const CALLS_IN_A_CHANGE: usize = 200;
const TURN: &str = "So what we have seen this quarter is that the pipeline is moving, and I would say that most of the \
    deals which slipped are going to close, but let me come back to that in a minute when we look at the numbers";

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var_os("CLARION_TEST_POSTGRES").and_then(|url| url.into_string().ok());
    let mut settings = PostgresSettings::new(url.unwrap_or_default());
    settings.schema = "clarion_throughput".to_owned();
    let destination = PostgresDestination::connect("throughput", settings)?;
    let segment = destination.inspect().await?.position.segment;
    run(&destination, "new or replaced", segment + 1, true).await?;
    run(&destination, "every call changed", segment + 2, false).await?;
    run(&destination, "rebuild", segment + 3, true).await
}

async fn run(destination: &PostgresDestination, what: &str, segment: u64, replace: bool) -> Result<()> {
    let from = destination.inspect().await?.position;
    let started = Instant::now();
    let spec = LoadSpec {
        run_id: RunId::new("throughput"),
        fence: segment,
        journal: JournalId::from_random([1; 16]),
        from,
        replace,
        again: false,
        loaded_at: Timestamp::UNIX_EPOCH,
        keys: Arc::new(ChangedKeys::new()),
    };
    let mut load = destination.begin(spec).await?;
    let schemas = [Arc::new(calls()), Arc::new(turns())];
    for first in (0..CALLS).step_by(CALLS_IN_A_CHANGE) {
        load.write(change(&schemas, first, Position::new(segment, 2))).await?;
    }
    let report = load.commit(Position::new(segment, 3)).await?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {seconds:.2} s, {:?}, {} MB at most", report.rows.values(), peak_megabytes());
    Ok(())
}

fn change(schemas: &[Arc<TableSchema>; 2], first: usize, position: Position) -> ChangeSet {
    let ids: Vec<String> = (first..first + CALLS_IN_A_CHANGE).map(|call| format!("call-{call:08}")).collect();
    let text = format!("Somebody: {TURN}\n").repeat(TURNS);
    let positions = |rows: usize| Arc::new(Int64Array::from(vec![position.pack(); rows])) as ArrayRef;
    let count = ids.len();
    let calls: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(ids.clone())),
        Arc::new(StringArray::from(vec![text.as_str(); count])),
        positions(count),
    ];
    let rows = count * TURNS;
    let index = |row: usize| i64::try_from(row % TURNS).unwrap_or_default();
    let turns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values((0..rows).map(|row| ids[row / TURNS].as_str()))),
        Arc::new(Int64Array::from_iter_values((0..rows).map(index))),
        Arc::new(Float64Array::from_iter_values(
            (0..rows).map(|row| f64::from(u32::try_from(row).unwrap_or(0)) / 7.0),
        )),
        Arc::new(StringArray::from(vec!["Ada Lovelace"; rows])),
        Arc::new(StringArray::from(vec!["ada@example.com"; rows])),
        Arc::new(StringArray::from(vec![TURN; rows])),
        Arc::new(TimestampMicrosecondArray::from(vec![1_700_000_000_000_000; rows]).with_timezone("UTC")),
        positions(rows),
    ];
    let parents = ids.iter().filter_map(|id| RecordKey::parse(id.clone()).ok()).collect();
    let tables = vec![table(&schemas[0], calls, Vec::new()), table(&schemas[1], turns, parents)];
    ChangeSet { tables, ..ChangeSet::default() }
}

fn table(schema: &Arc<TableSchema>, columns: Vec<ArrayRef>, parents: Vec<RecordKey>) -> TableChange {
    let rows = RecordBatch::try_new(schema.arrow(), columns).expect("the columns fit the schema");
    TableChange { schema: Arc::clone(schema), rows, parents, tombstones: Vec::new() }
}

fn calls() -> TableSchema {
    let columns =
        [("id", ColumnType::Text), ("transcript_text", ColumnType::Text), ("_position", ColumnType::Integer)];
    schema("call_details", &["id"], None, &columns)
}

fn turns() -> TableSchema {
    let columns = [
        ("call_id", ColumnType::Text),
        ("idx", ColumnType::Integer),
        ("start_seconds", ColumnType::Double),
        ("speaker_name", ColumnType::Text),
        ("speaker_email", ColumnType::Text),
        ("text", ColumnType::Text),
        ("call_time", ColumnType::Timestamp),
        ("_position", ColumnType::Integer),
    ];
    schema("transcript_turns", &["call_id", "idx"], Some("call_id"), &columns)
}

fn schema(
    table: &'static str,
    key: &[&str],
    parent: Option<&str>,
    columns: &[(&str, ColumnType)],
) -> TableSchema {
    let column = |(name, kind): &(&str, ColumnType)| Column {
        name: (*name).to_owned(),
        kind: kind.clone(),
        source: String::new(),
        declared: true,
    };
    TableSchema {
        table: TableName::of(table),
        stream: StreamName::CALL_DETAILS,
        key: key.iter().map(|&name| name.to_owned()).collect(),
        parent: parent.map(str::to_owned),
        time: None,
        columns: columns.iter().map(column).collect(),
    }
}

/// The process's peak, on Linux.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or_default()
        / 1024
}
