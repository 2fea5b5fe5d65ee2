//! SMS to numbers that nobody redeems, as whoever asks sees it.

use super::*;
use crate::{events::testing::Kept, recipient::Channel};

fn number(number: u32) -> String {
    format!("+491512{number:07}")
}

async fn start() -> (Server, Kept) {
    let settings = [
        ("passwordless.allowed_passwordless_methods", "MOBILE"),
        ("sms.breaker_min_sent", "10"),
        ("sms.breaker_min_conversion", "20"),
        // Nobody listens there: what the breaker refuses is never asked.
        ("external_2fa.provider", "http"),
        ("external_2fa.url", "http://127.0.0.1:1/"),
        ("external_2fa.secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
    ];
    let kept = Kept::default();
    let mut server = Server::start(&settings).await;
    Arc::get_mut(&mut server.0.app).unwrap().events = kept.events();
    (server, kept)
}

impl Server {
    /// Asks for an SMS from a network of one's own, with these headers.
    async fn ask_for(&self, at: u32, headers: &[(&str, &str)]) -> Got {
        self.post_with("request/mobile/", &json!({"phone_number": number(at)}), headers).await
    }

    /// Redeems what it was answered with; the device cookie.
    async fn redeem(&self, at: u32, sent: &Got) -> String {
        let recipient = Recipient::from_canonical(Channel::Mobile, number(at));
        let envelope = sent.json()["challenge"].as_str().unwrap().to_owned();
        let keys = self.0.app.engine.keys.load();
        let challenge = keys.challenges.authenticate(UntrustedEnvelope::parse(&envelope).unwrap(), &recipient).unwrap();
        let found = self.0.app.engine.directory.lookup(&recipient).await.unwrap();
        let code = keys.challenges.code(&challenge, found.epoch()).unwrap().expose().to_owned();
        let body = json!({"phone_number": number(at), "token": code, "challenge": envelope});
        let signed_in = self.post("exchange/mobile/", &body).await;
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        signed_in.cookie("countersign_device").unwrap()
    }
}

#[tokio::test]
async fn where_few_sms_are_redeemed_strangers_get_429_without_a_puzzle_and_known_devices_pass() {
    let (server, kept) = start().await;
    let first = server.ask_for(0, &[]).await;
    let device = format!("countersign_device={}", server.redeem(0, &first).await);
    for at in 1..20 {
        assert_eq!(server.ask_for(at, &[]).await.status, 200, "{at}");
    }
    assert!(kept.take().iter().all(|event| event["type"] != "abuse.breaker_opened"));

    NOW.set(NOW.get() + 300);
    assert_eq!(server.ask_for(30, &[]).await.status, 200, "one a minute");
    let told: Vec<_> = kept.take().into_iter().filter(|event| event["type"] == "abuse.breaker_opened").collect();
    let [event] = &told[..] else { panic!("once: {told:?}") };
    let data = event["data"].as_object().unwrap();
    let names: Vec<_> = data.keys().map(String::as_str).collect();
    assert_eq!(names, ["channel", "id", "prefix"], "and of nobody");
    assert_eq!((&data["channel"], &data["prefix"]), (&json!("mobile"), &json!("+491512")));

    for at in [31, 32, 1] {
        let refused = server.ask_for(at, &[]).await;
        assert_eq!(refused.refusal(), (429, "throttled".into()), "{at}");
        assert!(refused.json().get("puzzle").is_none(), "{refused:?}");
        assert_eq!(refused.headers["retry-after"], "60");
    }
    let external = async |headers| server.post_with("external/request/", &json!({"phone_number": number(31)}), headers).await;
    let refused = external(&[]).await;
    assert_eq!(refused.refusal(), (429, "throttled".into()), "nor does a provider send them codes");
    assert!(refused.json().get("puzzle").is_none(), "{refused:?}");
    assert_eq!(server.ask_for(0, &[("cookie", &device)]).await.status, 200, "a known device");
    assert!(kept.take().iter().all(|event| event["type"] != "abuse.breaker_opened"), "told once");

    // People come back with their codes.
    NOW.set(NOW.get() + 60);
    let tried = server.ask_for(33, &[]).await;
    server.redeem(33, &tried).await;
    for at in 34..40 {
        NOW.set(NOW.get() + 60);
        let tried = server.ask_for(at, &[]).await;
        assert_eq!(tried.status, 200, "{at}: one a minute");
        server.redeem(at, &tried).await;
    }
    for at in 50..60 {
        assert_eq!(server.ask_for(at, &[]).await.status, 200, "it is closed: {at}");
    }
}
