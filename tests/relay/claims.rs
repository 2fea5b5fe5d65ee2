//! Whatever a directory may answer comes back over a relay.

use serde_json::json;

use super::{
    directory::{Directory, Then},
    start_pair,
};
use crate::harness::code_in;

/// The longest answer that is read from a directory, in bytes.
const MOST: usize = 256 << 10;

#[test]
fn a_token_with_all_the_claims_that_a_directory_may_state_is_relayed() {
    let directory = Directory::start(|call| {
        let user = |claims: &str| {
            let email = &call["value"];
            format!(r#"{{"user":{{"id":"42","email":{email},"is_active":true,"claims":{{"n":[{claims}]}}}}}}"#)
        };
        // Nothing gets longer in a token than such a number.
        let count = (MOST - user("").len() + 1) / "1e15,".len();
        let user = user(&vec!["1e15"; count].join(","));
        assert!((MOST - 5..=MOST).contains(&user.len()));
        Then::Answer(user)
    });
    let ([stranger, owner], email) = start_pair(&directory.settings());
    let answer = stranger.post("request/email/", &json!({"email": email}));
    let code = code_in(&owner.wait_for_mail(&email, 0));
    let body = json!({"email": email, "token": code, "challenge": answer.json()["challenge"]});
    let signed_in = stranger.post("exchange/email/", &body);
    assert_eq!(signed_in.status, 200, "{:?}", signed_in.headers);
    let length = signed_in.json()["access"].as_str().unwrap().len();
    assert!(length > 4 * MOST, "{length}: numbers and base64 make it longer");
}
