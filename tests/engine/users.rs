//! Whom the directory lets in, and what its word for them ends.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use countersign::{
    delivery::Fate,
    engine::{BeginError, ByCode, Complete, CompleteError, RefreshError},
    guard::RequestRefused,
    unavailable::Unavailable,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use super::desk::{Desk, ann, caller, invalid, now, user, wrong};
use crate::given::NOW;

#[test]
fn a_directory_that_fails_costs_nothing() {
    let desk = Desk::new();
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    desk.engine.directory.is_down.set(true);
    let unavailable = Unavailable::for_seconds(5);
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Unavailable(unavailable));
    let refused = BeginError::Refused(RequestRefused::Unavailable(unavailable));
    assert_eq!(desk.try_begin(ann(), None).unwrap_err(), refused);
    assert_eq!((desk.counted(), desk.engine.guard.withdrawn.get()), (0, 1));
    desk.engine.directory.is_down.set(false);
    assert!(desk.redeem(&begun.envelope, &code).is_ok());
}

#[test]
fn unknown_inactive_and_admin_users_get_an_envelope_that_no_code_opens() {
    for change in ["unknown", "inactive", "staff", "superuser", "other address"] {
        let desk = Desk::new();
        let mut ann = user("42", "ann@example.com");
        match change {
            "inactive" => ann.is_active = false,
            "staff" => ann.is_staff = true,
            "superuser" => ann.is_superuser = true,
            "other address" => ann.email = Some("ann@exämple.com".into()),
            _ => {}
        }
        desk.engine.directory.known.borrow_mut().remove("ann@example.com");
        if change != "unknown" {
            desk.engine.directory.known.borrow_mut().insert("ann@example.com".into(), ann);
        }
        let begun = desk.begin();
        let (code, link) = desk.last_message();
        assert_eq!(desk.last_fate(), Fate::Drop, "{change}");
        assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), invalid(2), "{change}");
        assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None), "{change}");
    }
}

#[test]
fn admins_may_log_in_where_the_rules_say_so() {
    let desk = Desk::with(|policy| policy.allows_admins = true);
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_staff = true;
    let begun = desk.begin();
    assert!(desk.redeem(&begun.envelope, &desk.last_message().0).is_ok());
}

#[test]
fn a_message_goes_to_the_stored_address() {
    let desk = Desk::new();
    desk.begin();
    assert_eq!((desk.last_fate(), desk.last_address().as_str()), (Fate::Send, "Ann@Example.com"));
}

#[test]
fn an_epoch_that_changes_ends_codes_links_and_sessions() {
    let desk = Desk::new();
    let session = {
        let begun = desk.begin();
        desk.redeem(&begun.envelope, &desk.last_message().0).unwrap()
    };
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    let refresh = || now(desk.engine.refresh(&session.tokens().unwrap().refresh, NOW, &mut *desk.random.borrow_mut()));
    assert!(refresh().is_ok());
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().epoch = "e2".into();
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), invalid(2));
    assert_eq!(desk.redeem_link(&link).unwrap_err(), invalid(None));
    assert_eq!(refresh().unwrap_err(), RefreshError::Invalid);
}

#[test]
fn refreshing_asks_the_directory_again() {
    let desk = Desk::new();
    let begun = desk.begin();
    let session = desk.redeem(&begun.envelope, &desk.last_message().0).unwrap();
    let refresh = |at| now(desk.engine.refresh(&session.tokens().unwrap().refresh, at, &mut *desk.random.borrow_mut()));
    assert!(refresh(NOW.plus(86_399)).is_ok());
    assert_eq!(refresh(NOW.plus(86_400)).unwrap_err(), RefreshError::Invalid, "the end is absolute");
    desk.engine.directory.is_down.set(true);
    assert_eq!(refresh(NOW).unwrap_err(), RefreshError::Unavailable(Unavailable::for_seconds(5)));
    desk.engine.directory.is_down.set(false);
    desk.engine.directory.known.borrow_mut().get_mut("ann@example.com").unwrap().is_active = false;
    assert_eq!(refresh(NOW).unwrap_err(), RefreshError::Invalid);
}

#[test]
fn registration_happens_when_the_recipient_is_proved_and_not_before() {
    let desk = Desk::with(|policy| policy.registers = true);
    desk.engine.directory.known.borrow_mut().clear();
    let begun = desk.begin();
    let (code, _) = desk.last_message();
    assert_eq!((desk.last_fate(), desk.last_address().as_str()), (Fate::Send, "ann@example.com"));
    assert_eq!(desk.redeem(&begun.envelope, &wrong(&code)).unwrap_err(), invalid(2));
    assert_eq!(desk.engine.directory.registered.get(), 0);

    desk.engine.directory.is_closed.set(true);
    let unavailable = CompleteError::Unavailable(Unavailable::for_seconds(5));
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), unavailable);
    desk.engine.directory.is_closed.set(false);
    assert!(desk.redeem(&begun.envelope, &code).is_ok(), "a registration that fails gives the use back");
    assert_eq!(desk.engine.directory.registered.get(), 1);
}

#[test]
fn whoever_goes_away_while_they_are_registered_keeps_their_code() {
    let desk = Desk::with(|policy| policy.registers = true);
    desk.engine.directory.known.borrow_mut().clear();
    let begun = desk.begin();
    let (code, link) = desk.last_message();
    desk.engine.directory.is_slow.set(true);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let by_code = ByCode { recipient: ann(), envelope: &begun.envelope, code: &code };
    {
        let mut login = pin!(desk.engine.complete(Complete::new(by_code, caller()), NOW, &mut random));
        assert!(login.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(desk.redeem_link(&link).unwrap_err(), CompleteError::Spent, "the use is taken meanwhile");
    }
    desk.engine.directory.is_slow.set(false);
    assert!(desk.redeem(&begun.envelope, &code).is_ok());
    assert_eq!(desk.redeem(&begun.envelope, &code).unwrap_err(), CompleteError::Spent);
}
