//! Session tokens through the public interface: what they say, what they are refused for.

mod given;

use countersign::{
    time::UnixTime,
    token::{AccessAlgorithm, Amr, Login, SessionTokens, Sessions, TokenInvalid},
};
use given::{NOW, keyring, random, recipient, sessions, sessions_config, user};
use serde_json::{Value, json};

fn begin(sessions: &Sessions) -> SessionTokens {
    let (user, recipient) = (user(), recipient());
    sessions.begin(&Login { user: &user, recipient: &recipient, amr: Amr::Otp }, NOW, &mut random())
}

fn claims(sessions: &Sessions, access: &str) -> Value {
    serde_json::from_str(sessions.verify_access(access, NOW).unwrap().json()).unwrap()
}

#[test]
fn every_algorithm_there_and_back() {
    for algorithm in given::ALGORITHMS {
        let sessions = sessions(algorithm);
        let tokens = begin(&sessions);
        let access = sessions.verify_access(&tokens.access, NOW).unwrap();
        assert_eq!(access.subject(), "42", "{algorithm:?}");
        assert_eq!(access.issuer(), "https://login.example");
        assert_eq!(access.audiences(), ["https://api.example"]);
        assert_eq!((access.issued_at(), access.expires_at(), access.authenticated_at()), (NOW, NOW.plus(300), NOW));
        assert_eq!((access.amr(), access.channel().as_str()), (Amr::Otp, "email"));
        assert_eq!(tokens.expires_in, 300);

        let session = sessions.open_refresh(&tokens.refresh, NOW).unwrap();
        assert_eq!((&*session.subject, &*session.epoch, &session.recipient), ("42", "epoch 7", &recipient()));
        assert_eq!((session.authenticated_at, session.ends_at, session.generation), (NOW, NOW.plus(86_400), 0));
        assert_eq!(session.session.to_text(), access.session_id());
        let later = NOW.plus(1_000);
        let renewed = sessions.renew(&session, &user(), later, &mut random());
        let renewed = sessions.verify_access(&renewed, later).unwrap();
        assert_eq!((renewed.session_id(), renewed.authenticated_at()), (access.session_id(), NOW));
        assert_eq!(renewed.issued_at(), later);
        assert_ne!(renewed.id(), access.id());
    }
}
