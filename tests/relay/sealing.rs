//! What a node seals and opens, by the fleet's secret.

use std::net::Ipv4Addr;

use countersign::{
    challenge::{Alphabet, Challenge, ChallengeId, Challenges, CodeFormat, GuardId, Use},
    fleet::{
        Exchange, Homes, HomesId, Incarnation, RelayedRequest, Relays, Reply, Target,
        batch::{Answers, LONGEST_REPLY, Missing, push_request},
    },
    keyring::{EnvelopeFormat, Keyring},
    network::Client,
    recipient::{Channel, Recipient},
    time::UnixTime,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::{Value, json};

use super::{OWNER, STRANGER};
use crate::harness::{Answer, Server, fleet::ISSUER};

/// The second that the nodes' clocks show.
#[allow(clippy::disallowed_methods, reason = "the servers under test read the same clock")]
pub(super) fn now() -> UnixTime {
    UnixTime::from_seconds(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

/// With the secret of every server that the harness starts.
pub(super) fn keyring() -> Keyring {
    Keyring::new([(0..32).collect::<Vec<u8>>()]).unwrap()
}

pub(super) fn relays() -> Relays {
    Relays::new(&keyring())
}

/// A request, sealed as another node would at `sent`, and what opens its reply.
pub(super) fn seal(seed: u64, boot: Option<Incarnation>, sent: UnixTime, request: &RelayedRequest) -> (Vec<u8>, Exchange) {
    relays().seal(request, boot, sent, &mut ChaCha8Rng::seed_from_u64(seed))
}

/// Of a client somewhere.
pub(super) fn relayed(target: Target, path: &str, body: &Value) -> RelayedRequest {
    RelayedRequest {
        target,
        sender: STRANGER.into(),
        homes: homes(),
        client: Client::at(Ipv4Addr::new(192, 0, 2, 1).into()),
        method: "POST".into(),
        path: format!("/passwordless/{path}").into(),
        headers: vec![("content-type".into(), (*b"application/json").into())],
        body: body.to_string().into_bytes().into(),
    }
}

/// The list of nodes of a node that [`start_node`](super::start_node) starts: itself.
pub(super) fn homes() -> HomesId {
    Homes::new(ISSUER, [OWNER]).id()
}

/// A request for a code at its recipient's home.
pub(super) fn code_for(node: &str, email: &str) -> RelayedRequest {
    relayed(Target::Home(node.into()), "request/email/", &json!({"email": email}))
}

/// The envelope of a challenge that `guard` made.
pub(super) fn envelope(id: u8, guard: GuardId, email: &str) -> String {
    let challenge = Challenge {
        id: ChallengeId::from_random([id; 16]),
        issued_at: now(),
        expires_at: now().plus(600),
        usage: Use::CODE,
        channel: Channel::Email,
        format: CodeFormat::new(Alphabet::Numeric, 6),
        guard,
        binding: None,
    };
    let challenges = Challenges::new(&keyring(), ISSUER, EnvelopeFormat::EdDsa);
    challenges.sign(&challenges.seal(challenge, Recipient::parse_email(email).unwrap()))
}

pub(super) fn batch(sealed: &[&[u8]]) -> Vec<u8> {
    let mut batch = Vec::new();
    for sealed in sealed {
        push_request(&mut batch, sealed);
    }
    batch
}

pub(super) fn post(server: &Server, batch: &[u8]) -> Answer {
    server.connect().request("POST", "/passwordless/relay", &[], batch)
}

/// By position: the reply, or the status of a refusal.
pub(super) fn replies(answer: &Answer, exchanges: &[&Exchange]) -> Vec<Result<Reply, u16>> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut answers = Answers::new(exchanges.len(), LONGEST_REPLY);
    answers.arrive(&answer.body);
    let mut replies = vec![Err(0); exchanges.len()];
    while let Some(answer) = answers.next_answer().unwrap() {
        let opened = |sealed: &[u8]| exchanges[answer.position].open(sealed).unwrap().1;
        replies[answer.position] = answer.sealed.map(opened).map_err(|missing| match missing {
            Missing::Refused(status) => status,
            Missing::TooLong => panic!("too long"),
        });
    }
    assert!(answers.are_all_there());
    replies
}

/// What a node answers that is asked alone.
pub(super) fn ask(server: &Server, (sealed, exchange): &(Vec<u8>, Exchange)) -> Result<Reply, u16> {
    let answer = post(server, &batch(&[sealed]));
    if answer.status == 200 { replies(&answer, &[exchange]).remove(0) } else { Err(answer.status) }
}

/// The boot that a node tells.
pub(super) fn boot_of(server: &Server, node: &str) -> Incarnation {
    match ask(server, &seal(u64::MAX, None, now(), &code_for(node, "nobody@example.com"))) {
        Ok(Reply::Stale(boot)) => boot,
        other => panic!("{other:?}"),
    }
}

/// The status of an answer.
pub(super) fn status(reply: &Result<Reply, u16>) -> u16 {
    match reply {
        Ok(Reply::Answer(answer)) => answer.status,
        Ok(Reply::Stale(_) | Reply::Leaving) => panic!("nothing was done"),
        Err(status) => *status,
    }
}
