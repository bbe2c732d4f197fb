//! `clarion schema` for people.

use clarion_core::Position;
use clarion_pipeline::{HistoryReport, SchemaReport};

use super::paint;
use super::table::{grouped, table};

pub(crate) fn schema(report: &SchemaReport) {
    for (name, destination) in &report.destinations {
        if let Some(error) = &destination.error {
            out!("{name}: {error}");
        }
        for (table_name, shape) in &destination.tables {
            out!("{}", paint::bold(&format!("{name}.{table_name}")));
            out!("  stream {}, key {}, {} rows", shape.stream, shape.key.join(", "), grouped(shape.rows));
            let rows = shape.columns.iter().map(|column| {
                let learnt = if column.declared { "" } else { "learnt" };
                vec![column.name.clone(), column.kind.clone(), column.source.clone(), learnt.to_owned()]
            });
            table(&["column", "type", "vendor's field", ""], rows.collect());
            out!("");
        }
    }
}

pub(crate) fn schema_history(report: &HistoryReport) {
    for (name, destination) in &report.destinations {
        if let Some(error) = &destination.error {
            out!("{name}: {error}");
        }
        let rows = destination.changes.iter().map(|changed| {
            let change = &changed.change;
            vec![
                name.clone(),
                changed.at.format("%Y-%m-%d %H:%M:%S").to_string(),
                change.change.clone(),
                change.stream.to_string(),
                changed.run.clone(),
                change.record.map(place).unwrap_or_default(),
            ]
        });
        table(&["destination", "when", "what", "stream", "run", "record"], rows.collect());
    }
}

fn place(record: Position) -> String {
    format!("segment {}, line {}", record.segment, record.line)
}
