//! What the server and its controls share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::book::Book;
use crate::collections::Collections;
use crate::control::Control;
use crate::error::Error;
use crate::faults::Faults;
use crate::limits::Limits;
use crate::log::{Log, RequestLog};
use crate::options::{Options, Quirks};
use crate::overlay::Overlay;
use crate::{data, generate};

/// Called before a request is answered.
pub(crate) type Hook = Arc<dyn Fn(&RequestLog, &Control) + Send + Sync>;

/// One simulator's settings and state.
pub(crate) struct Shared {
    pub(crate) options: Options,
    state: Mutex<State>,
}

/// All that changes while serving.
pub(crate) struct State {
    pub(crate) book: Book,
    pub(crate) collections: Collections,
    pub(crate) overlay: Overlay,
    pub(crate) quirks: Quirks,
    pub(crate) faults: Faults,
    /// Scripted answers of `/call-details`: status and how many times.
    pub(crate) failing_details: HashMap<String, (u16, u32)>,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    pub(crate) hook: Option<Hook>,
    /// What the clock shows beyond the real time.
    clock_offset: TimeDelta,
}

impl Shared {
    /// Loads or generates the workspace.
    pub(crate) fn prepare(options: Options) -> Result<Self, Error> {
        let mut state = State {
            book: Book::default(),
            collections: Collections::default(),
            overlay: Overlay::default(),
            quirks: options.quirks.clone(),
            faults: Faults::parse(options.faults.as_deref().unwrap_or_default(), options.seed)?,
            failing_details: HashMap::new(),
            limits: Limits::new(options.rate, options.weekly_quota),
            log: Log::default(),
            hook: None,
            clock_offset: TimeDelta::zero(),
        };
        match &options.data {
            Some(folder) => data::load(folder, &mut state)?,
            None => generate::fill(&options, &mut state),
        }
        Ok(Self { options, state: Mutex::new(state) })
    }

    /// A panic in a test's hook must not hide behind a poisoned lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        real_time() + self.clock_offset
    }

    /// The clock goes on from `now`.
    pub(crate) fn set_now(&mut self, now: DateTime<Utc>) {
        self.clock_offset = now - real_time();
    }

    /// The scripted status of this call's details, used up by one.
    pub(crate) fn take_failure(&mut self, id: &str) -> Option<u16> {
        let (status, times) = self.failing_details.get_mut(id)?;
        let status = *status;
        *times -= 1;
        if *times == 0 {
            self.failing_details.remove(id);
        }
        Some(status)
    }
}

/// The one look at the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the product's clock is out of reach, and the vendor has its own"
)]
pub(crate) fn real_time() -> DateTime<Utc> {
    Utc::now()
}
