//! One read: pages asked for, cut and passed on, until the last.

use bytes::Bytes;
use clarion_core::{Error, Event, Kind, PageSink, ReadEnd, ReadRequest, Result, SourceRecord, Timestamp};
use reqwest::Url;

use super::cut::{Cutter, Page};
use super::pages::{Next, Pages};
use super::slices::Slices;
use super::{Declared, asking, is_same_host};
use crate::client::below;
use crate::exchange::{Absent, Errand, Reply};
use crate::records::Unreadable;
use crate::transport::{Ask, Place};

pub(super) struct Walk<'r> {
    declared: &'r Declared,
    request: ReadRequest<'r>,
    cutter: Cutter<'r>,
    pages: Pages<'r>,
    slices: Slices<'r>,
    first: Ask,
    /// Where the page in hand was asked for: links may be relative to it.
    here: Url,
}

impl<'r> Walk<'r> {
    pub(super) fn begin(declared: &'r Declared, request: ReadRequest<'r>, now: Timestamp) -> Result<Self> {
        let ReadRequest { stream, bindings, .. } = request;
        let first = asking::first(stream, bindings, now)?;
        let here = declared.address(&first);
        let pages = Pages::new(stream, declared.limit(stream));
        let cutter = Cutter::new(stream, bindings, now)?;
        Ok(Self { declared, request, cutter, pages, slices: Slices::new(stream, now), first, here })
    }

    pub(super) async fn run(mut self, sink: &mut dyn PageSink) -> Result<ReadEnd> {
        loop {
            let Some(next) = self.pages.next()? else {
                let (seen, doubles) = self.anew().into_seen();
                if self.slices.close(seen, doubles) { continue } else { return Ok(ReadEnd::Complete) }
            };
            let ask = self.ask(next)?;
            match self.fetch(&ask).await? {
                Reply::Read(page) => {
                    self.check_id(&page)?;
                    self.pages.take(&page)?;
                    sink.page(page.rows).await?;
                    if let Some(matched) = self.pages.beyond().filter(|_| self.request.stream.is_sliced()) {
                        let (seen, _) = self.anew().into_seen();
                        if !self.slices.halve(matched, seen)? {
                            return Ok(ReadEnd::Complete);
                        }
                    }
                }
                Reply::Missing(404) if self.pages.is_past_end()? => {}
                Reply::Missing(status) => return Ok(self.missing(status)),
                Reply::TooLarge => self.halve(),
            }
        }
    }

