//! People who log in through the balancer, all at once, and what became of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::set_up::Fleet;
use crate::harness::{
    self, Answer, Connection,
    messages::{Login, Messages},
};

/// Who log in at the same time.
const CLIENTS: usize = 8;
/// What they see while all is well: of four who have logged in one tries once more.
const WELL: [&str; 3] = ["request 200", "exchange 200", "again 400 challenge_spent"];
/// How long they do at least while something happens to the fleet, and after it.
const AROUND: Duration = Duration::from_millis(1_500);

/// Logins, counted by what was answered to each of their steps.
pub(super) struct Load {
    address: String,
    messages: Messages,
    tally: Mutex<BTreeMap<String, usize>>,
    /// What balancers say by themselves.
    words: Mutex<BTreeSet<String>>,
    begun: AtomicUsize,
    /// Other people than those of other loads.
    number: usize,
}

/// Somebody who has a code, and hasn't redeemed it.
pub(super) struct Pending {
    login: Login,
    cookie: String,
    /// The node that made the challenge.
    pub(super) owner: String,
}

impl Load {
    /// Through the balancer of this fleet.
    pub(super) fn of(fleet: &Fleet) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        Self {
            address: fleet.address(),
            messages: Messages::of(&fleet.issuer()),
            tally: Mutex::default(),
            words: Mutex::default(),
            begun: AtomicUsize::default(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// This many logins.
    pub(super) fn run(&self, logins: usize) {
        thread::scope(|scope| self.start(scope, move |begun| begun >= logins));
    }

    /// Logins while something happens to the fleet, and for a while before and after it.
    pub(super) fn while_it_runs<'f, T>(&self, fleet: &'f mut Fleet, happens: impl FnOnce(&mut Fleet) -> T) -> (&'f mut Fleet, T) {
        let is_over = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            self.start(scope, |_| is_over.load(Ordering::Relaxed));
            thread::sleep(AROUND);
            let result = happens(fleet);
            thread::sleep(AROUND);
            is_over.store(true, Ordering::Relaxed);
            result
        });
        (fleet, result)
    }

    fn start<'s>(&'s self, scope: &'s thread::Scope<'s, '_>, is_over: impl Fn(usize) -> bool + Copy + Send + 's) {
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                let mut connection = None;
                loop {
                    let number = self.begun.fetch_add(1, Ordering::Relaxed);
                    if is_over(number) {
                        break;
                    }
                    self.log_in(&mut connection, number);
                }
            });
        }
    }

    fn log_in(&self, connection: &mut Option<Connection>, number: usize) {
        let email = format!("person{number}of{}@example.com", self.number);
        let asked = post(connection, &self.address, "request/email/", "", &json!({"email": email}));
        self.add("request", asked.as_ref());
        let Some(asked) = asked.ok().filter(|answer| answer.status == 200) else { return };
        let (login, cookie) = read(&self.messages, &email, &asked);
        let mut exchange = |step: &str| {
            let answer = post(connection, &self.address, "exchange/email/", &cookie, &login.right(false));
            self.add(step, answer.as_ref());
            answer.map_or(0, |answer| answer.status)
        };
        let first = exchange("exchange");
        match first {
            200 if number.is_multiple_of(4) => assert_ne!(exchange("again"), 200, "redeemed twice"),
            200 => {}
            // Nobody knows what became of it.
            _ => drop(exchange("once more")),
        }
    }

    fn add(&self, step: &str, answer: Result<&Answer, &io::Error>) {
        let name = match answer {
            Ok(answer) if answer.header("content-type") == Some("application/problem+json") => {
                format!("{step} {} {}", answer.status, answer.code())
            }
            Ok(answer) => {
                if answer.status != 200 {
                    self.words.lock().unwrap().insert(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
                }
                format!("{step} {}", answer.status)
            }
            Err(_) => format!("{step} died"),
        };
        *self.tally.lock().unwrap().entry(name).or_default() += 1;
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.tally.lock().unwrap().get(name).copied().unwrap_or_default()
    }

    /// How often something else was answered.
    pub(super) fn count_but(&self, known: &[&str]) -> usize {
        self.tally.lock().unwrap().iter().filter(|(name, _)| !known.contains(&&***name)).map(|(_, count)| count).sum()
    }

    /// Everybody logged in, once each.
    pub(super) fn assert_well(&self, fleet: &Fleet) {
        assert_eq!(self.count_but(&WELL), 0, "{self:?}\n{}", fleet.log());
    }

    /// Nobody was answered anything but these, or how it is when all is well; returns how many were.
    pub(super) fn assert_lost_only(&self, known: &[&str], fleet: &Fleet) -> usize {
        assert_eq!(self.count_but(&[&WELL, known].concat()), 0, "{self:?}\n{}", fleet.log());
        println!("{self:?}");
        self.count_but(&WELL)
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Load").field(&self.tally.lock().unwrap()).field(&self.words.lock().unwrap()).finish()
    }
}

