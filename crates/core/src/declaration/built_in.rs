//! The vendor's streams.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Declaration;

#[derive(Deserialize)]
struct Table {
    streams: Vec<Declaration>,
}

static BUILT_IN: LazyLock<Vec<Declaration>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("streams.toml")).expect("a test reads the embedded table");
    table.streams
});

/// The vendor's streams besides `calls` and `call_details`, parents before their children.
pub fn built_in() -> &'static [Declaration] {
    &BUILT_IN
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_built_in_stream_is_usable_and_comes_after_its_parent() {
        let mut earlier = BTreeSet::from(["calls".to_owned()]);
        for stream in built_in() {
            stream.check().expect("a built-in stream is well declared");
            assert!(stream.parent.is_empty() || earlier.contains(&stream.parent), "{}", stream.name);
            assert!(earlier.insert(stream.name.to_string()), "{} occurs twice", stream.name);
        }
    }
}