    /// Another list, or another part of it; gives the one before.
    fn anew(&mut self) -> Pages<'r> {
        let stream = self.request.stream;
        std::mem::replace(&mut self.pages, Pages::new(stream, self.declared.limit(stream)))
    }

    fn ask(&mut self, next: Next) -> Result<Ask> {
        let ask = match next {
            Next::Params(mut params) => {
                params.extend(self.slices.params());
                let mut ask = self.first.clone();
                ask.params.retain(|(name, _)| params.iter().all(|(known, _)| known != name));
                ask.params.extend(params);
                ask
            }
            Next::Link(link) => self.follow(&link)?,
        };
        self.here = self.declared.address(&ask);
        Ok(ask)
    }

    /// A link within the host that was asked takes the stream's headers along; to another host nothing goes.
    fn follow(&self, link: &str) -> Result<Ask> {
        let url = self.here.join(link).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| {
            Error::new(Kind::Protocol, "the server's link to the next page is no address")
                .with("stream", &self.request.stream.name)
        })?;
        let base = &self.declared.base;
        if !is_same_host(base, &self.here) && is_same_host(base, &url) {
            return Err(Error::new(
                Kind::Protocol,
                "another host's link leads to the vendor, and is not followed with the credentials",
            )
            .with("stream", &self.request.stream.name));
        }
        let same = is_same_host(&self.declared.address(&self.first), &url);
        let headers = if same { self.first.headers.clone() } else { Vec::new() };
        Ok(Ask { place: Place::Url(url), headers, ..Ask::of("", Vec::new()) })
    }

    async fn fetch(&self, ask: &Ask) -> Result<Reply<Page>> {
        let sent = self.send(ask, self.pages.is_divisible(), |body| self.cutter.page(body)).await;
        sent.map_err(|error| if error.kind() == Kind::Refused { self.pages.refused(error) } else { error })
    }

    pub(super) fn first_page(&mut self) -> Result<Ask> {
        let params = match self.pages.next()? {
            Some(Next::Params(params)) => params,
            _ => Vec::new(),
        };
        self.ask(Next::Params(params))
    }

    /// The records of one page.
    pub(super) fn cut(&self, body: &Bytes) -> Result<Vec<SourceRecord>> {
        match self.cutter.page(body) {
            Ok(page) => Ok(page.rows),
            Err(Unreadable::Wrong(error)) => Err(error),
            Err(Unreadable::NoJson) => Err(Error::new(Kind::Remote, "the answer is not whole JSON")),
        }
    }

    pub(super) async fn send<T>(
        &self,
        ask: &Ask,
        divisible: bool,
        read: impl Fn(&Bytes) -> Result<T, Unreadable>,
    ) -> Result<Reply<T>> {
        let stream = self.request.stream;
        let absent = match (stream.by_id || !stream.parent.is_empty(), stream.in_contract) {
            (true, true) => Absent::Record,
            (false, true) => Absent::Nothing,
            (_, false) => Absent::Endpoint,
        };
        let errand = Errand { stream: &stream.name, purpose: self.request.purpose, ask, divisible, absent };
        let way = self.declared.way_to(&self.here);
        way.run(errand, read).await
    }

    /// Without the record that was asked for, or for a parent that is gone; else there is no such endpoint.
    pub(super) fn missing(&self, status: u16) -> ReadEnd {
        let stream = self.request.stream;
        let is_one_of_many = stream.by_id || !stream.parent.is_empty();
        if status == 404 && is_one_of_many { ReadEnd::Missing } else { ReadEnd::Unavailable { status } }
    }

    /// The contract promises the record that was asked for and no other.
    fn check_id(&self, page: &Page) -> Result<()> {
        let ReadRequest { stream, bindings, .. } = self.request;
        if !stream.by_id || !stream.in_contract {
            return Ok(());
        }
        let asked = bindings.parent.as_deref().unwrap_or_default();
        if page.rows.iter().all(|row| is_same_id(row.key.as_str(), asked) || row.key.is_nameless()) {
            return Ok(());
        }
        Err(Error::new(Kind::Protocol, "the vendor sent another record than the one asked for")
            .with("stream", &stream.name)
            .with("id", asked))
    }

    fn halve(&mut self) {
        let limit = self.pages.halve();
        let stream = &self.request.stream.name;
        self.declared.remember_limit(stream, limit);
        let message = format!("a page of {stream} was too large: asking for {limit} records at a time");
        self.declared.home.observer.notice(Event::Warning { message });
    }
}

/// Salesforce writes its ids in 15 characters, or with three more that only check them.
fn is_same_id(id: &str, asked: &str) -> bool {
    let (short, long) = if id.len() < asked.len() { (id, asked) } else { (asked, id) };
    let alike = short.len() == 15 && long.len() == 18 && long.starts_with(short);
    id == asked || alike && long.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Declared {
    /// Where an ask goes.
    fn address(&self, ask: &Ask) -> Url {
        match &ask.place {
            Place::Url(url) => url.clone(),
            Place::Path(path) => below(&self.base, path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_id;

    #[test]
    fn an_id_may_come_with_its_check_characters_or_without() {
        let (short, long) = ("0015g00000AbCdE", "0015g00000AbCdEAAV");
        assert!(is_same_id(short, long) && is_same_id(long, short) && is_same_id("x", "x"));
        assert!(!is_same_id(short, "0015g00000AbCdFAAV") && !is_same_id("a", "ab") && !is_same_id("", "a"));
    }
}
