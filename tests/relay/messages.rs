//! A message says the same wherever its request arrived.

use serde_json::json;

use super::start_pair;

#[test]
fn the_language_and_the_browser_of_a_relayed_request_are_those_of_its_client() {
    let ([stranger, owner], email) = start_pair(&[]);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let headers = [("accept-language", "it-CH, de;q=0.5"), ("user-agent", agent)];
    assert_eq!(stranger.post_with("request/email/", &headers, &json!({"email": email})).status, 200);
    let mail = owner.wait_for_mail(&email, 0);
    assert!(mail.contains("Subject: Accesso a example.com\r\n") && mail.contains("Browser: Firefox su Linux\r\n"), "{mail}");
}
