//! A stand-in for a provider's HTTP API: it keeps what it was sent, and answers by a script.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use super::{PATIENCE, wait_for};

/// A provider's API on a port of its own.
pub struct Api {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// What it was sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Answers the call of this number, from 1, with a status line's end, headers and a body: `("429 X", "retry-after: 1\r\n", "{}")`.
/// An empty status: never.
pub type Script = fn(number: usize) -> (&'static str, &'static str, &'static str);

impl Api {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let calls = Arc::clone(&shared);
                thread::spawn(move || serve(&stream.unwrap(), script, &calls));
            }
        });
        Self { url, calls }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a URL with a port")
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits for the call after the first `before`.
    pub fn wait_for_call(&self, before: usize) -> Call {
        wait_for(|| self.calls().into_iter().nth(before))
    }
}

impl Call {
    /// The next call of a connection; `None` where it ends, or sends something else.
    pub fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let headers = head.iter().skip(1).filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut call = Self { line: head.first()?.clone(), headers: headers.collect(), body: Vec::new() };
        call.body = vec![0; call.header("content-length").parse().ok()?];
        reader.read_exact(&mut call.body).ok()?;
        Some(call)
    }

    /// The value of a header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// All headers, in their order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// What is called, with its query.
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The body, which is a text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("no text: {self:?}"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The fields of a form, in their order.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The first field of a form with this name.
    pub fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

fn serve(stream: &TcpStream, script: Script, calls: &Mutex<Vec<Call>>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let call = Call::read(&mut reader)?;
        let number = {
            let mut calls = calls.lock().unwrap();
            calls.push(call);
            calls.len()
        };
        let (status, headers, body) = script(number);
        if status.is_empty() {
            thread::sleep(PATIENCE);
            return None;
        }
        let length = body.len();
        { stream }.write_all(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").as_bytes()).ok()?;
    }
}
