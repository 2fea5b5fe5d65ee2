//! What became of a challenge, and who is told.

use countersign::{
    challenge::{GuardId, UntrustedLink},
    engine::{CompleteError, State},
    recipient::{Channel, Recipient},
};

use super::desk::{ATTEMPTS, Desk, ann, now, wrong};
use crate::given::NOW;

#[test]
fn a_status_tells_what_became_of_a_challenge_and_leaves_no_trace() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    let of_link = |at| now(desk.engine.status_of_link(UntrustedLink::parse(&link).unwrap(), at)).map(|status| status.state);
    let of_envelope = |at| -> Result<State, CompleteError> {
        let status = now(desk.engine.status_of_envelope(&begun.envelope, &ann(), at))?;
        assert_eq!(status.recipient, ann());
        Ok(status.state)
    };
    let both = |state| assert_eq!((of_link(NOW), of_envelope(NOW)), (Ok(state), Ok(state)));
    both(State::Open);
    for _ in 0..ATTEMPTS {
        let _ = desk.redeem(&begun.envelope, &wrong(&code));
    }
    let (counted, lookups) = (desk.counted(), desk.engine.directory.lookups.get());
    both(State::Open);
    assert_eq!((of_link(NOW.plus(600)), of_envelope(NOW.plus(600))), (Ok(State::Expired), Ok(State::Expired)));
    assert_eq!((desk.counted(), desk.engine.directory.lookups.get()), (counted, lookups));
    assert!(desk.redeem_link(&link).is_ok());
    both(State::Spent);
    assert_eq!(desk.engine.outbox.dispatches.borrow().len(), 1);
}

#[test]
fn a_status_is_told_to_whoever_holds_the_challenge_and_nobody_else() {
    let desk = Desk::new();
    let begun = desk.begin();
    let link = desk.last_message().1;
    let bob = Recipient::parse_email("bob@example.com").unwrap();
    for (envelope, recipient) in [(&*begun.envelope, &bob), (&begun.envelope[..begun.envelope.len() / 2], &ann()), ("", &ann())] {
        assert_eq!(now(desk.engine.status_of_envelope(envelope, recipient, NOW)), Err(CompleteError::FORGED));
    }
    let forged = link.replace("v4.local.", "v4.local.A");
    let forged = UntrustedLink::parse(&forged).unwrap();
    assert_eq!(now(desk.engine.status_of_link(forged, NOW)), Err(CompleteError::FORGED));

    let mut elsewhere = Desk::with(|policy| policy.channels = vec![Channel::Mobile]);
    let status = |desk: &Desk| now(desk.engine.status_of_link(UntrustedLink::parse(&link).unwrap(), NOW));
    assert_eq!(status(&elsewhere), Err(CompleteError::MethodDisabled));
    elsewhere.engine.policy.channels = vec![Channel::Email];
    elsewhere.engine.guard.id = GuardId::new("other.0123456789abcdef").unwrap();
    assert_eq!(status(&elsewhere), Err(CompleteError::Misdirected(desk.engine.guard.id.clone())));
}
