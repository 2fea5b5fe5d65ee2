//! Which cookie counts, and how long: several cookies, the session's end, its rechecks, rotated secrets.

use super::*;

#[tokio::test]
async fn of_several_cookies_the_one_that_lives_counts_and_of_two_different_ones_none() {
    let server = start(&[]).await;
    let (anns, eves) = (server.session(ANN).await, server.session("eve@example.com").await);
    let second = server.session(ANN).await;
    let elsewhere = {
        let other = start(&[("keyring.secrets", "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8")]).await;
        other.session(ANN).await
    };
    let issuer = start(&[("tokens.issuer", "https://other.example")]).await.session(ANN).await;
    for dead in ["zz", "AYoLnFyim", &elsewhere, &issuer, &anns[..anns.len() - 1], "é"] {
        assert_eq!(server.status_of(&[dead]).await, 401, "{dead}");
        assert_eq!(server.status_of(&[dead, &anns]).await, 200, "{dead}");
        assert_eq!(server.status_of(&[&anns, dead]).await, 200, "{dead}");
    }
    assert_eq!(server.status_of(&[&anns, &anns]).await, 200, "the same one twice");
    assert_eq!(server.status_of(&[&anns, &eves]).await, 401, "nobody is moved into another's session");
    assert_eq!(server.status_of(&[&eves, &anns]).await, 401);
    assert_eq!(server.status_of(&[&anns, &second]).await, 401);
    let got = server.sign_out(&format!("{anns}; {COOKIE_NAME}={eves}"), &json!({}), &[]).await;
    assert!((got.status, got.json()) == (200, json!({})) && are_cleared(&got));
    assert_eq!(
        (server.status_of(&[&anns]).await, server.status_of(&[&eves]).await),
        (200, 200),
        "none counted, so none was ended"
    );
    server.sign_out(&eves, &json!({}), &[]).await;
    assert_eq!(server.status_of(&[&anns, &eves]).await, 200, "an ended one doesn't live");
}

#[tokio::test]
async fn a_sibling_host_that_tosses_many_cookies_moves_nobody_into_its_session() {
    let server = start(&[]).await;
    let (anns, eves) = (server.session(ANN).await, server.session("eve@example.com").await);
    let junk: Vec<_> = (0..50).map(|number| format!("{number}{}", &eves[2..])).collect();
    let tossed: Vec<_> = junk.iter().map(String::as_str).chain([&*eves]).collect();
    assert_eq!(server.status_of(&[&tossed[..], &[&anns]].concat()).await, 401);
    let junk_alone: Vec<_> = junk.iter().map(String::as_str).chain([&*anns]).collect();
    assert_eq!(server.status_of(&junk_alone).await, 200, "what doesn't open is skipped");
}

#[tokio::test]
async fn a_session_ends_at_its_end_and_at_todays_lifetime_if_that_is_sooner() {
    let server = start(&[("session.lifetime", "3600")]).await;
    let value = server.session(ANN).await;
    let shorter = start(&[("session.lifetime", "60")]).await;
    assert_eq!(shorter.status_of(&[&value]).await, 200);
    pass(59);
    assert_eq!(shorter.status_of(&[&value]).await, 200);
    pass(1);
    assert_eq!(shorter.status_of(&[&value]).await, 401);
    assert_eq!(server.status_of(&[&value]).await, 200);
    pass(3_540);
    assert_eq!(server.status_of(&[&value]).await, 401);
}

#[tokio::test]
async fn a_session_that_was_ended_while_sessions_were_short_stays_ended_when_they_are_long_again() {
    let long = start(&[("session.lifetime", "604800"), ("tokens.refresh_lifetime", "604800")]).await;
    let short = start(&[("session.lifetime", "60"), ("tokens.refresh_lifetime", "60")]).await;
    let value = long.session(ANN).await;
    let refresh = long.log_in(ANN, &json!({ "session": false }), &[]).await.json()["refresh"].clone();
    let engine = &short.0.app.engine;
    let now = UnixTime::from_seconds(NOW.get());
    let session = engine.session_of_cookies(&[&value], now).await.unwrap();
    assert_eq!((session.ends_at, session.made_until), (now.plus(60), now.plus(604_800)));
    let opened = engine.keys.load().sessions.open_refresh(refresh.as_str().unwrap(), now).unwrap().session;
    assert_eq!((opened.ends_at, opened.made_until), (now.plus(60), now.plus(604_800)));
    short.sign_out(&value, &json!({}), &[]).await;
    short.post("token/revoke/", &json!({ "token": refresh })).await;
    pass(600_000);
    for session in [session, opened] {
        let id = session.id.to_text();
        let facts = crate::ended::SessionFacts::of(&session, &id);
        let later = UnixTime::from_seconds(NOW.get());
        let has_ended = crate::ended::EndedSessions::has_ended(&engine.ended, &facts, later).await;
        assert_eq!(has_ended, Ok(true), "it is remembered as long as the seal says");
    }
}

#[tokio::test]
async fn the_directory_ends_sessions_within_the_time_of_a_recheck() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let write = |user: &Value| std::fs::write(&path, json!([user]).to_string()).unwrap();
    let ann = json!({ "id": "42", "email": ANN, "is_active": true, "epoch": "1" });
    let altered = |key: &str, value: Value| {
        let mut user = ann.clone();
        user[key] = value;
        user
    };
    for other in [
        altered("is_active", json!(false)),
        altered("epoch", json!("2")),
        altered("is_staff", json!(true)),
        altered("id", json!("43")),
        altered("email", json!("ann2@example.com")),
    ] {
        write(&ann);
        let settings = [("directory.kind", "file"), ("directory.path", path.to_str().unwrap())];
        let server = start(&[&settings[..], &[("session.recheck_seconds", "60")]].concat()).await;
        let value = server.session(ANN).await;
        assert_eq!(server.status_of(&[&value]).await, 200);
        write(&other);
        if let crate::directory::AnyDirectory::File(file) = &server.0.app.engine.directory {
            file.read_again();
        }
        let ended = async || server.status_of(&[&value]).await;
        pass(59);
        assert_eq!(ended().await, 200, "the last answer is young enough: {other}");
        pass(1);
        assert_eq!(ended().await, 401, "{other}");
        let got = server.sign_out(&value, &json!({}), &[]).await;
        assert_eq!(got.status, 200);
    }
}

#[tokio::test]
async fn rotated_secrets_keep_sessions_alive_until_the_old_one_goes_and_revive_none() {
    let old = ("keyring.secrets", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    let both = "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let new = "HxEODQwLCgkIBwYFBAMCAQABAgMEBQYHCAkKCwwNDg8";
    let value = start(&[old]).await.session(ANN).await;
    let rotated = start(&[("keyring.secrets", both)]).await;
    assert_eq!(rotated.status_of(&[&value]).await, 200);
    rotated.sign_out(&value, &json!({}), &[]).await;
    assert_eq!(rotated.status_of(&[&value]).await, 401);
    assert_eq!(start(&[("keyring.secrets", new)]).await.status_of(&[&value]).await, 401);
}
