//! Codes, links and envelopes: what signs in, what is counted, and what is refused.

use countersign::{
    challenge::{Alphabet, Binding, CodeFormat, GuardId, UntrustedLink},
    engine::{BeginError, Begun, ByCode, ByLink, CompleteError},
    guard::RequestRefused,
    recipient::{Channel, Recipient},
};

use super::desk::{Desk, ann, invalid, wrong};
use crate::given::NOW;

#[test]
fn a_code_signs_in_once() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    assert!(desk.redeem(&begun.envelope, &code).is_ok());
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
    assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::Spent, "code and link are one challenge");
}

#[test]
fn a_link_signs_in_once_and_spends_the_code() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    assert!(desk.redeem_link(&link).is_ok());
    assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::Spent);
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
}

#[test]
fn wrong_codes_are_counted_and_never_end_the_link() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    for left in [2, 1, 0] {
        assert_eq!(desk.redeem(&begun.envelope, &wrong(&code)).unwrap_err(), invalid(left));
    }
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Exhausted);
    assert!(desk.redeem_link(&link).is_ok());
}

#[test]
fn another_recipients_envelope_is_forged_and_nothing_is_counted() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    let bob = Recipient::parse_email("bob@example.com").unwrap();
    let presented = ByCode { recipient: bob.clone(), envelope: &begun.envelope, code: &code };
    assert_eq!(desk.complete(presented, None, NOW).unwrap_err(), invalid(None));
    assert_eq!(desk.resend(bob, &begun.envelope, NOW).unwrap_err(), BeginError::Envelope(invalid(None)));
    assert_eq!((desk.counted(), desk.engine.outbox.dispatches.borrow().len()), (0, 1));
}

#[test]
fn a_link_with_another_recipient_beside_it_is_refused() {
    let desk = Desk::new();
    desk.begin();
    let (_, link) = desk.last_message();
    let bob = Recipient::parse_email("bob@example.com").unwrap();
    let link = UntrustedLink::parse(&link).unwrap();
    let presented = |recipient| ByLink { recipient: Some(recipient), link };
    assert_eq!(desk.complete(presented(bob), None, NOW).unwrap_err(), invalid(None));
    assert!(desk.complete(presented(ann()), None, NOW).is_ok());
}

#[test]
fn a_challenge_ends_with_its_second() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    let end = NOW.plus(600);
    let presented = || ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
    assert_eq!(desk.complete(presented(), None, end).unwrap_err(), CompleteError::Expired);
    let by_link = ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
    assert_eq!(desk.complete(by_link, None, end).unwrap_err(), CompleteError::Expired);
    assert!(desk.complete(presented(), None, end.minus(1)).is_ok());
}

#[test]
fn a_code_of_an_older_envelope_opens_only_that_one() {
    let desk = Desk::new();
    let older = desk.begin();
    let (code, _) = desk.last_message();
    let newer = desk.begin();
    assert_eq!(desk.redeem(&newer.envelope, &code).unwrap_err(), invalid(2));
    assert!(desk.redeem(&older.envelope, &code).is_ok());
}

#[test]
fn a_resend_carries_the_same_code_and_counts_as_a_request() {
    let desk = Desk::new();
    let begun = desk.begin();
    let first = desk.last_message().0;
    let resent = desk.resend(ann(), &begun.envelope, NOW.plus(60)).unwrap();
    assert_eq!(desk.last_message().0, first);
    assert_eq!(resent.challenge().expires_at, NOW.plus(600), "the lifetime is not renewed");
    assert_eq!(desk.engine.guard.admitted.get(), 2);
    assert!(desk.redeem(&begun.envelope, &first).is_ok());
    assert_eq!(desk.resend(ann(), &begun.envelope, NOW).unwrap_err(), BeginError::Envelope(CompleteError::Spent));
}

#[test]
fn a_bound_challenge_needs_its_verifier_on_every_path() {
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let desk = Desk::new();
    let binding = Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let begun = desk.try_begin(ann(), binding).unwrap();
    let (code, link) = desk.last_message();
    let by_code = || ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
    let by_link = || ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
    assert_eq!(desk.complete(by_code(), None, NOW).unwrap_err(), invalid(2), "counted");
    assert_eq!(desk.complete(by_code(), Some(&"a".repeat(43)), NOW).unwrap_err(), invalid(1), "counted");
    assert_eq!(desk.complete(by_link(), None, NOW).unwrap_err(), invalid(None));
    assert!(desk.complete(by_link(), Some(VERIFIER), NOW).is_ok());
}

#[test]
fn inline_delivery_that_fails_gives_the_request_back() {
    let desk = Desk::new();
    desk.engine.outbox.fails.set(true);
    assert_eq!(desk.try_begin(ann(), None).unwrap_err(), BeginError::DeliveryFailed);
    assert_eq!(desk.engine.guard.withdrawn.get(), 1);
}

#[test]
fn a_full_outbox_is_noticed_before_anybody_is_asked() {
    let desk = Desk::new();
    desk.engine.outbox.is_full.set(true);
    assert!(matches!(desk.try_begin(ann(), None), Err(BeginError::Refused(RequestRefused::Unavailable(_)))));
    assert_eq!((desk.engine.guard.admitted.get(), desk.engine.directory.lookups.get()), (0, 0));
}

#[test]
fn another_guards_challenge_is_misdirected() {
    let (here, there) = (Desk::new(), Desk::new());
    let begun = there.begin();
    let (code, link) = there.last_message();
    let mut here = here;
    here.engine.guard.id = GuardId::new("node.fedcba9876543210").unwrap();
    let owner = CompleteError::Misdirected(GuardId::new("node.0123456789abcdef").unwrap());
    assert_eq!(here.redeem(&begun.envelope, &code).unwrap_err(), owner);
    assert_eq!(here.redeem_link(&link).unwrap_err(), owner);
    assert_eq!((here.counted(), here.engine.directory.lookups.get()), (0, 0));
}

#[test]
fn a_method_that_is_not_allowed_is_refused_on_every_path() {
    let elsewhere = Desk::new();
    let begun = elsewhere.begin();
    let (code, link) = elsewhere.last_message();
    let desk = Desk::with(|policy| policy.channels = vec![Channel::Mobile]);
    assert_eq!(desk.try_begin(ann(), None).unwrap_err(), BeginError::MethodDisabled);
    assert_eq!(desk.resend(ann(), &begun.envelope, NOW).unwrap_err(), BeginError::MethodDisabled);
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::MethodDisabled);
    assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::MethodDisabled);
}

#[test]
fn the_long_code_of_a_browser_bound_link_is_no_guess_and_the_short_one_still_works() {
    let long = CodeFormat::new(Alphabet::new("abcdefghijklmnopqrstuvwxyz0123456789").unwrap(), 64).unwrap();
    let desk = Desk::with(|policy| policy.browser_link = Some(long.clone()));
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    let of = |begun: &Begun| desk.engine.keys.load().challenges.long_code(&begun.challenge, "e1", &long).expose().to_owned();
    assert_eq!(desk.redeem(&begun.envelope, &"a".repeat(64)).unwrap_err(), invalid(None), "not counted as a guess");
    assert_eq!(desk.redeem(&begun.envelope, &wrong(&code)).unwrap_err(), invalid(2));
    assert!(desk.redeem(&begun.envelope, &of(&begun)).is_ok());
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
    let other = desk.begin();
    assert!(desk.redeem(&other.envelope, &desk.last_message().0).is_ok());
}
