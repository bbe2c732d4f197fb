//! One request and its answer: gate, send, judge, and again if that may help. Nothing else sends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clarion_core::{Clock, Error, Event, Kind, Observer, Purpose, Result, Retry, StreamName};
use tokio::time::Instant;

use crate::classify::{self, Verdict};
use crate::gate::Gate;
use crate::records::Unreadable;
use crate::retry::Waits;
use crate::transport::{Answer, Ask, Fault, Transport};
use crate::usage::Counter;

/// Refusals of one request in a row: ten minutes at two minutes each.
const MAX_REFUSALS: u32 = 5;
/// A longer wait than this is no matter of pace; the run ends instead and says so.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

pub(crate) struct Exchange {
    pub(crate) gate: Gate,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) usage: Counter,
    /// After a 429 that names no time.
    pub(crate) rate_limit_wait: Duration,
    /// Whether this leads to the vendor, whose refusal of the credentials ends everything.
    pub(crate) is_vendor: bool,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    Read(T),
    /// 404, or a 403 that [`Absent::Endpoint`] allows.
    Missing(u16),
    /// 502 on a page that may be asked for in smaller pieces.
    TooLarge,
}

/// A request with what the gate and the ledger have to know about it.
#[derive(Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub(crate) stream: &'a StreamName,
    pub(crate) purpose: Purpose,
    pub(crate) ask: &'a Ask,
    /// Whether a 502 is first a sign of size.
    pub(crate) divisible: bool,
    pub(crate) absent: Absent,
}

/// What may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing: a 404 is an error.
    Nothing,
    /// The record: 404.
    Record,
    /// The endpoint, which the contract does not promise: 404 and 403.
    Endpoint,
}

/// How often one request failed in each way.
struct Trials {
    waits: Waits,
    refusals: u32,
    sent: bool,
}

enum Step<T> {
    Done(Reply<T>),
    Again(Option<Duration>),
}

impl Exchange {
    /// Sends until there is an answer that `read` accepts, or no hope.
    ///
    /// # Behavior
    /// - Every send, repeated ones included, passes the gate.
    /// - `Temporary` never leaves: what is left after the tries is `Persistent`.
    pub(crate) async fn run<T>(
        &self,
        errand: Errand<'_>,
        read: impl Fn(&Bytes) -> Result<T, Unreadable>,
    ) -> Result<Reply<T>> {
        let mut trials = Trials { waits: Waits::new(), refusals: 0, sent: false };
        loop {
            self.gate.pass(errand.stream, errand.purpose).await?;
            self.usage.sent(errand.stream, errand.purpose, trials.sent);
            trials.sent = true;
            let begun = Instant::now();
            let answer = self.transport.get(errand.ask).await;
            let answered = classify::word(answer.as_ref());
            let step = self.judge(errand, answer, &read, &mut trials);
            let unreadable = answered == classify::OK && !matches!(step, Ok(Step::Done(_)));
            self.tell(errand, if unreadable { "unreadable" } else { answered }, begun);
            match step? {
                Step::Done(reply) => return Ok(reply),
                Step::Again(Some(wait)) => self.gate.rest(wait).await?,
                Step::Again(None) => {}
            }
        }
    }

    fn tell(&self, errand: Errand<'_>, outcome: &'static str, begun: Instant) {
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stream = errand.stream.clone();
        self.observer.notice(Event::Requested { stream, purpose: errand.purpose, outcome, millis });
    }

    fn judge<T>(
        &self,
        errand: Errand<'_>,
        answer: Result<Answer, Fault>,
        read: impl Fn(&Bytes) -> Result<T, Unreadable>,
        trials: &mut Trials,
    ) -> Result<Step<T>> {
        let ask = errand.ask;
        let answer = match answer {
            Ok(answer) => answer,
            Err(fault) => return again(classify::broken(ask, fault), trials),
        };
        match classify::answer(ask, &answer, self.clock.now()) {
            Verdict::Body => match read(&answer.body) {
                Ok(value) => Ok(Step::Done(Reply::Read(value))),
                Err(Unreadable::NoJson) => again(classify::no_json(ask), trials),
                Err(Unreadable::Wrong(error)) => Err(error),
            },
            Verdict::Missing if errand.absent != Absent::Nothing => {
                Ok(Step::Done(Reply::Missing(answer.status)))
            }
            Verdict::Missing => Err(classify::not_found(ask)),
            Verdict::Credentials(_) if errand.absent == Absent::Endpoint && answer.status == 403 => {
                Ok(Step::Done(Reply::Missing(answer.status)))
            }
            Verdict::BadGateway if errand.divisible => Ok(Step::Done(Reply::TooLarge)),
            Verdict::BadGateway => again(classify::unavailable(ask, 502), trials),
            Verdict::Passing(error) => again(error, trials),
            Verdict::Refused(wait) => self.refused(ask, wait, trials).map(|()| Step::Again(None)),
            Verdict::Credentials(_) if !self.is_vendor => Err(classify::stranger(ask, answer.status)),
            Verdict::Credentials(error) => {
                self.gate.shut();
                Err(error)
            }
            Verdict::Final(error) => Err(error),
        }
    }

    fn refused(&self, ask: &Ask, wait: Option<Duration>, trials: &mut Trials) -> Result<()> {
        self.usage.rate_limited();
        trials.refusals += 1;
        let wait = wait.unwrap_or(self.rate_limit_wait);
        self.gate.pause(wait.min(LONGEST_PAUSE));
        if trials.refusals < MAX_REFUSALS && wait <= LONGEST_PAUSE {
            return Ok(());
        }
        let error =
            classify::failed(ask, Kind::Remote, "the server keeps refusing for its rate or quota", 429);
        let error = error
            .retry(Retry::Persistent)
            .with("refusals", trials.refusals)
            .with("asked_wait_s", wait.as_secs());
        Err(if self.is_vendor {
            error.hint("another program may use the same workspace: lower source.requests_per_second or source.weekly_requests")
        } else {
            error.hint("read this host less often: raise the stream's `every`")
        })
    }
}

fn again<T>(error: Error, trials: &mut Trials) -> Result<Step<T>> {
    trials.refusals = 0;
    match trials.waits.next() {
        Some(wait) => {
            tracing::info!(error = %error.chain(), wait_ms = wait.as_millis(), "a request failed and is sent again");
            Ok(Step::Again(Some(wait)))
        }
        None => Err(error.retry(Retry::Persistent).with("tries", trials.waits.tries())),
    }
}
