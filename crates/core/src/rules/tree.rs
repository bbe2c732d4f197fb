//! A stream's rules by field path.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{ColumnRules, HashKey, Rule};
use crate::{Error, Kind, Result, StreamName, content_hash};

/// What extraction, recovery and purge read of a record once it is journalled.
const NEEDED: [&str; 5] = ["id", "time", "last_modified_time", "status", "call_id"];

/// Part of each digest: another way of hashing, masking or redacting is another rule.
const VERSION: u32 = 2;

#[derive(Debug)]
pub(super) struct StreamRules {
    root: Node,
    /// Of every rule and every field to keep, by number.
    paths: Vec<String>,
    met: Vec<AtomicBool>,
    records: AtomicU64,
    configured: ColumnRules,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) rule: Option<Rule>,
    /// The number of the path that ends here.
    pub(super) path: Option<usize>,
    /// Whether members that are not named here go.
    only: bool,
    members: HashMap<String, Node>,
}

/// What becomes of a member of an object.
pub(super) enum Fate<'n> {
    Stays,
    /// It is taken out, by the rule of this number.
    Goes(Option<usize>),
    Within(&'n Node),
}

impl StreamRules {
    pub(super) fn new(stream: &StreamName, needed: &[String], configured: &ColumnRules) -> Result<Self> {
        let wrong = |message: &'static str, path: &str| {
            Error::new(Kind::Config, message).with("stream", stream).with("path", path)
        };
        let mut rules = Self {
            root: Node { only: !configured.include.is_empty(), ..Node::default() },
            paths: Vec::new(),
            met: Vec::new(),
            records: AtomicU64::new(0),
            configured: configured.clone(),
        };
        for path in &configured.include {
            names(path).ok_or_else(|| wrong("not a field path", path).hint(HOW))?;
            let number = rules.number(path);
            rules.root.keep(path, Some(number));
        }
        if rules.root.only {
            for field in NEEDED.into_iter().chain(needed.iter().map(String::as_str)) {
                rules.root.keep(field, None);
            }
        }
        for (path, rule) in &configured.columns {
            let names = names(path).ok_or_else(|| wrong("not a field path", path).hint(HOW))?;
            if NEEDED.into_iter().chain(needed.iter().map(String::as_str)).any(|field| meets(path, field)) {
                return Err(
                    wrong("a column rule is on a field that the pipeline itself needs", path).hint(STAY)
                );
            }
            if !rules.root.keeps(&names) {
                return Err(wrong("a column rule is on a field that `include` leaves out", path)
                    .hint("add the field to `include`, or remove its rule"));
            }
            let number = rules.number(path);
            rules.root.set(&names, *rule, number);
        }
        Ok(rules)
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    pub(super) fn count(&self) {
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    /// The field of this path was met.
    pub(super) fn note(&self, path: Option<usize>) {
        if let Some(met) = path.and_then(|path| self.met.get(path)) {
            met.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn met(&self) -> (u64, Vec<String>) {
        let met = self.paths.iter().zip(&self.met).filter(|(_, met)| met.load(Ordering::Relaxed));
        (self.records.load(Ordering::Relaxed), met.map(|(path, _)| path.clone()).collect())
    }

    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    pub(super) fn hides(&self, field: &str) -> bool {
        matches!(self.root.member(field), Fate::Goes(_))
    }

    pub(super) fn hashes(&self) -> bool {
        self.configured.columns.values().any(|rule| *rule == Rule::Hash)
    }

    /// Of everything that decides on what a record becomes, the key included.
    pub(super) fn digest(&self, key: Option<&HashKey>) -> u64 {
        let include: BTreeMap<&String, ()> = self.configured.include.iter().map(|path| (path, ())).collect();
        let key = key.filter(|_| self.hashes()).map(HashKey::mark);
        let text = format!("{VERSION} {:?} {:?} {key:?}", include.keys(), self.configured.columns);
        content_hash(text.as_bytes())
    }

    fn number(&mut self, path: &str) -> usize {
        if let Some(number) = self.paths.iter().position(|known| known == path) {
            return number;
        }
        self.paths.push(path.to_owned());
        self.met.push(AtomicBool::new(false));
        self.paths.len() - 1
    }
}

const HOW: &str =
    "write names with dots between them, as in \"externalParticipants.email\"; lists are walked";

const STAY: &str = "keys, call ids, times, status, cursors and what enabled streams are asked for by stay as the vendor \
     sends them; remove the rule, or disable the stream that needs the field";

/// Whether one of two paths lies on the way to the other.
fn meets(one: &str, other: &str) -> bool {
    one.split('.').zip(other.split('.')).all(|(a, b)| a == b)
}

/// The names of a path.
fn names(path: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = path.split('.').collect();
    let plain = |name: &&str| !name.is_empty() && !name.contains(['[', ']', '*', '$']);
    names.iter().all(plain).then_some(names)
}

impl Node {
    /// Whether nothing is to be done below.
    pub(super) fn is_leaf(&self) -> bool {
        self.members.is_empty() && !self.only
    }

    pub(super) fn member(&self, name: &str) -> Fate<'_> {
        match self.members.get(name) {
            Some(node) if node.rule == Some(Rule::Exclude) => Fate::Goes(node.path),
            Some(node) => Fate::Within(node),
            None if self.only => Fate::Goes(None),
            None => Fate::Stays,
        }
    }

    /// Keeps what is at `path`, whole.
    fn keep(&mut self, path: &str, number: Option<usize>) {
        let mut node = self;
        for name in path.split('.') {
            let fresh = !node.members.contains_key(name);
            if !node.only {
                // It is kept whole already.
                return;
            }
            node = node.members.entry(name.to_owned()).or_default();
            node.only = node.only || fresh;
        }
        node.only = false;
        node.members.clear();
        node.path = number.or(node.path);
    }

    fn keeps(&self, names: &[&str]) -> bool {
        let Some((first, rest)) = names.split_first() else { return true };
        match self.members.get(*first) {
            Some(node) => node.keeps(rest),
            None => !self.only,
        }
    }

    fn set(&mut self, names: &[&str], rule: Rule, number: usize) {
        match names.split_first() {
            Some((first, rest)) => {
                self.members.entry((*first).to_owned()).or_default().set(rest, rule, number)
            }
            None => {
                self.rule = Some(rule);
                self.path = Some(number);
            }
        }
    }
}
