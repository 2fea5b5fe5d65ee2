//! Stand-ins for an SMTP server and a directory: as little of each protocol as the product speaks.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use countersign::{outbound::signing::WebhookSecret, serve::clock};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, api::Call, wait_for};

/// The secret of every signed call here.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A server for SMTP without TLS that believes everything.
pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// Envelope and content of each message that was accepted.
    mails: Vec<(String, String)>,
    tries: usize,
}

/// What the server says to a message; `{to}` becomes the recipient.
pub(crate) type Script = fn(tries: usize) -> &'static str;

/// A directory endpoint.
pub(crate) struct DirectoryServer {
    pub(crate) url: String,
    questions: Arc<Mutex<Vec<Value>>>,
}

impl SmtpServer {
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = Arc::clone(&shared);
                seen.lock().unwrap().connections += 1;
                thread::spawn(move || converse(&stream.unwrap(), script, &seen));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub(crate) fn tries(&self) -> usize {
        self.seen.lock().unwrap().tries
    }

    pub(crate) fn mails(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().mails.clone()
    }

    /// Waits for the mail after the first `before`: its envelope's recipient and its content.
    pub(crate) fn wait_for_mail(&self, before: usize) -> (String, String) {
        wait_for(|| self.mails().into_iter().nth(before))
    }
}

fn converse(stream: &TcpStream, script: Script, seen: &Mutex<Seen>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let say = |answer: &str| { stream }.write_all(format!("{answer}\r\n").as_bytes()).ok();
    let mut to = String::new();
    say("220 stand-in")?;
    while let Some(line) = lines.next() {
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => say("250 stand-in")?,
            "RCPT" => {
                to = line.trim_start_matches("RCPT TO:").trim_matches(['<', '>']).into();
                say("250 yes")?;
            }
            "DATA" => {
                say("354 go on")?;
                let content: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                let tries = {
                    let mut seen = seen.lock().unwrap();
                    seen.tries += 1;
                    seen.tries
                };
                let answer = script(tries).replace("{to}", &to);
                if answer.is_empty() {
                    // Never answers this one.
                    thread::sleep(PATIENCE);
                    return None;
                }
                if answer.starts_with('2') {
                    seen.lock().unwrap().mails.push((to.clone(), content.join("\n")));
                }
                say(&answer)?;
            }
            "QUIT" => {
                say("221 bye")?;
                return Some(());
            }
            _ => say("250 yes")?,
        }
    }
    Some(())
}

impl DirectoryServer {
    /// Answers each question, signed as it must be, with the bytes of `answer`: a whole HTTP response.
    pub(crate) fn start(answer: impl Fn(&Value) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/users?x=1", listener.local_addr().unwrap());
        let questions = Arc::new(Mutex::new(Vec::new()));
        let (shared, answer) = (Arc::clone(&questions), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (questions, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || serve(&stream.unwrap(), &*answer, &questions));
            }
        });
        Self { url, questions }
    }

    /// One that answers with the user that `find` finds.
    pub(crate) fn of_users(find: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        Self::start(move |question| response("200 OK", &json!({"user": find(question)}).to_string()))
    }

    /// The questions so far.
    pub(crate) fn questions(&self) -> Vec<Value> {
        self.questions.lock().unwrap().clone()
    }

    /// What makes the binary ask it.
    pub(crate) fn settings(&self) -> [(&str, &str); 3] {
        [("directory.kind", "http"), ("directory.url", &self.url), ("directory.secret", SECRET)]
    }
}

/// A response that keeps its connection.
pub(crate) fn response(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Value) -> Vec<u8>, questions: &Mutex<Vec<Value>>) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let call = Call::read(&mut reader)?;
        assert!(call.line.starts_with("POST /users?x=1 "), "{call:?}");
        assert_eq!(call.header("content-type"), "application/json");
        let signed = WebhookSecret::parse(SECRET).unwrap().verify(
            call.header("webhook-id"),
            call.header("webhook-timestamp"),
            call.header("webhook-signature"),
            &call.body,
            clock::now(),
        );
        let question = call.json();
        questions.lock().unwrap().push(question.clone());
        let reply = if signed.is_ok() { answer(&question) } else { response("401 Unauthorized", "{}") };
        { stream }.write_all(&reply).ok()?;
        // So that an answer that isn't one ends.
        if !reply.starts_with(b"HTTP/1.1 200") {
            thread::sleep(Duration::from_millis(1));
            return None;
        }
    }
}
