//! Faults by specification and seed: which request goes wrong, and how.

use crate::error::Error;
use crate::generate::Rng;

/// What is done to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status instead of the answer.
    Status(u16),
    /// 200 with a page of HTML.
    Html,
    /// The JSON cut half-way, with the length of what is left.
    Truncate,
    /// The connection closed in the middle of the body.
    Reset,
    /// The body dribbles in.
    Slow,
}

impl Fault {
    fn parse(kind: &str) -> Option<Self> {
        Some(match kind {
            "html" => Self::Html,
            "truncate" => Self::Truncate,
            "reset" => Self::Reset,
            "slow" => Self::Slow,
            status => Self::Status(status.parse().ok().filter(|status| (400..600).contains(status))?),
        })
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Html => "html".to_owned(),
            Self::Truncate => "truncate".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Slow => "slow".to_owned(),
        }
    }
}

/// The faults in force. A request's fate depends on the seed, the rules and its number since the rules
/// were set, and on nothing else.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    seed: u64,
    requests: u64,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    path: Option<String>,
    when: When,
    /// Requests to `path` so far.
    seen: u64,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Probability(f64),
    /// Exactly this request to the rule's path, counted from 1.
    Number(u64),
}

impl Faults {
    /// Reads `KIND[@PATH][:PROBABILITY|#NUMBER]`, separated by commas; nothing after KIND means always.
    pub(crate) fn parse(spec: &str, seed: u64) -> Result<Self, Error> {
        let entries = spec.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let rules = entries.map(Rule::parse).collect::<Result<_, _>>()?;
        Ok(Self { rules, seed, requests: 0 })
    }

    /// The fault of the next request; the first rule that fires wins.
    pub(crate) fn next(&mut self, path: &str) -> Option<Fault> {
        self.requests += 1;
        let mut chosen = None;
        for (number, rule) in self.rules.iter_mut().enumerate() {
            let mut rng = Rng::new(self.seed).fork(self.requests).fork(number as u64);
            // Every rule sees every request, or counts would depend on the rules before it.
            if rule.fires(path, &mut rng) {
                chosen = chosen.or(Some(rule.fault));
            }
        }
        chosen
    }
}

impl Rule {
    fn parse(entry: &str) -> Result<Self, Error> {
        let fail = |reason: &str| Error::Faults { entry: entry.to_owned(), reason: reason.to_owned() };
        let (target, when) = if let Some((target, number)) = entry.split_once('#') {
            let number = number.parse().ok().filter(|number| *number > 0);
            (target, When::Number(number.ok_or_else(|| fail("the number counts from 1"))?))
        } else if let Some((target, probability)) = entry.split_once(':') {
            let probability = probability.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            (target, When::Probability(probability.ok_or_else(|| fail("the probability is 0 to 1"))?))
        } else {
            (entry, When::Probability(1.0))
        };
        let (kind, path) = match target.split_once('@') {
            Some((kind, path)) => (kind, Some(path.to_owned())),
            None => (target, None),
        };
        let kinds = "KIND is 400 to 599, html, truncate, reset or slow";
        let fault = Fault::parse(kind).ok_or_else(|| fail(kinds))?;
        Ok(Self { fault, path, when, seen: 0 })
    }

    fn fires(&mut self, path: &str, rng: &mut Rng) -> bool {
        if self.path.as_deref().is_some_and(|only| only != path) {
            return false;
        }
        self.seen += 1;
        match self.when {
            When::Probability(share) => rng.chance(share),
            When::Number(number) => self.seen == number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(spec: &str, seed: u64) -> Vec<Option<Fault>> {
        let mut faults = Faults::parse(spec, seed).unwrap();
        (0..2000).map(|_| faults.next("/calls")).collect()
    }

    #[test]
    fn a_run_is_repeatable_and_close_to_its_probabilities() {
        let spec = "500:0.1,html:0.05";
        let first = fates(spec, 7);
        assert_eq!(first, fates(spec, 7));
        assert_ne!(first, fates(spec, 8));
        let count = |fault| first.iter().filter(|fate| **fate == Some(fault)).count();
        assert!((150..250).contains(&count(Fault::Status(500))));
        assert!((60..140).contains(&count(Fault::Html)));
    }

    #[test]
    fn a_number_fires_once_and_a_path_limits_a_rule() {
        let mut faults = Faults::parse("reset#3, 500@/users#1", 1).unwrap();
        let paths = ["/calls", "/calls", "/users", "/users", "/calls"];
        let fates: Vec<_> = paths.iter().map(|path| faults.next(path)).collect();
        assert_eq!(fates, [None, None, Some(Fault::Reset), None, None]);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for spec in ["200:0.1", "reset#0", "500:1.5", "gone", "500:x"] {
            let error = Faults::parse(spec, 1).unwrap_err().to_string();
            assert!(error.contains(spec), "{error}");
        }
    }
}
