//! The source of commands that must not cost a request.

use async_trait::async_trait;
use clarion_core::{
    Error, Fetched, Kind, ListRequest, Listed, PageSink, Purpose, ReadEnd, ReadRequest, RecordKey, Result,
    Source, Usage, Visibility, Window,
};

/// Refuses every request.
pub(crate) struct Offline;

fn refused<T>() -> Result<T> {
    Err(Error::new(Kind::Refused, "this command makes no requests"))
}

#[async_trait]
impl Source for Offline {
    async fn list(&self, _request: ListRequest, _sink: &mut dyn PageSink) -> Result<Listed> {
        refused()
    }

    async fn count(&self, _window: &Window, _visibility: Visibility, _purpose: Purpose) -> Result<u64> {
        refused()
    }

    async fn details(&self, _id: &RecordKey, _purpose: Purpose) -> Result<Fetched> {
        refused()
    }

    async fn read(&self, _ask: ReadRequest<'_>, _sink: &mut dyn PageSink) -> Result<ReadEnd> {
        refused()
    }

    async fn check(&self) -> Result<()> {
        refused()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn halt(&self) {}

    async fn settle(&self) -> Result<()> {
        Ok(())
    }
}
