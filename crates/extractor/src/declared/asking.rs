//! What a declaration asks for first: its address and parameters with the macros filled.

use std::borrow::Cow;

use clarion_core::{Bindings, Declaration, Error, Kind, Result, Template, Timestamp, built_in};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use crate::transport::{Ask, Place};

/// Everything but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn check(stream: &Declaration) -> Result<()> {
    // Macros may stand where no address could have a brace.
    let filled =
        |text: &str| Template::parse(text)?.fill(stream, &Bindings::sample(), Timestamp::UNIX_EPOCH, encoded);
    if stream.url.is_empty() {
        path(&filled(&stream.path)?, Kind::Config)?;
    } else {
        address(&filled(&stream.url)?, Kind::Config)?;
    }
    for (name, value) in &stream.headers {
        let known = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
        let (name, _) = known.ok_or_else(|| Error::new(Kind::Config, "not a header").with("header", name))?;
        if name.as_str().starts_with("x-api-") && stream.url.is_empty() {
            return Err(Error::new(Kind::Config, "the credentials are no header of a stream")
                .with("header", name)
                .hint("set CLARI_API_KEY and CLARI_API_PASSWORD"));
        }
    }
    Ok(())
}

/// The first request, without the parameters of its paging.
pub(super) fn first(stream: &Declaration, bindings: &Bindings, now: Timestamp) -> Result<Ask> {
    let filled = |text: &str| Template::parse(text)?.fill(stream, bindings, now, encoded);
    // The declaration was checked: what is wrong now comes of this parent, and the others can be asked for.
    let kind = if bindings.parent.is_some() { Kind::Protocol } else { Kind::Config };
    let place = if stream.url.is_empty() {
        Place::Path(Cow::Owned(path(&filled(&stream.path)?, kind)?))
    } else {
        Place::Url(address(&filled(&stream.url)?, kind)?)
    };
    let mut params = Vec::new();
    for (name, text) in &stream.params {
        let value = Template::parse(text)?.fill(stream, bindings, now, str::to_owned)?;
        if !value.is_empty() {
            params.push((Cow::Owned(name.clone()), value));
        }
    }
    if let Some(cursor) = bindings.cursor.as_ref().filter(|_| !stream.cursor_param.is_empty()) {
        params.push((Cow::Owned(stream.cursor_param.clone()), cursor.clone()));
    }
    let headers = stream.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(Ask { place, params, headers, private: private(stream)? })
}

/// Parameters that messages name without their values: what a user wrote may be a key, what a record or a server gave
/// may be about somebody.
fn private(stream: &Declaration) -> Result<Vec<String>> {
    let known = built_in().iter().find(|known| known.name == stream.name);
    let mut private = vec![stream.page_cursor_param.clone(), stream.cursor_param.clone()];
    for (name, text) in &stream.params {
        let is_known = known.is_some_and(|known| known.params.get(name) == Some(text));
        if !is_known && !Template::parse(text)?.is_date() {
            private.push(name.clone());
        }
    }
    Ok(private)
}

/// A filled path must stay below the place that its declaration names.
fn path(text: &str, kind: Kind) -> Result<String> {
    if text.split('/').any(|step| step == "." || step == "..") {
        return Err(Error::new(kind, "a path with steps back is not asked for").with("path", text));
    }
    Ok(text.to_owned())
}

