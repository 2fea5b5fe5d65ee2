//! The oracles of the fuzz targets, as property tests.
#![cfg(feature = "mobile")]

#[path = "../fuzz/oracles.rs"]
mod oracles;

use proptest::{collection::vec, prelude::*};

/// Edits, few or many, or what a client might send.
fn inputs(like: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..5),
        vec(any::<u8>(), 0..40),
        like.prop_map(String::into_bytes),
        ".{0,100}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..500),
    ]
}

const TOKEN: &str = "(v4\\.(public|local)\\.)?[A-Za-z0-9_-]{0,300}(\\.[A-Za-z0-9_-]{0,300}){0,3}";

proptest! {
    #[test]
    fn access(input in inputs(TOKEN)) {
        oracles::access(&input);
    }

    #[test]
    fn device(input in inputs("AS[A-Za-z0-9_-]{66}")) {
        oracles::device(&input);
    }

    #[test]
    fn email(input in inputs("[a-z.+]{1,10}@[a-zäéσß.-]{1,20}\\.[a-z]{2,5}")) {
        oracles::email(&input);
    }

    #[test]
    fn envelope(input in inputs(TOKEN)) {
        oracles::envelope(&input);
    }

    #[test]
    fn link(input in inputs(TOKEN)) {
        oracles::link(&input);
    }

    #[test]
    fn phone(input in inputs("(tel:)?\\+?[0-9 ().-]{3,20}(;ext=[0-9]+| ?x[0-9]+|;phone-context=\\+[0-9]{1,3})?")) {
        oracles::phone(&input);
    }

    #[test]
    fn puzzle(input in inputs("\\{\"algorithm\":\"SHA-256\",\"number\":[0-9]{1,3}\\}")) {
        oracles::puzzle(&input);
    }

    #[test]
    fn refresh(input in inputs(TOKEN)) {
        oracles::refresh(&input);
    }

    #[test]
    fn relay(input in inputs("[ -~]{0,100}")) {
        oracles::relay(&input);
    }

    #[test]
    fn return_to(input in inputs("(https?://|//|javascript:)?([a-z]{0,5}[.@:\\\\%/?#]){0,3}(app\\.)?example\\.com[:/?#@a-z0-9.%-]{0,20}")) {
        oracles::return_to(&input);
    }

    #[test]
    fn session(input in inputs("AY[A-Za-z0-9_-]{100,300}")) {
        oracles::session(&input);
    }

    #[test]
    fn user_agent(input in inputs("(Mozilla/5\\.0 )?\\((X11; Linux|iPhone|Windows)[;)] (Chrome|Firefox|Edg)/[0-9.]{0,8}")) {
        oracles::user_agent(&input);
    }

    #[test]
    fn webhook(input in inputs("\\{\"data\":\\{\"event_type\":\"verify\\.(sent|failed)\",\"id\":\"[ -!#-\\[]{0,9}\",\"payload\":\\{\"id\":\"[ -!#-\\[]{0,9}\"\\}\\}\\}")) {
        oracles::webhook(&input);
    }
}
