//! How long the binary takes until it serves, and how much memory it holds then.
//!
//! `cargo bench --bench startup`. Starts the release build 20 times in each shape; prints medians and maxima against the
//! targets: ready within 150 ms, at most 24 MiB resident when idle with e-mail only, at most 150 MiB with mobile after
//! hostile numbers of every calling code. On a busy machine the time until it is ready is mostly waiting, so the fastest
//! start and the processor time that a start takes stand beside the median. `-- --check` fails above the targets.
#![allow(clippy::disallowed_methods, reason = "it measures time")]

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
const ATTACKED_AT_MOST: f64 = 150.0;

/// What is measured: a name, the allowed methods, and whether the memory has a target.
const SHAPES: [(&str, &str, bool); 2] = [("e-mail only", "EMAIL", true), ("e-mail and mobile", "EMAIL,MOBILE", false)];

fn main() -> ExitCode {
    let check = std::env::args().any(|argument| argument == "--check");
    let mut is_met = true;
    println!("{:<20} {:>12} {:>12} {:>10} {:>14} {:>14}", "", "ready", "fastest", "CPU", "resident", "after a login");
    for (name, methods, has_memory_target) in SHAPES {
        let mut started: Vec<Started> = (0..STARTS).map(|_| start(methods)).collect();
        started.sort_by_key(|started| started.ready);
        let (median, fastest, cpu) = (started[STARTS / 2].ready, started[0].ready, started[STARTS / 2].cpu);
        let most = |memory: fn(&Started) -> f64| started.iter().map(memory).fold(0.0, f64::max);
        let (idle, used) = (most(|started| started.idle), most(|started| started.used));
        println!("{name:<20} {median:>12.1?} {fastest:>12.1?} {cpu:>10.0?} {idle:>10.1} MiB {used:>10.1} MiB");
        is_met &= median <= READY_WITHIN && (!has_memory_target || idle <= RESIDENT_AT_MOST);
    }
    let attacked = attacked();
    println!("e-mail and mobile, after hostile numbers of every calling code: {attacked:.1} MiB");
    is_met &= attacked <= ATTACKED_AT_MOST;
    println!(
        "targets: ready within {READY_WITHIN:?}; {RESIDENT_AT_MOST} MiB idle with e-mail only, {ATTACKED_AT_MOST} MiB attacked: {}",
        if is_met { "met" } else { "MISSED" }
    );
    if check && !is_met { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Started {
    /// From starting the process to the first 200 of `/readyz`.
    ready: Duration,
    /// Processor time of all its threads until then, in steps of 10 ms.
    cpu: Duration,
    /// MiB resident then.
    idle: f64,
    /// MiB resident after the first message.
    used: f64,
}

fn start(methods: &str) -> Started {
    let (mut child, address, ready) = run(methods);
    let (cpu, idle) = (cpu(&child), resident(&child));
    assert!(exchange(&address, &request("email", "ann@example.com", "close")).starts_with("HTTP/1.1 200"));
    let used = resident(&child);
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    Started { ready, cpu, idle, used }
}

/// MiB resident after numbers of every calling code and many lengths, with and without what looks like a prefix.
fn attacked() -> f64 {
    let (mut child, address, _) = run("EMAIL,MOBILE");
    let mut stream = TcpStream::connect(&address).expect("it listens");
    let mut part = [0; 4096];
    for code in 1..1000_u32 {
        for length in [5, 8, 10, 12, 14] {
            for prefix in ["", "(0)", "8"] {
                let digit = |at: u32| char::from_digit((code * 7 + at * 3 + length) % 10, 10).expect("a digit");
                let digits: String = (0..length).map(digit).collect();
                let number = format!("+{code} {prefix}{digits}");
                stream.write_all(request("mobile", &number, "keep-alive").as_bytes()).expect("it reads");
                // Answers are small: each comes in one piece.
                assert!(stream.read(&mut part).expect("it answers") > 0);
            }
        }
    }
    let resident = resident(&child);
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    resident
}

fn request(channel: &str, recipient: &str, connection: &str) -> String {
    let field = if channel == "email" { "email" } else { "phone_number" };
    let body = format!(r#"{{"{field}":"{recipient}"}}"#);
    format!(
        "POST /passwordless/request/{channel}/ HTTP/1.1\r\nhost: a\r\nconnection: {connection}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Starts it and waits until it is ready; returns its address and how long that took.
fn run(methods: &str) -> (Child, String, Duration) {
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
    thread::spawn(move || lines.for_each(drop));
    (child, address, ready)
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

/// User and system time, those of threads that have ended included.
fn cpu(child: &Child) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("Linux");
    let after_name = stat.rsplit_once(')').expect("the name stands in parentheses").1;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory in MiB (`VmRSS`).
fn resident(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has one");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes / 1024.0
}