fn address(text: &str, kind: Kind) -> Result<Url> {
    let wrong = || {
        Error::new(kind, "a stream's url is no address")
            .with("key", "url")
            .hint("for instance https://api.example.com/people")
    };
    let url = Url::parse(text).map_err(|error| wrong().source(error))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(wrong()) }
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use clarion_core::{StreamName, parse_timestamp};

    use super::*;

    fn asked(stream: &Declaration, parent: &str) -> Result<Ask> {
        let now = parse_timestamp("2026-11-20T10:00:00Z").expect("a time");
        first(stream, &Bindings { parent: Some(parent.to_owned()), ..Bindings::default() }, now)
    }

    fn stream() -> Declaration {
        Declaration { name: StreamName::of("x"), parent: "playlists".to_owned(), ..Declaration::default() }
    }

    #[test]
    fn what_is_filled_in_is_encoded_where_it_stands() {
        let params = [("day", "{now-30}"), ("q", "{parent}"), ("none", "{cursor}")];
        let params = params.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let by_path = Declaration { path: "/p/{parent}/calls".to_owned(), params, ..stream() };
        let ask = asked(&by_path, "a/b?c d").expect("it can be asked");
        assert_eq!(ask.place, Place::Path(Cow::Borrowed("/p/a%2Fb%3Fc%20d/calls")));
        let shown: Vec<_> = ask.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["day=2026-10-21", "q=a/b?c d"], "an empty one is not sent");

        let by_url = Declaration { url: "https://x.example/{parent}?d={now}".to_owned(), ..stream() };
        let ask = asked(&by_url, "&é").expect("it can be asked");
        assert_eq!(ask.shown(), "https://x.example/%26%C3%A9", "without its query");
        let Place::Url(url) = ask.place else { panic!("an address") };
        assert_eq!(url.query(), Some("d=2026-11-20"));
    }

    #[test]
    fn a_parent_cannot_lead_elsewhere() {
        let by_path = Declaration { path: "/playlists/{parent}/calls".to_owned(), ..stream() };
        for parent in ["..", "."] {
            assert_eq!(asked(&by_path, parent).expect_err(parent).kind(), Kind::Protocol, "others go on");
        }
        let anywhere = Declaration { url: "https://{parent}/people".to_owned(), ..stream() };
        assert_eq!(asked(&anywhere, "a b").expect_err("no host").kind(), Kind::Protocol);
        let back = Declaration { path: "/playlists/../{parent}".to_owned(), ..stream() };
        assert_eq!(check(&back).expect_err("it leads back").kind(), Kind::Config);
    }

    #[test]
    fn messages_name_what_was_asked_without_what_may_be_secret() {
        let params = [("token", "s3cret"), ("who", "{parent}"), ("day", "{now}"), ("mixed", "k-{now}")];
        let params = params.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let own = Declaration { path: "/p".to_owned(), params, ..stream() };
        let ask = asked(&own, "anna@example.com").expect("it can be asked");
        assert_eq!(ask.parameters(), "day=2026-11-20&mixed=***&token=***&who=***");
        let refused = crate::transport::Answer { status: 400, retry_after: None, body: bytes::Bytes::new() };
        let verdict = crate::classify::answer(&ask, &refused, Timestamp::UNIX_EPOCH);
        assert!(!format!("{verdict:?}").contains("s3cret"), "{verdict:?}");

        let deals =
            built_in().iter().find(|known| known.name.as_str() == "crm_deals").expect("it is built in");
        assert_eq!(asked(deals, "d1").expect("it can be asked").parameters(), "id=d1");
        let keyed = Declaration { params: [("id".to_owned(), "s3cret".to_owned())].into(), ..deals.clone() };
        assert_eq!(asked(&keyed, "d1").expect("it can be asked").parameters(), "id=***");
    }

    #[test]
    fn addresses_and_headers_are_checked() {
        let good = Declaration { url: "https://x.example/{parent}".to_owned(), ..stream() };
        check(&good).expect("an address");
        let headers = |name: &str| [(name.to_owned(), "v".to_owned())].into();
        check(&Declaration { headers: headers("X-Api-Key"), ..good.clone() })
            .expect("another host's own key");
        for wrong in [
            Declaration { url: "ftp://x".to_owned(), ..stream() },
            Declaration { url: "x.example/users".to_owned(), ..stream() },
            Declaration { headers: headers("not a name"), ..good },
            Declaration { path: "/users".to_owned(), headers: headers("x-api-key"), ..stream() },
        ] {
            assert_eq!(check(&wrong).expect_err("wrong").kind(), Kind::Config);
        }
    }
}
