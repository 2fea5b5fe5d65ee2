//! A directory behind HTTP that is slow, hangs, or has much to say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// What becomes of a call.
pub(super) enum Then {
    Answer(String),
    /// Answers when nobody waits any more.
    AnswerLate(String),
    /// Says nothing.
    Hang,
}

/// Users are looked up and registered as a test wants.
pub(super) struct Directory {
    url: String,
    /// The values that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Directory {
    pub(super) fn start(mut judge: impl FnMut(&Value) -> Then + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let values = Arc::clone(&asked);
        thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                // One after the other: each call has a connection of its own, which ends with its answer.
                let call = receive(&stream);
                values.lock().unwrap().push(call["value"].as_str().unwrap().to_owned());
                match judge(&call) {
                    Then::Answer(answer) => reply(stream, &answer),
                    Then::AnswerLate(answer) => drop(thread::spawn(move || {
                        thread::sleep(Duration::from_secs(7));
                        reply(stream, &answer);
                    })),
                    Then::Hang => hanging.push(stream),
                }
            }
        });
        Self { url, asked }
    }

    /// Whether somebody was asked for whose address starts like this.
    pub(super) fn was_asked_for(&self, start: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|value| value.starts_with(start))
    }

    /// Of a node that asks it.
    pub(super) fn settings(&self) -> [(&'static str, &str); 4] {
        [
            ("directory.kind", "http"),
            ("directory.url", &self.url),
            ("directory.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            ("passwordless.register_nonexistent_users", "true"),
        ]
    }
}

fn receive(stream: &TcpStream) -> Value {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_lowercase();
        length = line.strip_prefix("content-length: ").map_or(length, |length| length.parse().unwrap());
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn reply(mut stream: TcpStream, answer: &str) {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    // The caller may have given up.
    let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
}

/// Somebody with the address that was asked for.
pub(super) fn user(call: &Value) -> String {
    json!({"user": {"id": "42", "email": call["value"], "is_active": true}}).to_string()
}
