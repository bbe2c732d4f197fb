//! The other kinds of paging, and what may be missing.

use clarion_core::{Bindings, Declaration, Kind, Paging, Purpose, ReadEnd, ReadRequest, Source};

use clarion_extractor::Ask;

use super::{list, numbers, people, read};
use crate::support::{Rig, Wire, param, read_declared};

#[tokio::test(start_paused = true)]
async fn pages_by_number_are_read_to_the_last() {
    for clamps in [false, true] {
        let wire = Wire::new(move |ask| {
            let page: u32 = param(ask, "page").unwrap().parse().unwrap();
            let page = if clamps { page.min(3) } else { page };
            let first = (page - 1) * 3;
            (200, format!(r#"{{"people":{}}}"#, list(first.min(8)..(first + 3).min(8))))
        });
        let (end, keys) = read(wire.clone(), &Declaration { paging: Paging::Page, ..people() }).await;
        assert_eq!(end.unwrap(), ReadEnd::Complete);
        assert_eq!(keys, numbers(0..8));
        assert_eq!(wire.asked()[1], "/people?page=2&limit=3");
    }
    let ignores = Wire::new(|_| (200, format!(r#"{{"people":{}}}"#, list(0..3))));
    let error = read(ignores, &Declaration { paging: Paging::Page, ..people() }).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
}

fn by_cursor() -> Declaration {
    Declaration { paging: Paging::Cursor, cursor_path: "$.meta.next".to_owned(), ..people() }
}

#[tokio::test(start_paused = true)]
async fn cursors_are_followed_to_the_end_and_never_in_a_circle() {
    let wire = Wire::new(|ask| {
        let first: u32 =
            param(ask, "cursor").map_or(0, |cursor| cursor.trim_start_matches("c/").parse().unwrap());
        let next = if first < 6 { format!(r#""c/{}""#, first + 3) } else { "null".to_owned() };
        (200, format!(r#"{{"people":{},"meta":{{"next":{next}}}}}"#, list(first..first + 3)))
    });
    let (end, keys) = read(wire.clone(), &by_cursor()).await;
    assert_eq!(end.unwrap(), ReadEnd::Complete);
    assert_eq!(keys, numbers(0..9));
    assert_eq!(
        wire.asked(),
        ["/people?limit=3", "/people?limit=3&cursor=c/3", "/people?limit=3&cursor=c/6",]
    );
    let mut answers = 0;
    let circle = Wire::new(move |_| {
        answers += 1;
        (200, format!(r#"{{"people":{},"meta":{{"next":{}}}}}"#, list(answers..answers + 1), answers % 3))
    });
    let error = read(circle.clone(), &by_cursor()).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert_eq!(circle.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_stops_giving_marks_is_read_to_its_end_and_no_further() {
    // The same mark for ever; fresh marks for ever, after some pages that are empty in between.
    for repeats in [true, false] {
        let mut answers = 0;
        let wire = Wire::new(move |_| {
            answers += 1;
            let rows = match answers {
                1 => list(0..3),
                3 => list(3..5),
                _ => list(0..0),
            };
            let mark = if repeats { answers.min(3) } else { answers };
            (200, format!(r#"{{"people":{rows},"meta":{{"next":"{mark}"}}}}"#))
        });
        let (end, keys) = read(wire.clone(), &by_cursor()).await;
        assert_eq!((end.unwrap(), keys), (ReadEnd::Complete, numbers(0..5)));
        assert!(wire.asked().len() <= 8, "{:?}", wire.asked());
    }
    // The last page names itself as the next one; what the server counts still has to be there.
    for (matched, fine) in [(6, true), (9, false)] {
        let wire = Wire::new(move |ask| {
            let rows = if param(ask, "cursor").is_some() { list(3..6) } else { list(0..3) };
            let pagination = format!(r#""pagination":{{"matched":{matched}}}"#);
            (200, format!(r#"{{"people":{rows},"meta":{{"next":"x"}},{pagination}}}"#))
        });
        let (end, keys) = read(wire, &by_cursor()).await;
        match end {
            Ok(end) => assert_eq!((end, keys, fine), (ReadEnd::Complete, numbers(0..6), true)),
            Err(error) => assert!(!fine && error.kind() == Kind::Unproven, "{error}"),
        }
    }
    // A server that does not know the parameter gives its first page again and again.
    let deaf = Wire::new(|_| (200, format!(r#"{{"people":{},"meta":{{"next":"x"}}}}"#, list(0..3))));
    assert_eq!(read(deaf, &by_cursor()).await.0.unwrap_err().kind(), Kind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_missing_is_the_end_by_number_and_an_error_where_it_was_promised() {
    let by_number = Declaration { paging: Paging::Page, ..people() };
    let wire = Wire::new(|ask| match param(ask, "page").unwrap().parse::<u32>().unwrap() {
        page @ 1..=2 => (200, format!(r#"{{"people":{}}}"#, list((page - 1) * 3..page * 3))),
        _ => (404, "{}".to_owned()),
    });
    let (end, keys) = read(wire, &by_number).await;
    assert_eq!((end.unwrap(), keys), (ReadEnd::Complete, numbers(0..6)));
    let counted = |ask: &Ask| match param(ask, "page").unwrap().as_str() {
        "1" => (200, format!(r#"{{"people":{},"pagination":{{"matched":5}}}}"#, list(0..3))),
        _ => (404, "{}".to_owned()),
    };
    assert_eq!(read(Wire::new(counted), &by_number).await.0.unwrap_err().kind(), Kind::Unproven);

    let wire = Wire::new(|ask| match param(ask, "cursor") {
        None => (200, format!(r#"{{"people":{},"meta":{{"next":"a"}}}}"#, list(0..3))),
        Some(_) => (404, "{}".to_owned()),
    });
    assert_eq!(read(wire, &by_cursor()).await.0.unwrap_err().kind(), Kind::Protocol);
}

fn by_link() -> Declaration {
    Declaration { paging: Paging::NextLink, next_path: "$.next".to_owned(), ..people() }
}

#[tokio::test(start_paused = true)]
async fn links_are_followed_as_they_stand_relative_ones_too() {
    let wire = Wire::new(|ask| {
        let asked = crate::support::shown(ask);
        let (rows, next) = match asked.as_str() {
            "/people?limit=3" => (list(0..3), r#""/people/more?token=a%2Fb""#),
            "https://rest-api.copilot.clari.com/people/more?token=a%2Fb" => {
                (list(3..6), r#""https://rest-api.copilot.clari.com/last""#)
            }
            "https://rest-api.copilot.clari.com/last" => (list(6..7), r#""""#),
            other => panic!("{other}"),
        };
        (200, format!(r#"{{"people":{rows},"next":{next}}}"#))
    });
    let (end, keys) = read(wire, &by_link()).await;
    assert_eq!(end.unwrap(), ReadEnd::Complete);
    assert_eq!(keys, numbers(0..7));
    for next in ["/people", "ftp://elsewhere/x"] {
        let wire = Wire::new(move |_| (200, format!(r#"{{"people":{},"next":"{next}"}}"#, list(0..1))));
        let error = read(wire.clone(), &by_link()).await.0.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "{next}");
        assert!(wire.asked().len() <= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_depends_on_what_was_promised() {
    let promised = Declaration { in_contract: true, ..people() };
    let child = Declaration { parent: "playlists".to_owned(), path: "/p/{parent}".to_owned(), ..people() };
    let by_id = Declaration { by_id: true, records: "$".to_owned(), ..child.clone() };
    let promised_by_id = Declaration { in_contract: true, ..by_id.clone() };
    let bindings = Bindings { parent: Some("7".to_owned()), ..Bindings::default() };
    for (stream, status, expected) in [
        (&people(), 404, Ok(ReadEnd::Unavailable { status: 404 })),
        (&people(), 403, Ok(ReadEnd::Unavailable { status: 403 })),
        (&people(), 401, Err(Kind::Credentials)),
        (&people(), 400, Err(Kind::Refused)),
        (&promised, 404, Err(Kind::Remote)),
        (&promised, 403, Err(Kind::Credentials)),
        (&child, 404, Ok(ReadEnd::Missing)),
        (&child, 403, Ok(ReadEnd::Unavailable { status: 403 })),
        (&by_id, 404, Ok(ReadEnd::Missing)),
        (&promised_by_id, 404, Ok(ReadEnd::Missing)),
        (&promised_by_id, 403, Err(Kind::Credentials)),
    ] {
        let rig = Rig::new(Wire::new(move |_| (status, "{}".to_owned())), 0.0);
        let end = read_declared(&rig.source, stream, &bindings).await.map(|(end, _)| end);
        assert_eq!(end.map_err(|error| error.kind()), expected, "{status} {stream:?}");
        // Where it is no matter of credentials, others go on.
        let goes_on = rig.source.check().await.err().map(|error| error.kind());
        assert_eq!(goes_on == Some(Kind::Credentials), status == 401 || status == 403);
        assert_eq!(rig.source.usage().by_stream["people"], 1);
    }
}

#[tokio::test(start_paused = true)]
async fn another_record_than_the_one_asked_for_is_an_error() {
    let stream = clarion_core::built_in().iter().find(|known| known.name.as_str() == "crm_deals").unwrap();
    let bindings = Bindings { parent: Some("d 1".to_owned()), ..Bindings::default() };
    for (sent, fine) in [("d 1", true), ("d 2", false)] {
        let body = format!(r#"{{"id":"x","crm_id":"{sent}"}}"#);
        let wire = Wire::new(move |_| (200, body.clone()));
        let rig = Rig::new(wire.clone(), 0.0);
        let read = read_declared(&rig.source, stream, &bindings).await;
        assert_eq!(wire.asked(), ["/get-deal?id=d 1"]);
        match read {
            Ok((_, records)) => assert!(fine && records[0].key.as_str() == sent),
            Err(error) => assert!(!fine && error.kind() == Kind::Protocol, "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn windows_and_dates_are_written_as_declared_and_stand_in_the_record() {
    let stream = clarion_core::built_in().iter().find(|known| known.name.as_str() == "user_stats").unwrap();
    let at = |text: &str| crate::support::time(text);
    let bindings = Bindings {
        from: Some(at("2026-10-01T00:00:00Z")),
        to: Some(at("2026-10-31T00:00:00Z")),
        ..Bindings::default()
    };
    let wire =
        Wire::new(|_| (200, r#"{"stats":[{"email":"a@b","total_calls":2},{"total_calls":1}]}"#.to_owned()));
    let rig = Rig::new(wire.clone(), 0.0);
    let (_, records) = read_declared(&rig.source, stream, &bindings).await.unwrap();
    assert_eq!(wire.asked(), ["/stats?from=2026-10-01&to=2026-10-31"]);
    assert_eq!(records[0].key.as_str(), r#"["a@b","2026-10-01","2026-10-31"]"#);
    assert_eq!(
        records[0].data,
        r#"{"email":"a@b","total_calls":2,"window_from":"2026-10-01","window_to":"2026-10-31"}"#
    );
    assert!(records[1].key.is_nameless());
    let unbound = ReadRequest { stream, bindings: &Bindings::default(), purpose: Purpose::Forward };
    let error = rig.source.read(unbound, &mut clarion_core::Collected::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert_eq!(wire.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_host_has_a_pace_of_its_own_and_takes_nothing_of_the_vendors() {
    let wire = Wire::new(|ask| {
        let page: u32 = param(ask, "page").unwrap().parse().unwrap();
        (200, format!(r#"{{"people":{}}}"#, list((page - 1) * 3..(page * 3).min(16))))
    });
    let rig = Rig::new(wire.clone(), 9.0);
    let elsewhere = Declaration {
        path: String::new(),
        url: "https://elsewhere.example/people".to_owned(),
        paging: Paging::Page,
        ..people()
    };
    let begun = tokio::time::Instant::now();
    read_declared(&rig.source, &elsewhere, &Bindings::default()).await.unwrap();
    let requests = u32::try_from(wire.asked().len()).unwrap();
    assert_eq!(requests, 7, "the last one shows that there is no more");
    assert!(begun.elapsed().as_secs_f64() >= f64::from(requests - 1) / 2.0, "{:?}", begun.elapsed());
    assert_eq!((rig.source.usage().total, rig.ledger.0.lock().unwrap().grants), (0, 0));
    rig.source.halt();
    let halted = read_declared(&rig.source, &elsewhere, &Bindings::default()).await.unwrap_err();
    assert_eq!(halted.kind(), Kind::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again() {
    let mut answers = 0;
    let wire = Wire::new(move |_| {
        answers += 1;
        match answers {
            1 => (502, String::new()),
            2 => (200, "<html>".to_owned()),
            3 => (429, String::new()),
            _ => (200, format!(r#"{{"people":{}}}"#, list(0..2))),
        }
    });
    let (end, keys) = read(wire.clone(), &people()).await;
    assert_eq!((end.unwrap(), keys.len(), wire.asked().len()), (ReadEnd::Complete, 2, 4));
}
