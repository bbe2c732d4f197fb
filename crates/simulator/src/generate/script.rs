//! The words of generated calls, written as JSON text when asked for.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::draft::Draft;
use super::rng::Rng;
use super::words::{AWKWARD, COMPETITORS, TOPICS, VOCABULARY};
use super::world::World;

/// Everything that generated transcripts depend on.
#[derive(Debug)]
pub(crate) struct Script {
    rng: Rng,
    turns: usize,
    as_of: DateTime<Utc>,
    world: World,
    vocabulary: Vec<Word>,
}

/// A word and the space after it, padded.
#[derive(Debug)]
struct Word {
    text: [u8; 16],
    length: usize,
}

/// Words drawn from one random number.
const DRAWS: usize = 4;

impl Script {
    pub(super) fn new(seed: u64, calls: usize, turns: usize, as_of: DateTime<Utc>) -> Self {
        let rng = Rng::new(seed);
        let world = World::new(&rng.fork(0), calls, as_of);
        Self {
            rng: rng.fork(1),
            turns,
            as_of,
            world,
            vocabulary: VOCABULARY.split_whitespace().map(Word::new).collect(),
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn draft(&self, number: u64) -> Draft {
        Draft::new(self.rng.fork(number), &self.world, self.turns, self.as_of)
    }

    /// Appends `,"transcript":[…]` and, with a summary, `summary` and `competitor_sentiments`.
    pub(crate) fn write_spoken(&self, number: u64, summarised: bool, out: &mut Vec<u8>) {
        let draft = self.draft(number);
        self.write_transcript(&draft, out);
        if summarised {
            let summary = self.summary(&draft);
            let sentiments = self.sentiments(&draft);
            let text = format!(",\"summary\":{summary},\"competitor_sentiments\":{sentiments}");
            out.extend_from_slice(text.as_bytes());
        }
    }

    fn write_transcript(&self, draft: &Draft, out: &mut Vec<u8>) {
        let mut rng = draft.rng.fork(2);
        let people = draft.users.len() + draft.contacts;
        let hundredths = draft.duration * 100 / self.turns.max(1);
        out.extend_from_slice(b",\"transcript\":[");
        for turn in 0..self.turns {
            out.extend_from_slice(if turn == 0 { b"{\"text\":\"" } else { b",{\"text\":\"" });
            let words = 4 + rng.below(30);
            self.write_words(words, &mut rng, out);
            if rng.below(33) == 0 {
                out.extend_from_slice(rng.pick(&AWKWARD).as_bytes());
            }
            out.extend_from_slice(b"\",\"start\":");
            push_hundredths(out, turn * hundredths);
            out.extend_from_slice(b",\"end\":");
            push_hundredths(out, (turn + 1) * hundredths - rng.below(hundredths / 2 + 1));
            out.extend_from_slice(b",\"personId\":");
            push_number(out, rng.below(people));
            out.extend_from_slice(annotations(&mut rng).as_bytes());
            out.push(b'}');
        }
        out.push(b']');
    }

    fn write_words(&self, count: usize, rng: &mut Rng, out: &mut Vec<u8>) {
        let words = self.vocabulary.len();
        let mut bits = 0;
        for position in 0..count {
            if position % DRAWS == 0 {
                bits = rng.next();
            }
            let draw = (bits & 0xFFFF) as usize;
            bits >>= 16;
            // Squared, a draw makes the words at the beginning of the list the common ones.
            let Word { text, length } = &self.vocabulary[(((draw * draw) >> 16) * words) >> 16];
            // Copying a fixed size and cutting it is several times faster than copying a few bytes.
            out.extend_from_slice(text);
            out.truncate(out.len() - text.len() + length);
        }
        out.pop();
        out.push(if rng.below(6) == 0 { b'?' } else { b'.' });
    }

    fn words(&self, count: usize, rng: &mut Rng) -> String {
        let mut text = Vec::new();
        self.write_words(count, rng, &mut text);
        String::from_utf8(text).expect("the vocabulary is text")
    }

    fn summary(&self, draft: &Draft) -> Value {
        let mut rng = draft.rng.fork(3);
        let people = draft.people(&self.world);
        let mut span = || {
            let start = rng.below(draft.duration);
            (stamp(draft, start), stamp(draft, start + rng.below(draft.duration - start)))
        };
        let spans: Vec<_> = (0..4).map(|_| span()).collect();
        let topics = spans.iter().map(|(start, end)| {
            json!({
                "name": rng.pick(&TOPICS),
                "start_timestamp": start,
                "end_timestamp": end,
                "summary": self.words(20, &mut rng),
            })
        });
        let topics: Vec<_> = topics.collect();
        let items = spans[..2].iter().map(|(start, end)| {
            json!({
                "action_item": self.words(12, &mut rng),
                "speaker_name": rng.pick(&people).name,
                "start_timestamp": start,
                "end_timestamp": end,
            })
        });
        let items: Vec<_> = items.collect();
        json!({
            "full_summary": self.words(80, &mut rng),
            "topics_discussed": topics,
            "key_action_items": items,
        })
    }

    fn sentiments(&self, draft: &Draft) -> Value {
        let mut rng = draft.rng.fork(4);
        let people = draft.users.len() + draft.contacts;
        let sentiment = |_| {
            let at = rng.below(draft.duration);
            json!({
                "competitor_name": rng.pick(&COMPETITORS),
                "sentiment": rng.pick(&["POSITIVE", "NEGATIVE", "NEUTRAL"]),
                "reasoning": self.words(15, &mut rng),
                "personId": rng.below(people).to_string(),
                "turn_start_time": stamp(draft, at),
            })
        };
        let count = draft.duration % 3;
        (0..count).map(sentiment).collect()
    }
}

impl Word {
    fn new(word: &str) -> Self {
        let mut text = [b' '; 16];
        text[..word.len()].copy_from_slice(word.as_bytes());
        Self { text, length: word.len() + 1 }
    }
}

/// The forms that the contract leaves open, one a call: `93.8`, `mm:ss`, `hh:mm:ss`.
fn stamp(draft: &Draft, seconds: usize) -> String {
    match draft.duration % 4 {
        0 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        1 => format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => format!("{seconds}.5"),
    }
}

fn annotations(rng: &mut Rng) -> &'static str {
    match rng.below(20) {
        0 => ",\"annotations\":[{\"tracker\":\"price\",\"phrase\":\"price\",\"category\":\"Pricing\"}]",
        1 => ",\"annotations\":[{\"label\":\"Thanks & appreciation\",\"phrase\":\"thank you\"}]",
        2 => ",\"annotations\":null",
        3 => "",
        _ => ",\"annotations\":[]",
    }
}

fn push_hundredths(out: &mut Vec<u8>, hundredths: usize) {
    push_number(out, hundredths / 100);
    let rest = hundredths % 100;
    if rest > 0 {
        out.push(b'.');
        out.push(b'0' + (rest / 10) as u8);
        out.push(b'0' + (rest % 10) as u8);
    }
}

fn push_number(out: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}
