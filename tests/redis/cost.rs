//! What a decision costs: `cargo test --release --test redis -- --bench`.

use std::time::{Duration, Instant};

use countersign::guard::{Guard as _, RedisGuard};
use libtest_mimic::{Failed, Measurement, Trial};

use crate::{
    server::{self, Server},
    world::{attempt, begin, challenge, email, guard, limits, now, request, run},
};

const ROUNDS: u32 = 2_000;

pub(crate) fn trials() -> Vec<Trial> {
    let bench = |name: &str, decide: fn(&RedisGuard, &Server, u32) -> Duration| {
        let trial = Trial::bench(name, move |is_test| {
            if let Some(reason) = server::missing() {
                return Err(Failed::from(reason));
            }
            let server = Server::plain();
            let guard = guard(&server.url(), limits());
            if is_test {
                decide(&guard, &server, 2);
                return Ok(None);
            }
            decide(&guard, &server, ROUNDS / 10);
            let samples: Vec<u128> = (0..10).map(|_| (decide(&guard, &server, ROUNDS) / ROUNDS).as_nanos()).collect();
            let avg = u64::try_from(samples.iter().sum::<u128>() / 10)?;
            let spread = samples.iter().max().unwrap_or(&0) - samples.iter().min().unwrap_or(&0);
            Ok(Some(Measurement { avg, variance: u64::try_from(spread)? }))
        });
        trial.with_ignored_flag(server::missing().is_some())
    };
    vec![
        bench("cost_of_admit", admits),
        bench("cost_of_peek", peeks),
        bench("cost_of_count", counts),
        bench("cost_of_ping", pings),
    ]
}

fn admits(guard: &RedisGuard, server: &Server, rounds: u32) -> Duration {
    let (ann, now) = (email("ann"), now(server));
    run(async {
        let start = Instant::now();
        for _ in 0..rounds {
            assert!(guard.admit(&request(&ann, now)).await.is_ok());
        }
        start.elapsed()
    })
}

fn peeks(guard: &RedisGuard, server: &Server, rounds: u32) -> Duration {
    let now = now(server);
    let challenge = begin(guard, &email("ann"), now);
    run(async {
        let start = Instant::now();
        for _ in 0..rounds {
            assert_eq!(guard.peek(&attempt(&challenge, now)).await, Ok(()));
        }
        start.elapsed()
    })
}

fn counts(guard: &RedisGuard, server: &Server, rounds: u32) -> Duration {
    let (ann, now) = (email("ann"), now(server));
    let id = begin(guard, &ann, now).challenge().guard.clone();
    let challenges: Vec<_> = (0..rounds).map(|_| challenge(id.clone(), &ann, now)).collect();
    run(async {
        let start = Instant::now();
        for challenge in &challenges {
            let counted = guard.count(&attempt(challenge, now), countersign::guard::Verdict::sealed(true)).await;
            assert!(counted.is_ok());
        }
        start.elapsed()
    })
}

/// A round trip by the same library in the same way, without a script.
fn pings(_: &RedisGuard, server: &Server, rounds: u32) -> Duration {
    run(async {
        let client = redis::Client::open(server.url()).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it answers");
        let start = Instant::now();
        for _ in 0..rounds {
            let _: String = redis::cmd("PING").query_async(&mut connection).await.expect("it answers");
        }
        start.elapsed()
    })
}
