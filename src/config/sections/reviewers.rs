//! `[reviewers]`: identities for whoever reviews an app before it is published.

use super::{passwordless::Passwordless, tokens::Tokens};
use crate::{
    challenge::CHALLENGE_AUDIENCE,
    config::reader::{
        judge::Section,
        schema::{SectionSchema, secret, text, texts},
        shown::quoted,
    },
    engine::{Policy, Reviewers, is_fictional},
    recipient::{Channel, Recipient},
    time::UnixTime,
    token::DEFAULT_REVIEWER_AUDIENCE,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "reviewers",
    about: "Identities for whoever reviews your app before it is published, and can read no mailbox: a fixed code, until a day.",
    keys: &[
        texts(
            "recipients",
            &[],
            "Addresses under example.com, example.net, example.org, .test or .example, and numbers +1 NXX 555 01XX: nobody has them, and\n\
             nothing is sent there.",
        ),
        secret("code", "Their code, as long as short_token_length and of short_token_chars."),
        text("until", "", "The last day on which it is good, in UTC, as 2026-12-31. Sessions end then, too."),
        text(
            "audience",
            DEFAULT_REVIEWER_AUDIENCE,
            "`aud` of their access tokens: your service decides where that is accepted. Not one of tokens.audience.",
        ),
    ],
};

/// The reviewers, and the audience of their tokens.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) reviewers: Reviewers,
    pub(crate) audience: String,
}

/// `None`: faulty. `Some(None)`: there are none.
#[allow(clippy::option_option, reason = "faulty, or right with or without reviewers")]
pub(crate) fn read(section: &Section<'_>, rules: Option<&Passwordless>, tokens: Option<&Tokens>) -> Option<Option<Read>> {
    if section.texts("recipients").next().is_none() {
        section.reads_only_what_is_used("without recipients");
        return Some(None);
    }
    let recipients = section.parse_each("recipients", |text| parse_recipient(text, rules.map(|rules| &rules.policy)));
    let code = section.required("code", "with recipients");
    let until = section.required("until", "with recipients").and_then(|_| section.parse("until", parse_until));
    let audience = section.parse("audience", |text| parse_audience(text, tokens));
    let format = &rules?.policy.code_format;
    let (code, until) = (code?, until?);
    if is_obvious(code) {
        section.fault("code", "is what anybody would try first: choose one at random");
        return None;
    }
    let reviewers = Reviewers::new(recipients?, code, format.clone(), until);
    if reviewers.is_none() {
        let length = format.length();
        section.fault("code", format!("must be {length} characters of passwordless.short_token_chars, as every code"));
    }
    let day = section.text("until");
    section.warn("recipients", &format!("whoever has reviewers.code can log in as these, until {day}"));
    Some(Some(Read { reviewers: reviewers?, audience: audience? }))
}

fn parse_recipient(text: &str, policy: Option<&Policy>) -> Result<Recipient, String> {
    let shown = quoted(text);
    let recipient = if text.contains('@') {
        Recipient::parse_email(text).map_err(|_| format!("{shown} is no e-mail address"))?
    } else {
        Recipient::of_stored(Channel::Mobile, text).ok_or_else(|| format!("{shown} is no phone number, as +12025550123"))?
    };
    if !is_fictional(&recipient) {
        return Err(format!(
            "{shown} could be a real person's: only addresses under example.com, example.net, example.org, .test and .example, and \
             numbers +1 NXX 555 01XX can be"
        ));
    }
    if policy.is_some_and(|policy| !policy.allows(recipient.channel())) {
        return Err(format!("{shown} is of a method that passwordless.allowed_passwordless_methods doesn't have"));
    }
    Ok(recipient)
}

/// A day, of which all is meant.
fn parse_until(text: &str) -> Result<UnixTime, String> {
    let is_day = text.len() == 10;
    let end = UnixTime::from_iso8601(&format!("{text}T23:59:59Z")).filter(|_| is_day);
    end.map(|end| end.plus(1)).ok_or_else(|| format!("{} is no day, as 2026-12-31", quoted(text)))
}

fn parse_audience(text: &str, tokens: Option<&Tokens>) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty: reviewers have no part in tokens.audience".into());
    }
    if text == CHALLENGE_AUDIENCE || tokens.is_some_and(|tokens| tokens.sessions.audiences.iter().any(|ours| ours == text)) {
        return Err(format!("{} is another tokens' audience: reviewers need one of their own", quoted(text)));
    }
    Ok(text.to_owned())
}

/// All alike, or one up or down at a time.
fn is_obvious(code: &str) -> bool {
    let characters: Vec<_> = code.chars().map(u32::from).collect();
    let steps: Vec<_> = characters.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0])).collect();
    steps.first().is_some_and(|first| (-1..=1).contains(first) && steps.iter().all(|step| step == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_good_to_its_end() {
        let end = parse_until("2026-12-31").unwrap();
        assert_eq!(end.to_iso8601(), "2027-01-01T00:00:00+00:00");
        for bad in ["", "2026-12-32", "2026-2-1", "31.12.2026", "2026-12-31T00:00:00Z", "1969-12-31", "tomorrow", "2026-12-31 "] {
            assert!(parse_until(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_anybody_would_try_first_is_no_code() {
        for obvious in ["000000", "123456", "654321", "BBBBBBBB", "999999", "abcdef"] {
            assert!(is_obvious(obvious), "{obvious}");
        }
        for other in ["102938", "135792", "1", "", "112233"] {
            assert!(!is_obvious(other), "{other}");
        }
    }
}
