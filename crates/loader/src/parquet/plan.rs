//! In what order files arrive and leave, so that no reader ever sees a record twice.

use super::manifest::Operation;
use super::settle::{Arrival, Settled};

/// The operations of a load that adds to what is there.
///
/// First what takes rows away: files that leave, and files rewritten in place, which hold no record that they did not
/// hold before. Then the files with records that were elsewhere or nowhere.
pub(super) fn additive(tables: &[Settled]) -> Vec<Operation> {
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for table in tables {
        first.extend(table.removed.iter().map(|path| Operation::Remove { path: path.clone() }));
        for arrival in &table.arrivals {
            let rename = Operation::Rename { from: arrival.staged.name.clone(), to: arrival.path.clone() };
            if arrival.in_place { first.push(rename) } else { then.push(rename) }
        }
    }
    let mut operations = with_sync(first);
    operations.extend(with_sync(then));
    operations
}

/// A file that a rebuilt table had before, with the sorted hashes of its record keys if they are known.
pub(super) struct Former {
    pub(super) path: String,
    pub(super) hashes: Option<Vec<u64>>,
}

/// The operations of a rebuild of one table: each new file takes the place of the old one of its name, after those
/// that share a record with it have left.
pub(super) fn rebuild(mut former: Vec<Former>, settled: &Settled) -> Vec<Operation> {
    let rename =
        |arrival: &Arrival| Operation::Rename { from: arrival.staged.name.clone(), to: arrival.path.clone() };
    if former.is_empty() {
        return with_sync(settled.arrivals.iter().map(rename).collect());
    }
    let mut operations = Vec::new();
    for arrival in &settled.arrivals {
        let mut hashes = arrival.staged.hashes.clone();
        hashes.sort_unstable();
        let (leaving, staying): (Vec<Former>, Vec<Former>) =
            former.into_iter().partition(|old| old.path != arrival.path && shares(old, &hashes));
        let leaving = leaving.into_iter().map(|old| Operation::Remove { path: old.path });
        operations.extend(with_sync(leaving.collect()));
        operations.extend(with_sync(vec![rename(arrival)]));
        former = staying.into_iter().filter(|old| old.path != arrival.path).collect();
    }
    let rest = former.into_iter().map(|old| Operation::Remove { path: old.path });
    operations.extend(with_sync(rest.collect()));
    operations
}

fn shares(old: &Former, sorted: &[u64]) -> bool {
    old.hashes.as_ref().is_none_or(|hashes| hashes.iter().any(|hash| sorted.binary_search(hash).is_ok()))
}

/// What comes after must not become durable before these.
pub(super) fn with_sync(mut operations: Vec<Operation>) -> Vec<Operation> {
    let path = |operation: &Operation| match operation {
        Operation::Remove { path } | Operation::Rename { to: path, .. } => Some(path.clone()),
        Operation::Sync { .. } => None,
    };
    let mut paths: Vec<String> = operations.iter().filter_map(path).collect();
    let folder = |path: &String| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    paths.sort();
    paths.dedup_by_key(|path| folder(path));
    if !paths.is_empty() {
        operations.push(Operation::Sync { paths });
    }
    operations
}
