//! Where two versions of a record differ, as JSON pointers (RFC 6901); never with a value. Pure.

use std::collections::BTreeSet;

use clarion_core::json::Json;

/// So many places are told.
const TOLD: usize = 5;

/// The places where two records differ, for a message.
pub(crate) fn differing(old: &[u8], new: &[u8]) -> String {
    let (Ok(old), Ok(new)) = (Json::parse(old), Json::parse(new)) else {
        return "it is not JSON".to_owned();
    };
    let mut places = Vec::new();
    walk(&old, &new, &mut String::new(), &mut places);
    match places.len() {
        0 => "written in another way".to_owned(),
        count if count > TOLD => format!("{} and {} more", places[..TOLD].join(", "), count - TOLD),
        _ => places.join(", "),
    }
}

fn walk(old: &Json<'_>, new: &Json<'_>, path: &mut String, places: &mut Vec<String>) {
    match (old, new) {
        (Json::Object(a), Json::Object(b)) => {
            let names: BTreeSet<&str> = a.iter().chain(b).map(|(name, _)| name.as_ref()).collect();
            for name in names {
                let (a, b) = (old.get(name).unwrap_or(&Json::Null), new.get(name).unwrap_or(&Json::Null));
                let segment = name.replace('~', "~0").replace('/', "~1");
                below(path, &segment, |path| walk(a, b, path, places));
            }
        }
        (Json::List(a), Json::List(b)) => {
            for index in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(index).unwrap_or(&Json::Null), b.get(index).unwrap_or(&Json::Null));
                below(path, &index.to_string(), |path| walk(a, b, path, places));
            }
        }
        (a, b) if a == b => {}
        _ => places.push(if path.is_empty() { "/".to_owned() } else { path.clone() }),
    }
}

fn below(path: &mut String, segment: &str, walk: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(segment);
    walk(path);
    path.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::differing;

    #[test]
    fn places_are_told_and_values_are_not() {
        let old = br#"{"id":"a","users":[{"name":"x"},{"name":"y"}],"a/b":1}"#;
        let new = br#"{"users":[{"name":"x"},{"name":"z"}],"id":"a","a/b":2,"mood":"calm"}"#;
        assert_eq!(differing(old, new), "/a~1b, /mood, /users/1/name");
        assert_eq!(differing(b"{\"a\":1,\"b\":2}", b"{\"b\":2, \"a\":1}"), "written in another way");
        let many: Vec<String> = (0..9).map(|n| format!("\"f{n}\":1")).collect();
        let many = format!("{{{}}}", many.join(","));
        assert_eq!(differing(b"{}", many.as_bytes()), "/f0, /f1, /f2, /f3, /f4 and 4 more");
    }
}
