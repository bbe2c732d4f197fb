//! When small files are merged.

use std::collections::BTreeMap;

/// Files of one size class are left alone up to this many: a row is then rewritten about once a class on its way
/// to a large file, however small the loads are.
const ENOUGH: usize = 4;
/// Inputs of one merge: each holds a few pages in memory.
pub(super) const MOST: usize = 8;
/// Files past this size are large enough for every reader.
const LARGE: u64 = 32 << 20;
/// The first class; each further one is four times as large.
const FIRST: u64 = 64 << 10;

/// The files to merge now, by their index, smallest first; none if there are few of each size.
pub(super) fn due(sizes: &[u64]) -> Vec<usize> {
    let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, &size) in sizes.iter().enumerate().filter(|(_, size)| **size < LARGE) {
        classes.entry(class(size)).or_default().push(index);
    }
    let crowded = classes.into_values().find(|files| files.len() >= ENOUGH);
    let mut files = crowded.unwrap_or_default();
    files.sort_by_key(|&file| sizes[file]);
    files
}

fn class(size: u64) -> u32 {
    (size / FIRST).checked_ilog(4).map_or(0, |class| class + 1)
}

#[cfg(test)]
mod tests {
    use super::due;

    #[test]
    fn files_are_merged_once_four_have_about_one_size() {
        assert_eq!(due(&[1000, 1000, 1000, 5 << 20, 100 << 20]), Vec::<usize>::new());
        assert_eq!(due(&[3000, 1000, 60_000, 5 << 20, 2000]), [1, 4, 0, 2]);
        assert_eq!(due(&[40 << 20, 40 << 20, 40 << 20, 40 << 20]), Vec::<usize>::new(), "large enough");
    }

    #[test]
    fn many_small_loads_rewrite_each_row_a_few_times_only() {
        let (mut files, mut rewritten, mut loaded) = (Vec::<u64>::new(), 0, 0);
        for load in 0..4000 {
            files.push(50_000 + load % 7);
            loaded += 50_000 + load % 7;
            loop {
                let chosen = due(&files);
                if chosen.is_empty() {
                    break;
                }
                let merged: u64 = chosen.iter().map(|&file| files[file]).sum();
                files =
                    (0..files.len()).filter(|file| !chosen.contains(file)).map(|file| files[file]).collect();
                files.push(merged);
                rewritten += merged;
            }
        }
        assert!(rewritten < 8 * loaded, "{rewritten} of {loaded}");
        assert!(files.len() < 30, "{}", files.len());
    }
}
