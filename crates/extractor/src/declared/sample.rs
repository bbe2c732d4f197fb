//! One page as it is, and what could be made of it; nothing of it counts as read.

use bytes::Bytes;
use clarion_core::json::Node;
use clarion_core::{Error, ReadEnd, ReadRequest, Result, SourceRecord, Timestamp};

use super::Declared;
use super::suggest::{Suggestions, suggest};
use super::walk::Walk;
use crate::exchange::Reply;
use crate::jsonpath::Item;
use crate::records::Unreadable;
use crate::transport::Ask;

/// What one page of a stream shows.
#[derive(Debug)]
pub struct Sample {
    /// What was asked: address and parameters, without headers.
    pub request: String,
    pub end: ReadEnd,
    pub records: Vec<SourceRecord>,
    /// Why the page could not be cut into records.
    pub problem: Option<Error>,
    /// Where else in the page there may be records and metadata.
    pub suggestions: Suggestions,
}

impl Declared {
    pub(crate) async fn sample(&self, ask: ReadRequest<'_>) -> Result<Sample> {
        let now: Timestamp = self.home.clock.now();
        Walk::begin(self, ask, now)?.sample().await
    }
}

impl Walk<'_> {
    async fn sample(mut self) -> Result<Sample> {
        let ask = self.first_page()?;
        let whole = |body: &Bytes| match Node::parse(body) {
            Ok(_) => Ok(body.clone()),
            Err(_) => Err(Unreadable::NoJson),
        };
        let mut sample = Sample {
            request: shown(&ask),
            end: ReadEnd::Complete,
            records: Vec::new(),
            problem: None,
            suggestions: Suggestions::default(),
        };
        match self.send(&ask, false, whole).await? {
            Reply::Read(body) => self.fill(&mut sample, &body),
            Reply::Missing(status) => sample.end = self.missing(status),
            // It is never said to be divisible.
            Reply::TooLarge => {}
        }
        Ok(sample)
    }

    fn fill(&self, sample: &mut Sample, body: &Bytes) {
        match self.cut(body) {
            Ok(records) => sample.records = records,
            Err(problem) => sample.problem = Some(problem),
        }
        if let Ok(node) = Node::parse(body) {
            sample.suggestions = suggest(&Item::of(node));
        }
    }
}

fn shown(ask: &Ask) -> String {
    let parameters = ask.parameters();
    if parameters.is_empty() { ask.shown() } else { format!("{}?{parameters}", ask.shown()) }
}
