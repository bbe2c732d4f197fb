//! The one place where rules are applied: between the source and everything that keeps what it gives.

use std::sync::Arc;

use async_trait::async_trait;

use super::Rules;
use crate::{
    Fetched, ListRequest, Listed, PageSink, Purpose, ReadEnd, ReadRequest, RecordKey, Result, Source,
    SourceRecord, StreamName, Usage, Visibility, Window,
};

/// A source whose records have passed their stream's column rules.
///
/// What extraction itself has to know of a record (key, times, status, whether there is content) was read before.
pub struct Ruled<S> {
    source: S,
    rules: Arc<Rules>,
}

impl<S: Source> Ruled<S> {
    pub fn new(source: S, rules: Arc<Rules>) -> Self {
        Self { source, rules }
    }
}

#[async_trait]
impl<S: Source> Source for Ruled<S> {
    async fn list(&self, request: ListRequest, sink: &mut dyn PageSink) -> Result<Listed> {
        let mut sink = RuledSink { stream: StreamName::CALLS, rules: &self.rules, sink };
        self.source.list(request, &mut sink).await
    }

    async fn count(&self, window: &Window, visibility: Visibility, purpose: Purpose) -> Result<u64> {
        self.source.count(window, visibility, purpose).await
    }

    async fn details(&self, id: &RecordKey, purpose: Purpose) -> Result<Fetched> {
        Ok(match self.source.details(id, purpose).await? {
            Fetched::Record(record) => Fetched::Record(self.rules.apply(&StreamName::CALL_DETAILS, record)),
            Fetched::Missing => Fetched::Missing,
        })
    }

    async fn read(&self, ask: ReadRequest<'_>, sink: &mut dyn PageSink) -> Result<ReadEnd> {
        let mut sink = RuledSink { stream: ask.stream.name.clone(), rules: &self.rules, sink };
        self.source.read(ask, &mut sink).await
    }

    async fn check(&self) -> Result<()> {
        self.source.check().await
    }

    fn usage(&self) -> Usage {
        self.source.usage()
    }

    fn halt(&self) {
        self.source.halt();
    }

    async fn settle(&self) -> Result<()> {
        self.source.settle().await
    }
}

struct RuledSink<'a> {
    stream: StreamName,
    rules: &'a Rules,
    sink: &'a mut dyn PageSink,
}

#[async_trait]
impl PageSink for RuledSink<'_> {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        let ruled = records.into_iter().map(|record| self.rules.apply(&self.stream, record)).collect();
        self.sink.page(ruled).await
    }
}
