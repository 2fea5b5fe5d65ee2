//! A Redis that doesn't answer, answers late, or can't be trusted allows nothing.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use countersign::guard::{
    AttemptRefused, Counted, Guard as _, Limits, RequestRefused, Taken, Verdict,
    redis::{RedisUrl, StartError},
};

use super::{
    Test,
    server::{Server, ask, free_port, until},
    world::{
        RECORDS, attempt, begin, challenge, connect, email, guard, limits, now, peek, request, right, run, settings,
        until_it_decides,
    },
};

pub(crate) const TESTS: &[Test] = &[
    Test::new("a_redis_that_is_gone_allows_nothing_until_it_is_back", gone),
    Test::new("a_redis_that_is_back_answers_the_first_who_asks", back),
    Test::new("a_slow_redis_allows_nothing_and_counts_once", slow),
    Test::new("a_loading_redis_allows_nothing", loading),
    Test::new("a_full_redis_allows_nothing", full),
    Test::new("a_redis_that_evicts_is_refused_at_the_start", evicts),
    Test::new("what_is_wrong_at_the_start_is_said", start),
    Test::new("scripts_that_redis_forgot_are_sent_again", forgotten_scripts),
    Test::new("a_script_that_fails_allows_nothing", broken),
    Test::new("a_connection_that_redis_closes_while_idle_costs_nobody_an_answer", idle),
    Test::new("a_master_without_the_replicas_it_wants_allows_nothing", lonely_master),
    Test::new("a_paused_redis_allows_nothing", paused),
    Test::new("what_is_no_redis_is_refused_at_the_start", no_redis),
];

fn is_unavailable<T>(result: &Result<T, AttemptRefused>) -> bool {
    matches!(result, Err(AttemptRefused::Unavailable(_)))
}

fn gone() {
    let mut server = Server::start("--save 3600 1");
    let mut settings = settings(&server.url());
    settings.timeout = Duration::from_secs(2);
    let guard = connect(&settings, limits()).unwrap();
    let now = now(&server);
    let ann = email("ann");
    let challenge = begin(&guard, &ann, now);
    server.kill();
    let looked = peek(&guard, &challenge, now);
    assert!(is_unavailable(&looked), "{looked:?}");
    let counted = right(&guard, &challenge, now);
    assert!(is_unavailable(&counted), "{counted:?}");
    assert!(matches!(run(guard.admit(&request(&ann, now))), Err(RequestRefused::Unavailable(_))));
    run(guard.withdraw(&request(&ann, now), &Taken::default()));
    server.revive();
    until_it_decides(&guard, now);
    assert_eq!(right(&guard, &begin(&guard, &ann, now), now), Ok(Counted::Accepted { use_number: 1 }));
}

/// In one runtime, as a worker has it: nobody pays for the outage once it is over.
fn back() {
    let mut server = Server::plain();
    let guard = guard(&server.url(), limits());
    let (ann, now) = (email("ann"), now(&server));
    run(async {
        for _ in 0..3 {
            assert!(guard.admit(&request(&ann, now)).await.is_ok());
            server.kill();
            // Long enough for some attempts to connect.
            tokio::time::sleep(Duration::from_millis(700)).await;
            server.revive();
            let admitted = guard.admit(&request(&ann, now)).await;
            assert!(admitted.is_ok(), "{admitted:?}");
        }
    });
}

fn slow() {
    let server = Server::plain();
    let patient = guard(&server.url(), limits());
    let mut settings = settings(&server.url());
    settings.timeout = Duration::from_millis(300);
    // On a busy machine even the start may take longer than that.
    let mut hasty = None;
    until("a hasty guard starts", || {
        hasty = connect(&settings, limits()).ok();
        hasty.is_some()
    });
    let (hasty, ann, now) = (hasty.unwrap(), email("ann"), now(&server));
    // One runtime, so one connection: what is sent on it reaches Redis, however late.
    let in_doubt = run(async {
        let mut open = Vec::new();
        for _ in 0..40 {
            open.push(challenge(patient.admit(&request(&ann, now)).await.unwrap().guard, &ann, now));
        }
        let mut count = async || {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let challenge = open.pop().expect("another one");
            let counted = hasty.count(&attempt(&challenge, now), Verdict::sealed(true)).await;
            (challenge, counted)
        };
        while count().await.1.is_err() {}
        let mut sleeper = server.connect();
        let asleep = thread::spawn(move || redis::cmd("DEBUG").arg("SLEEP").arg("2").query::<String>(&mut sleeper));
        let in_doubt = loop {
            match count().await {
                (_, Ok(counted)) => assert_eq!(counted, Counted::Accepted { use_number: 1 }),
                (challenge, refused) => {
                    assert!(is_unavailable(&refused), "{refused:?}");
                    break challenge;
                }
            }
        };
        asleep.join().unwrap().unwrap();
        in_doubt
    });
    // The answer came too late for anybody, but it counted.
    until("Redis answers", || peek(&patient, &in_doubt, now) == Err(AttemptRefused::Spent));
    assert_eq!(right(&patient, &in_doubt, now), Err(AttemptRefused::Spent));
}

fn loading() {
    // Redis answers "LOADING" between two blocks of the file, and each key takes a while.
    let options = "--save 3600 1 --rdbcompression no --key-load-delay 10000 --loading-process-events-interval-bytes 1024";
    let mut server = Server::start(options);
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    let challenge = begin(&guard, &email("ann"), now);
    let mut connection = server.connect();
    for number in 0..200 {
        let () = redis::cmd("SET").arg(number).arg("x".repeat(256)).query(&mut connection).unwrap();
    }
    let _: String = server.ask("SAVE");
    server.kill();
    server.revive();
    let mut seen = Vec::new();
    until("it has loaded", || {
        seen.push(right(&guard, &challenge, now));
        *seen.last().unwrap() == Err(AttemptRefused::Misdirected)
    });
    assert!(seen.len() > 1 && seen[..seen.len() - 1].iter().all(is_unavailable), "{seen:?}");
}