impl Pending {
    /// So many codes, each for somebody else.
    pub(super) fn ask(fleet: &Fleet, count: usize) -> Vec<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let (messages, mut connection) = (Messages::of(&fleet.issuer()), None);
        let ask = |_| {
            let email = format!("pending{}@example.com", NUMBER.fetch_add(1, Ordering::Relaxed));
            let answer = post(&mut connection, &fleet.address(), "request/email/", "", &json!({"email": email}));
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 200, "{answer:?}\n{}", fleet.log());
            let (login, cookie) = read(&messages, &email, &answer);
            let guard = answer.header("countersign-guard").expect("the guard's id");
            Self { login, cookie, owner: guard.rsplit_once('.').expect("<node>.<epoch>").0.to_owned() }
        };
        (0..count).map(ask).collect()
    }

    /// The id of the guard that made it: `<node>.<epoch>`.
    pub(super) fn guard(&self) -> &str {
        self.cookie.rsplit('=').next().unwrap_or_default()
    }

    /// Redeems it through the balancer.
    pub(super) fn redeem(&self, fleet: &Fleet) -> Answer {
        let answer = post(&mut None, &fleet.address(), "exchange/email/", &self.cookie, &self.login.right(false));
        answer.expect("an answer")
    }

    /// The statuses of so many exchanges through each node and the balancer, whose last bytes are sent at once.
    pub(super) fn race(&self, fleet: &Fleet, each: usize) -> Vec<u16> {
        let body = self.login.right(false).to_string();
        let (last, start) = body.as_bytes().split_last().expect("a body");
        let addresses = fleet.addresses();
        let all = addresses.iter().cycle().take(addresses.len() * each);
        let mut connections: Vec<Connection> = all
            .map(|address| {
                let mut connection = Connection::to(address);
                let headers = [("content-type", "application/json"), ("cookie", &*self.cookie)];
                connection.send(&harness::head("POST", "/passwordless/exchange/email/", &headers, body.len()));
                connection.send(start);
                connection
            })
            .collect();
        for connection in &mut connections {
            connection.send(&[*last]);
        }
        connections.iter_mut().map(|connection| connection.receive("POST").status).collect()
    }
}

/// What the message says, and the cookie that goes with it.
fn read(messages: &Messages, email: &str, answer: &Answer) -> (Login, String) {
    let login = messages.read(email, answer.json()["challenge"].as_str().expect("an envelope"));
    (login, format!("theme=dark; countersign_guard={}", answer.cookie("countersign_guard").expect("the guard's cookie")))
}

/// On the connection, or on a new one.
fn post(connection: &mut Option<Connection>, address: &str, path: &str, cookie: &str, body: &Value) -> io::Result<Answer> {
    let mut open = connection.take().map_or_else(|| Connection::try_to(address), Ok)?;
    let (body, mut headers) = (body.to_string(), vec![("content-type", "application/json")]);
    headers.extend((!cookie.is_empty()).then_some(("cookie", cookie)));
    open.try_send(&harness::head("POST", &format!("/passwordless/{path}"), &headers, body.len()))?;
    open.try_send(body.as_bytes())?;
    let answer = open.try_receive("POST")?;
    let is_closing = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    *connection = (!is_closing).then_some(open);
    Ok(answer)
}
