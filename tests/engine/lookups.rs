//! How often the directory is asked, whoever tries what.

use countersign::{
    challenge::{Alphabet, Binding, CodeFormat, UntrustedLink},
    engine::{Begin, BeginError, ByCode, ByLink, Complete, CompleteError},
    user::User,
};

use super::{
    desk::{ATTEMPTS, Desk, ann, caller, invalid, now},
    ways::BySignature,
};
use crate::given::NOW;

/// Asks the directory how often?
fn lookups(desk: &Desk, act: impl FnOnce()) -> u32 {
    let before = desk.engine.directory.lookups.get();
    act();
    desk.engine.directory.lookups.get() - before
}

#[test]
fn an_exhausted_envelope_never_reaches_the_directory() {
    let desk = Desk::new();
    let begun = desk.begin();
    for _ in 0..ATTEMPTS {
        let _ = desk.redeem(&begun.envelope, "x");
    }
    let lookups = desk.engine.directory.lookups.get();
    assert_eq!(desk.redeem(&begun.envelope, "x").unwrap_err(), CompleteError::Exhausted);
    assert_eq!(desk.engine.directory.lookups.get(), lookups);
}

#[test]
fn a_wrong_verifier_asks_no_directory() {
    let desk = Desk::new();
    let binding = Binding::from_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let begun = desk.try_begin(ann(), binding).unwrap();
    let (code, link) = desk.last_message();
    let lookups = desk.engine.directory.lookups.get();
    let wrong = "a".repeat(43);
    for verifier in [None, Some(wrong.as_str())] {
        for _ in 0..500 {
            let by_link = ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
            assert_eq!(desk.complete(by_link, verifier, NOW).unwrap_err(), invalid(None));
        }
    }
    assert_eq!(desk.counted(), 0, "links count nothing");
    for left in [2, 1, 0] {
        let by_code = ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
        assert_eq!(desk.complete(by_code, Some(&wrong), NOW).unwrap_err(), invalid(left));
    }
    assert_eq!(desk.engine.directory.lookups.get(), lookups);
}

#[test]
fn wrong_long_codes_ask_the_directory_seldom_and_never_end_the_link() {
    let long = CodeFormat::new(Alphabet::new("abcdefghijklmnopqrstuvwxyz0123456789").unwrap(), 64).unwrap();
    let desk = Desk::with(|policy| policy.browser_link = Some(long.clone()));
    let begun = desk.begin();
    let asked = lookups(&desk, || {
        for _ in 0..500 {
            assert_eq!(desk.redeem(&begun.envelope, &"a".repeat(64)).unwrap_err(), invalid(None));
        }
    });
    assert_eq!(asked, 1);
    let later = NOW.plus(60);
    let again = ByCode { recipient: ann(), envelope: &begun.envelope, code: &"b".repeat(64) };
    assert_eq!(
        lookups(&desk, || assert!(desk.complete(again, None, later).is_err())),
        1,
        "what was said a minute ago is forgotten"
    );
    let right = desk.engine.keys.load().challenges.long_code(&begun.challenge, "e1", &long).expose().to_owned();
    assert!(desk.redeem(&begun.envelope, &right).is_ok());
}

#[test]
fn links_that_open_nothing_ask_the_directory_seldom() {
    let desk = Desk::new();
    desk.begin();
    let link = desk.last_message().1;
    let change = |change: fn(&mut User)| change(desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap());
    let many = || {
        lookups(&desk, || {
            for _ in 0..500 {
                assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None));
            }
        })
    };
    change(|ann| ann.is_active = false);
    assert_eq!(many(), 1);
    change(|ann| (ann.is_active, ann.epoch) = (true, "e2".into()));
    assert_eq!(many(), 0, "for a few seconds the last answer is believed against somebody");
    let by_link = || ByLink { recipient: None, link: UntrustedLink::parse(&link).unwrap() };
    assert_eq!(lookups(&desk, || assert!(desk.complete(by_link(), None, NOW.plus(10)).is_err())), 1);
    change(|ann| ann.epoch = "e1".into());
    assert!(desk.complete(by_link(), None, NOW.plus(20)).is_ok());
}

#[test]
fn what_was_kept_is_never_believed_for_somebody() {
    let desk = Desk::new();
    let begun = desk.begin();
    let link = desk.last_message().1;
    let by_signature = BySignature { envelope: &begun.envelope, signed_epoch: "e0" };
    assert_eq!(desk.complete(by_signature, None, NOW).unwrap_err(), invalid(None));
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_active = false;
    assert_eq!(lookups(&desk, || assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None))), 1);
}

#[test]
fn a_browser_that_says_it_is_known_asks_the_directory_no_oftener_than_others() {
    let desk = Desk::new();
    let begun = desk.begin();
    let cookie = desk.redeem(&begun.envelope, &desk.last_message().0).unwrap().device_cookie;
    let cookies = [&*cookie];
    let begin = || {
        let caller = caller().with_device_cookies(&cookies);
        now(desk.engine.begin(Begin::new(ann(), caller), NOW, &mut *desk.random.borrow_mut()))
    };
    let asked = lookups(&desk, || assert!(begin().is_ok()));
    assert_eq!(asked, 1);
    desk.engine.guard.refuses.set(true);
    let asked = lookups(&desk, || (0..500).for_each(|_| assert!(matches!(begin(), Err(BeginError::Refused(_))))));
    assert_eq!(asked, 1, "requests that are refused ask once");

    desk.engine.guard.refuses.set(false);
    let begun = begin().unwrap();
    desk.engine.guard.is_exhausted.set(true);
    let attempt = || {
        let by_code = ByCode { recipient: ann(), envelope: &begun.envelope, code: "1" };
        let complete = Complete::new(by_code, caller().with_device_cookies(&cookies));
        now(desk.engine.complete(complete, NOW.plus(60), &mut *desk.random.borrow_mut())).unwrap_err()
    };
    let asked = lookups(&desk, || (0..500).for_each(|_| assert_eq!(attempt(), CompleteError::Exhausted)));
    assert_eq!(asked, 1, "so do attempts whose budget is used up");
}
