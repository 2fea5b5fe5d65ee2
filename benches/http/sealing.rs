//! What it costs to seal and open a relayed exchange and its reply, both nodes together.

use std::hint::black_box;

use countersign::{
    challenge::GuardId,
    fleet::{Homes, Incarnation, RelayedAnswer, RelayedRequest, Relays, Reply, Target, UntrustedRequest},
    keyring::Keyring,
    network::Client,
    time::UnixTime,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{EXCHANGE, client::Answer, fastest};

/// Microseconds for a request with a body of so many bytes, and this answer.
pub(crate) fn time(body: usize, answer: &Answer) -> f64 {
    let relays = Relays::new(&Keyring::new([vec![7; 32]]).expect("one secret of 32 bytes"));
    let now = UnixTime::from_seconds(1_800_000_000);
    let node = "127.0.0.2";
    let homes = Homes::new("issuer", ["node"]).id();
    let request = RelayedRequest {
        target: Target::Guard(GuardId::new(format!("{node}.00112233445566778899aabb")).expect("a guard id")),
        sender: "node".into(),
        homes,
        client: Client::at([127, 0, 0, 1].into()),
        method: "POST".into(),
        path: EXCHANGE.into(),
        headers: vec![("content-type".into(), (*b"application/json").into())],
        body: vec![b'x'; body].into(),
    };
    let headers = answer.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let answer = Reply::Answer(RelayedAnswer {
        status: 200,
        headers: headers.map(|(name, value)| (name.into(), value.as_bytes().into())).collect(),
        body: answer.body.clone().into(),
    });
    let boot = Incarnation::from_random([3; Incarnation::BYTES]);
    let mut random = ChaCha8Rng::from_seed([1; 32]);
    fastest(|| {
        let (sealed, exchange) = relays.seal(black_box(&request), Some(boot), now, &mut random);
        black_box(relays.open(UntrustedRequest::new(&sealed), node, now).expect("it is for that node"));
        let sealed = exchange.seal(homes, black_box(&answer), &mut random);
        black_box(exchange.open(&sealed).expect("it is this exchange's"));
    })
}
