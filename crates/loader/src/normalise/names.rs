//! Column names: the vendor's in snake case, made unique for good.

use xxhash_rust::xxh3::xxh3_64;

/// PostgreSQL cuts longer names, so that two could become one.
const MAX_BYTES: usize = 63;

/// The column for fields that get none of their own.
pub(super) const OTHER_FIELDS: &str = "_other_fields";

/// Names that tables need for themselves: the partition of Parquet folders, and the system columns of Postgres.
const RESERVED: [&str; 8] = ["call_month", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", OTHER_FIELDS];
/// How names of ours begin.
const OURS: &str = "_clarion_";

/// The column for a vendor field. One that is taken or too long gets a suffix that depends on the field alone.
pub(super) fn column_name(source: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = snake_case(source);
    let is_ours = name.starts_with(OURS);
    if is_ours {
        name.insert_str(0, "field");
    }
    let is_reserved = is_ours || RESERVED.contains(&name.as_str());
    if name.len() <= MAX_BYTES && !is_taken(&name) && !is_reserved {
        return name;
    }
    let suffix = format!("_{:08x}", xxh3_64(source.as_bytes()) >> 32);
    let mut end = name.len().min(MAX_BYTES - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

/// `externalParticipants` → `external_participants`, `userID` → `user_id`, `2nd try` → `_2nd_try`.
pub(super) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().copied().enumerate() {
        if !letter.is_alphanumeric() && letter != '_' {
            snake.push('_');
            continue;
        }
        if letter.is_uppercase() && at > 0 && starts_word(letters[at - 1], letters.get(at + 1)) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    if snake.is_empty() || snake.starts_with(|first: char| first.is_ascii_digit()) {
        snake.insert(0, '_');
    }
    snake
}

/// Whether a capital after `before` begins a word: after a small letter or digit, or before one within capitals.
fn starts_word(before: char, after: Option<&char>) -> bool {
    let after_is_small = after.is_some_and(|after| after.is_lowercase());
    before.is_lowercase() || before.is_numeric() || (before.is_uppercase() && after_is_small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_names_become_snake_case() {
        let pairs = [
            ("externalParticipants", "external_participants"),
            ("userID", "user_id"),
            ("HTTPServer", "http_server"),
            ("already_snake", "already_snake"),
            ("2nd try", "_2nd_try"),
            ("", "_"),
            ("Größe", "größe"),
        ];
        for (vendor, snake) in pairs {
            assert_eq!(snake_case(vendor), snake);
        }
    }

    #[test]
    fn taken_reserved_and_long_names_get_a_stable_suffix() {
        let taken = column_name("fooBar", |name| name == "foo_bar");
        assert!(taken.starts_with("foo_bar_") && taken.len() == 16, "{taken}");
        assert_ne!(taken, column_name("foo_bar", |name| name == "foo_bar"));
        assert!(column_name("callMonth", |_| false).starts_with("call_month_"));
        let long = column_name(&"é".repeat(60), |_| false);
        assert!(long.len() <= MAX_BYTES, "{long}");
    }
}
