//! A host that is not the vendor's: answers by a rule and notes what it is sent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Status and body for a request's path and query.
type Rule = dyn Fn(&str) -> (u16, String) + Send + Sync;

pub(super) struct Stranger {
    pub(super) url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    pub(super) fn answering(rule: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                take(stream, &rule, &notes);
            }
        });
        Self { url, heard }
    }

    /// The requests so far with their headers, in small letters.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn take(stream: TcpStream, rule: &Rule, notes: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let (mut request, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        request.push_str(&line);
        line.clear();
    }
    let place = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = rule(place);
    notes.lock().unwrap().push(request.to_lowercase());
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = reader.get_mut().write_all((head + &body).as_bytes());
}
