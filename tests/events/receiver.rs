//! A receiver of webhooks on loopback, which checks every signature, and can go away and come back.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use countersign::{outbound::signing::WebhookSecret, serve::clock};
use serde_json::Value;

use crate::harness::PATIENCE;

pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// One call, whatever it was answered with.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) event: Value,
    pub(super) status: u16,
}

/// What is answered to the call of this number, from 0.
pub(super) type Script = fn(usize) -> u16;

pub(super) struct Receiver {
    pub(super) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    is_ending: Arc<AtomicBool>,
    accepting: Option<thread::JoinHandle<()>>,
}

impl Receiver {
    pub(super) fn start(script: Script) -> Self {
        Self::at(0, Arc::default(), script)
    }

    /// At a port that it had before, with what it was told before.
    pub(super) fn at(port: u16, calls: Arc<Mutex<Vec<Call>>>, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (shared, is_ending) = (Arc::clone(&calls), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&is_ending);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (calls, ends) = (Arc::clone(&shared), Arc::clone(&ends));
                thread::spawn(move || serve(&stream.unwrap(), script, &calls, &ends));
            }
        });
        Self { url, calls, is_ending, accepting: Some(accepting) }
    }

    pub(super) fn settings(&self) -> [(&str, &str); 2] {
        [("events.url", &self.url), ("events.secret", SECRET)]
    }

    pub(super) fn port(&self) -> u16 {
        self.url.trim_start_matches("http://127.0.0.1:").trim_end_matches("/hooks").parse().unwrap()
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Each event that it has taken, and how often.
    pub(super) fn taken(&self) -> HashMap<String, (Value, usize)> {
        let mut taken = HashMap::new();
        for call in self.calls().into_iter().filter(|call| call.status < 300) {
            taken.entry(call.id).or_insert((call.event, 0)).1 += 1;
        }
        taken
    }

    /// The events that it has taken.
    pub(super) fn events(&self) -> Vec<Value> {
        self.taken().into_values().map(|(event, _)| event).collect()
    }

    /// Goes away: nobody is at its port any more. Returns what it was told.
    pub(super) fn end(mut self) -> Arc<Mutex<Vec<Call>>> {
        self.stop();
        Arc::clone(&self.calls)
    }

    fn stop(&mut self) {
        self.is_ending.store(true, Ordering::Relaxed);
        if let Some(accepting) = self.accepting.take() {
            let _ = TcpStream::connect(("127.0.0.1", self.port()));
            accepting.join().unwrap();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(stream: &TcpStream, script: Script, calls: &Mutex<Vec<Call>>, is_ending: &AtomicBool) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut headers = HashMap::new();
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if !line.starts_with("POST /hooks HTTP/1.1") {
            return None;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
        let mut body = vec![0; header("content-length").parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        if is_ending.load(Ordering::Relaxed) {
            return None;
        }
        assert_eq!(header("content-type"), "application/json");
        let id = header("webhook-id");
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let signed = secret.verify(&id, &header("webhook-timestamp"), &header("webhook-signature"), &body, clock::now());
        let event: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event["data"]["id"], *id);
        let status = {
            let mut calls = calls.lock().unwrap();
            let status = if signed.is_ok() { script(calls.len()) } else { 401 };
            calls.push(Call { id, event, status });
            status
        };
        { stream }.write_all(format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()?;
    }
}
