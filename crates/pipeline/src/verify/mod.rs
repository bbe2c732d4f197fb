//! Whether source, journal and destinations agree.
//!
//! Nothing is changed and no lease is taken: it runs beside whoever writes. Each comparison is made as of what it
//! compares with: a destination at its own position, the source at the last proved pass.

mod destination;
mod differ;
mod journal;
mod report;
mod sample;
mod snapshots;
mod source;
mod spans;
mod versions;

use clarion_core::{Error, Kind, Outcome, Result};

use crate::engine::Engine;

pub use report::{Check, Finding, Named, Verification};

/// Calls fetched from the vendor, and records of each stream compared field by field, unless said otherwise.
pub const DEFAULT_SAMPLE: usize = 20;

#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions {
    pub sample: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { sample: DEFAULT_SAMPLE }
    }
}

impl Engine {
    /// # Behavior
    /// - Requests are few and for `Purpose::Verify`: the sample, about as many counts, and listings of small spans
    ///   whose counts differ.
    /// - What cannot be read is a finding or an error in the report; the rest is compared all the same.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<Verification> {
        let mut checks = Vec::new();
        let mut errors = Vec::new();
        let sound = journal::verify(&self.stores, &mut checks).await?;
        for destination in &self.destinations {
            if !sound.is_legible {
                errors.push(illegible(destination.name()));
                continue;
            }
            match destination::verify(self, destination, &sound, options.sample).await {
                Ok(found) => checks.extend(found),
                Err(error) => errors.push(error.with("destination", destination.name())),
            }
        }
        let against = source::AgainstSource::new(self, options.sample).await?.run(&mut checks).await;
        self.source.settle().await?;
        errors.extend(against.err());
        self.verification(checks, errors).await
    }

    async fn verification(&self, mut checks: Vec<Check>, errors: Vec<Error>) -> Result<Verification> {
        checks.sort_by_key(|check| match check.place.as_str() {
            "source" => 0,
            "journal" => 1,
            _ => 2,
        });
        let agrees = checks.iter().all(Check::agrees) && errors.is_empty();
        let only_quota = errors.iter().all(|error| error.kind() == Kind::Quota);
        let outcome = match (agrees, only_quota && checks.iter().all(Check::agrees)) {
            (true, _) => Outcome::Done,
            (false, true) => Outcome::Paused,
            (false, false) => Outcome::Failed,
        };
        let resumes_at = match errors.iter().any(|error| error.kind() == Kind::Quota) {
            true => Some(self.stores.ledger.week(self.stores.clock.now()).await?.resumes_at),
            false => None,
        };
        Ok(Verification {
            agrees,
            outcome,
            checks,
            requests: self.source.usage().total,
            resumes_at,
            errors: errors.iter().map(Error::chain).collect(),
            causes: errors,
        })
    }
}

fn illegible(destination: &str) -> Error {
    Error::new(Kind::Corrupt, "a journal segment cannot be read, so that nothing can be compared with it")
        .with("destination", destination)
        .hint("restore the segment named above from a backup, then verify again")
}