fn full() {
    let server = Server::plain();
    let guard = guard(&server.url(), Limits { throttle_seconds: 60, ..limits() });
    let now = now(&server);
    let ann = email("ann");
    let challenge = begin(&guard, &ann, now);
    let _: String = server.ask("CONFIG SET maxmemory 1");
    assert!(is_unavailable(&right(&guard, &challenge, now)));
    assert!(matches!(run(guard.admit(&request(&email("bob"), now))), Err(RequestRefused::Unavailable(_))));
    let _: String = server.ask("CONFIG SET maxmemory 0");
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
}

fn evicts() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let server = Server::start(&format!(r#"--save "" --maxmemory-policy {policy}"#));
        let refused = connect(&settings(&server.url()), limits());
        let Err(StartError::Unfit(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains(policy) && text.contains("noeviction"), "{text}");
    }
}

fn start() {
    let nobody = format!("redis://127.0.0.1:{}", free_port());
    let refused = connect(&settings(&nobody), limits());
    assert!(matches!(refused, Err(StartError::Unreachable(_))), "{refused:?}");

    for url in ["", "http://localhost", "redis://", "redis://:hunter2@[::1", "nonsense"] {
        let refused = RedisUrl::parse(url);
        assert!(!refused.expect_err(url).contains("hunter2"));
    }

    let server = Server::plain();
    let _: String = server.ask("CONFIG SET requirepass hunter2");
    let refused = connect(&settings(&server.url()), limits()).unwrap_err();
    assert!(matches!(refused, StartError::Unfit(_) | StartError::Unreachable(_)), "{refused:?}");
    let wrong = format!("redis://:hunter3@127.0.0.1:{}", server.port());
    let refused = connect(&settings(&wrong), limits()).unwrap_err().to_string();
    assert!(!refused.contains("hunter"), "{refused}");
    let right = format!("redis://:hunter2@127.0.0.1:{}", server.port());
    assert!(connect(&settings(&right), limits()).is_ok());
}

fn forgotten_scripts() {
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    let challenge = begin(&guard, &email("ann"), now);
    let _: String = server.ask("SCRIPT FLUSH");
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
}

fn broken() {
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    let challenge = begin(&guard, &email("ann"), now);
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
    let keys: Vec<String> = server.ask(RECORDS);
    let _: String = server.ask(&format!("SET {} nonsense", keys[0]));
    assert!(is_unavailable(&peek(&guard, &challenge, now)));
    assert!(is_unavailable(&right(&guard, &challenge, now)));
}

fn idle() {
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let (ann, now) = (email("ann"), now(&server));
    run(async {
        for _ in 0..3 {
            assert!(guard.admit(&request(&ann, now)).await.is_ok());
            let connected = server.info("stats", "total_connections_received");
            // As `timeout` in Redis' configuration, or a firewall, does it.
            let closed: u32 = server.ask("CLIENT KILL TYPE normal SKIPME yes");
            assert!(closed > 0);
            let mut watching = server.connect();
            let mut connections = || -> u32 {
                let info: String = ask(&mut watching, "INFO stats");
                let field = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
                field.unwrap().trim().parse().unwrap()
            };
            // Two connections are of this test.
            let before: u32 = connected.parse::<u32>().unwrap() + 2;
            for _ in 0..600 {
                if connections() > before {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(guard.admit(&request(&ann, now)).await.is_ok());
        }
    });
}

fn lonely_master() {
    let server = Server::plain();
    let guard = guard(&server.url(), limits());
    let now = now(&server);
    let challenge = begin(&guard, &email("ann"), now);
    let _: String = server.ask("CONFIG SET min-replicas-to-write 1");
    assert!(is_unavailable(&right(&guard, &challenge, now)));
    let _: String = server.ask("CONFIG SET min-replicas-to-write 0");
    assert_eq!(right(&guard, &challenge, now), Ok(Counted::Accepted { use_number: 1 }));
}

fn paused() {
    let server = Server::plain();
    let mut settings = settings(&server.url());
    settings.timeout = Duration::from_secs(2);
    let guard = connect(&settings, limits()).unwrap();
    let (ann, now) = (email("ann"), now(&server));
    let challenge = begin(&guard, &ann, now);
    let _: String = server.ask("CLIENT PAUSE 60000 WRITE");
    assert!(is_unavailable(&right(&guard, &challenge, now)));
    let _: String = server.ask("CLIENT UNPAUSE");
    // What was held back may have been counted, or may have ended with its connection; never is it counted twice.
    let after = right(&guard, &challenge, now);
    assert!(matches!(after, Ok(Counted::Accepted { .. }) | Err(AttemptRefused::Spent)), "{after:?}");
    assert_eq!(right(&guard, &challenge, now), Err(AttemptRefused::Spent));
}

fn no_redis() {
    for answer in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n", "*-7\r\n", "$99999999999\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = settings(&format!("redis://{}", listener.local_addr().unwrap()));
        settings.timeout = Duration::from_millis(300);
        let answers = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.read(&mut [0; 1024]);
            let _ = socket.write_all(answer.as_bytes());
            // Held open until the guard gives up.
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let refused = connect(&settings, limits()).unwrap_err();
        assert!(matches!(refused, StartError::Unreachable(_) | StartError::Unfit(_)), "{answer:?}: {refused}");
        answers.join().unwrap();
    }
}
