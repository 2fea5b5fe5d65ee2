//! A WebAssembly module that checks access tokens and challenges with public keys. It imports nothing, so any host runs it: Node,
//! Workers, Deno, a proxy, a plugin of your own. The interface is in `memory.rs` and here; `countersign.mjs` wraps it.
//!
//! ```sh
//! examples/edge/wasm/build.sh        # writes target/wasm/countersign-checks.wasm
//! ```
//!
//! Whatever comes in is answered with a number. Should an instance trap nevertheless (only memory that runs out does that), throw it
//! away and make a new one: what it knew is its configuration and three documents.

#![allow(unsafe_code, reason = "a name that isn't mangled is an attribute that counts as unsafe; there is no other unsafe code")]

mod memory;

use core::{cell::RefCell, fmt::Write as _};

use countersign::{
    edge::{Checker, Identity, KeyDocument, Refused},
    time::UnixTime,
};
use memory::{Failure, answer};

thread_local! {
    static CHECKER: RefCell<Option<Checker>> = const { RefCell::new(None) };
}

/// Takes the issuer of the fleet (`tokens.issuer`), and after it, each on a line of its own, the audiences of which an access token
/// has to have one; without any, that is the issuer. Access tokens are believed `leeway` seconds past their end. Forgets all keys;
/// returns 0.
#[unsafe(no_mangle)]
extern "C" fn countersign_configure(length: u32, leeway: u64) -> i32 {
    answer(length, |text, output| {
        let mut lines = text.split('\n');
        let issuer = lines.next().unwrap_or_default();
        let mut audiences: Vec<String> = lines.map(String::from).collect();
        if issuer.is_empty() || audiences.iter().any(String::is_empty) {
            output.push_str("the issuer or an audience is empty");
            return Err(Failure::Configuration);
        }
        if audiences.is_empty() {
            audiences.push(issuer.into());
        }
        CHECKER.set(Some(Checker::new(issuer, audiences, leeway)));
        Ok(0)
    })
}

/// Takes a key document: 0 for `jwks.json`, 1 for `challenge-jwks.json`, 2 for `paserk.json`. Its keys replace those of the same
/// document before; if it isn't understood, they stay. Returns how many there are.
#[unsafe(no_mangle)]
extern "C" fn countersign_load(document: u32, length: u32) -> i32 {
    answer(length, |text, output| {
        let document = usize::try_from(document).ok().and_then(|at| KeyDocument::ALL.get(at));
        let Some(document) = document else {
            output.push_str("there is no document of this number");
            return Err(Failure::Document);
        };
        CHECKER.with_borrow_mut(|checker| {
            let checker = checker.as_mut().ok_or(Failure::NotConfigured)?;
            let number = checker.load(*document, text).map_err(|error| {
                *output = error.to_string();
                Failure::Document
            })?;
            Ok(i32::try_from(number).unwrap_or(i32::MAX))
        })
    })
}

/// Checks an access token, `now` in seconds since 1970. Returns 0 and answers `{"claims", "headers"}`: the claims as they were
/// signed, and every identity header.
#[unsafe(no_mangle)]
extern "C" fn countersign_check_token(length: u32, now: u64) -> i32 {
    answer(length, |text, output| {
        CHECKER.with_borrow(|checker| {
            let checker = checker.as_ref().ok_or(Failure::NotConfigured)?;
            let token = checker.token(text, UnixTime::from_seconds(now)).map_err(refused)?;
            output.push_str(r#"{"claims":"#);
            output.push_str(token.json());
            finish(output, &Identity::of_token(&token));
            Ok(0)
        })
    })
}

/// Checks a challenge, `now` in seconds since 1970: that this fleet sent somebody a code, and that it hasn't ended. Returns 0 and
/// answers `{"id", "guard", "channel", "issued_at", "expires_at", "headers"}`.
#[unsafe(no_mangle)]
extern "C" fn countersign_check_challenge(length: u32, now: u64) -> i32 {
    answer(length, |text, output| {
        CHECKER.with_borrow(|checker| {
            let checker = checker.as_ref().ok_or(Failure::NotConfigured)?;
            let envelope = checker.challenge(text, UnixTime::from_seconds(now)).map_err(refused)?;
            let challenge = envelope.challenge();
            // None of these has a character that JSON escapes.
            let written = write!(
                output,
                r#"{{"id":"{}","guard":"{}","channel":"{}","issued_at":{},"expires_at":{}"#,
                challenge.id.to_text(),
                challenge.guard,
                challenge.channel.as_str(),
                challenge.issued_at.as_seconds(),
                challenge.expires_at.as_seconds(),
            );
            written.expect("a String takes everything");
            finish(output, &Identity::of_challenge(&envelope));
            Ok(0)
        })
    })
}

/// Appends the identity headers as the object's last member, and ends the object.
fn finish(output: &mut String, identity: &Identity) {
    output.push_str(r#","headers":{"#);
    for (at, (name, value)) in identity.headers().enumerate() {
        let separator = if at == 0 { "" } else { "," };
        write!(output, r#"{separator}"{name}":""#).expect("a String takes everything");
        for character in value.chars() {
            // A value is printable ASCII, of which JSON escapes these two.
            if matches!(character, '"' | '\\') {
                output.push('\\');
            }
            output.push(character);
        }
        output.push('"');
    }
    output.push_str("}}");
}

fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::Invalid => Failure::Invalid,
        Refused::UnknownKey => Failure::UnknownKey,
        Refused::NoKeys => Failure::NoKeys,
    }
}
