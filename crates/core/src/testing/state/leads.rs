//! What other streams are to be asked for, and marks that are no times.

use super::{at, commit, record_key};
use crate::{Lead, Progress, StateStore, StreamName, Timestamp};

const NOTES: StreamName = StreamName::of("notes");

/// A lead comes once, the one that waits longest first, and what was answered later stays.
pub async fn keeps_leads_and_their_later_answers(store: impl StateStore) {
    let found = |key: &str| Lead::found(NOTES, record_key(key));
    let asked = |key: &str, second, missing| Lead { asked_at: Some(at(second)), missing, ..found(key) };
    let other = Lead::found(StreamName::of("others"), record_key("a"));
    let step = |leads: &[Lead]| Progress { leads: leads.to_vec(), ..Progress::default() };
    commit(&store, step(&[found("b"), found("a\0 \u{1f600}"), found("c"), found("b"), other])).await;
    for _ in 0..2 {
        commit(&store, step(&[asked("c", 50, false), asked("b", 40, true), asked("c", 30, true)])).await;
        commit(&store, step(&[found("b"), asked("c", 20, true)])).await;
    }
    let all = [found("a\0 \u{1f600}"), asked("b", 40, true), asked("c", 50, false)];
    assert_eq!(page_by_page(&store, at(51)).await, all);
    assert_eq!(page_by_page(&store, at(50)).await, all[..2], "asked before, and not at that moment");
    assert_eq!(page_by_page(&store, at(-5)).await, all[..1], "what was never asked for is always due");
    assert_eq!(store.count_leads(&NOTES, at(50)).await.expect("count"), (3, 2));
    assert_eq!(store.count_leads(&StreamName::of("none"), at(50)).await.expect("count"), (0, 0));
}

/// A lead that could not be read keeps its place and is known to rest, until it is answered.
pub async fn keeps_the_failures_of_leads(store: impl StateStore) {
    let found = |key: &str| Lead::found(NOTES, record_key(key));
    let step = |leads: &[Lead]| Progress { leads: leads.to_vec(), ..Progress::default() };
    let answered = found("b").answered(at(40), false);
    commit(&store, step(&[found("a"), answered.clone()])).await;
    let once = [found("a").failed(at(60)), answered.clone().failed(at(70))];
    commit(&store, step(&once)).await;
    // Found once more, and an older failure: nothing is forgotten.
    commit(&store, step(&[found("a"), answered, found("b")])).await;
    assert_eq!(page_by_page(&store, at(50)).await, once);
    assert!(once[0].rests(at(59)) && !once[0].rests(at(60)) && !found("a").rests(at(0)));
    let twice = once[0].clone().failed(at(90));
    commit(&store, step(&[twice.clone(), found("a")])).await;
    assert_eq!((twice.attempts, page_by_page(&store, at(40)).await), (2, vec![twice.clone()]));
    let answers = [twice.answered(at(95), true), once[1].clone().answered(at(96), false)];
    commit(&store, step(&answers)).await;
    assert_eq!(page_by_page(&store, at(99)).await, answers);
    assert_eq!(answers[0].attempts, 0);
}

async fn page_by_page(store: &impl StateStore, before: Timestamp) -> Vec<Lead> {
    let mut leads: Vec<Lead> = Vec::new();
    loop {
        let page = store.leads(&NOTES, before, leads.last(), 1).await.expect("leads");
        if page.is_empty() {
            return leads;
        }
        leads.extend(page);
    }
}

/// A mark is what was stored last under its name; an empty one is gone.
pub async fn keeps_marks_until_they_are_replaced(store: impl StateStore) {
    let step = |marks: &[(&str, &str)]| Progress {
        marks: marks.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Progress::default()
    };
    assert!(store.marks().await.expect("marks").is_empty());
    commit(&store, step(&[("people.cursor", "z\0"), ("teams.absent", "404")])).await;
    commit(&store, step(&[("people.cursor", "a"), ("teams.absent", "")])).await;
    commit(&store, Progress::default()).await;
    let marks = store.marks().await.expect("marks");
    assert_eq!(marks, [("people.cursor".to_owned(), "a".to_owned())].into());
}
