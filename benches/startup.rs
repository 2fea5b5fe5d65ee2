//! How long the binary takes until it serves, and how much memory it holds then.
//!
//! `cargo bench --bench startup`. Starts the release build 20 times in each shape; prints medians and maxima against the
//! targets: ready within 150 ms, at most 24 MiB resident when idle with e-mail only. `-- --check` fails above them.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

const STARTS: usize = 20;
const READY_WITHIN: Duration = Duration::from_millis(150);
const RESIDENT_AT_MOST: f64 = 24.0;

/// What is measured: a name, the allowed methods, and whether the memory has a target.
const SHAPES: [(&str, &str, bool); 2] = [("e-mail only", "EMAIL", true), ("e-mail and mobile", "EMAIL,MOBILE", false)];

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let mut is_met = true;
    println!("{:<20} {:>12} {:>12} {:>14} {:>14}", "", "ready", "slowest", "resident", "after a login");
    for (name, methods, has_memory_target) in SHAPES {
        let mut started: Vec<Started> = (0..STARTS).map(|_| start(methods)).collect();
        started.sort_by_key(|started| started.ready);
        let (median, slowest) = (started[STARTS / 2].ready, started[STARTS - 1].ready);
        let most = |memory: fn(&Started) -> f64| started.iter().map(memory).fold(0.0, f64::max);
        let (idle, used) = (most(|started| started.idle), most(|started| started.used));
        println!("{name:<20} {median:>12.1?} {slowest:>12.1?} {idle:>10.1} MiB {used:>10.1} MiB");
        is_met &= median <= READY_WITHIN && (!has_memory_target || idle <= RESIDENT_AT_MOST);
    }
    println!(
        "targets: ready within {READY_WITHIN:?}; {RESIDENT_AT_MOST} MiB idle with e-mail only: {}",
        if is_met { "met" } else { "MISSED" }
    );
    if check && !is_met { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Started {
    /// From starting the process to the first 200 of `/readyz`.
    ready: Duration,
    /// MiB resident then.
    idle: f64,
    /// MiB resident after the first message.
    used: f64,
}

fn start(methods: &str) -> Started {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let settings = [
        ("SERVER__LISTEN", "127.0.0.1:0"),
        ("SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
        ("EMAIL__TRANSPORT", "discard"),
        ("SMS__TRANSPORT", "discard"),
        ("PASSWORDLESS__ALLOWED_PASSWORDLESS_METHODS", methods),
    ];
    for (key, value) in settings {
        command.env(format!("COUNTERSIGN_{key}"), value);
    }
    let begin = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let mut after = |start: &str| -> String {
        let line = lines.by_ref().map_while(Result::ok).find(|line| line.contains(start)).expect("the server announces itself");
        line.split_once(start).map(|(_, rest)| rest.to_owned()).expect("the line has it")
    };
    let address = after("listening on http://");
    let admin = after("metrics on http://");
    while !get(&admin, "/readyz").starts_with("HTTP/1.1 200") {
        thread::sleep(Duration::from_millis(1));
    }
    let ready = begin.elapsed();
    let idle = resident(&child);
    let body = r#"{"email":"ann@example.com"}"#;
    let request = format!(
        "POST /passwordless/request/email/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(exchange(&address, &request).starts_with("HTTP/1.1 200"));
    let used = resident(&child);
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    Started { ready, idle, used }
}

fn get(address: &str, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"))
}

fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Resident memory in MiB (`VmRSS`).
fn resident(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has one");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes / 1024.0
}
