//! `inspect`: says what a token is, what it states, and, where there is a secret, whether this fleet made it.

mod explain;
mod verifier;

use std::{fmt::Write as _, io::Read as _};

use zeroize::Zeroizing;

use super::{ConfigFile, exit::Exit, print, sources};
use crate::{serve::clock, time::UnixTime};
use explain::{Explained, Verdict, explain};
use verifier::Verifier;

/// The longest token that is looked at.
const MAX_BYTES: u64 = 64 << 10;

/// Prints what the token says and what is to be thought of it.
pub(super) fn inspect(token: Option<&str>, file: &ConfigFile) -> Result<(), Exit> {
    let config = sources::load_apart_from_bound(file)?;
    let verifier = if config.keyring_is_random { None } else { Verifier::new(&config) };
    let token = match token {
        None | Some("-") => read_stdin()?,
        Some(token) => Zeroizing::new(token.to_owned()),
    };
    let now = clock::now();
    let Some(explained) = explain(token.trim(), verifier.as_ref()) else {
        return Err(Exit::Unknown("this is no envelope, link token, access token or refresh token".into()));
    };
    print(&render(&explained, now))?;
    match explained.verdict {
        Verdict::Valid | Verdict::NotVerified { .. } if !explained.is_over(now) => Ok(()),
        _ => Err(Exit::No),
    }
}

fn read_stdin() -> Result<Zeroizing<String>, Exit> {
    let mut token = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().take(MAX_BYTES).read_to_string(&mut token);
    read.map_err(|error| Exit::Usage(format!("countersign: can't read the token: {error}")))?;
    Ok(token)
}

/// What it is, what it states, and the verdict on a line of its own.
fn render(explained: &Explained, now: UnixTime) -> String {
    let mut text = format!("{}\n", explained.kind);
    for (name, value) in &explained.facts {
        let _ = writeln!(text, "  {name:<13} {}", printable(value));
    }
    if let Some(claims) = &explained.claims {
        for line in claims.lines() {
            let _ = writeln!(text, "  {}", printable(line));
        }
    }
    let over = explained.expires_at.filter(|_| explained.is_over(now)).map(|end| now.seconds_since(end));
    let _ = match (explained.verdict, over) {
        (Verdict::Forged(why), _) => writeln!(text, "forged: {why}"),
        (Verdict::Valid, Some(seconds)) => writeln!(text, "expired {seconds} s ago; made by this configuration"),
        (Verdict::Valid, None) => writeln!(text, "valid: made by this configuration"),
        (Verdict::NotVerified { why }, Some(seconds)) => writeln!(text, "expired {seconds} s ago; not verified: {why}"),
        (Verdict::NotVerified { why }, None) => writeln!(text, "not verified: {why}"),
    };
    text
}

/// Without characters that would change what a terminal shows.
fn printable(text: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|character| if is_hidden(character) { character.escape_unicode().to_string() } else { character.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_cannot_write_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}é"), "a\\u{1b}[2Jb\\u{202e}é");
    }
}
