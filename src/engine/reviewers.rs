//! Identities for whoever reviews an app before it is published, and can read no mailbox: a fixed code, until a day.
//!
//! Nothing is sent to them, and what they are signed in with is of an audience of its own. All else is as for everybody: a
//! challenge, its attempts, the recipient's budget. The answer to a request tells nobody that a recipient is one of these.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use super::Policy;
use crate::{
    challenge::{Challenge, Code, CodeFormat},
    directory::Found,
    recipient::Recipient,
    time::UnixTime,
    user::User,
};

/// The recipients of reviewers, with their one code.
#[derive(Clone)]
pub struct Reviewers {
    recipients: Vec<Recipient>,
    code: Code,
    /// Of the code, which is compared only where a challenge has this one: codes that have grown are longer.
    format: CodeFormat,
    until: UnixTime,
}

impl Reviewers {
    /// These, before `until`. `None` unless the code is one of this format, which should be the policy's.
    #[must_use]
    pub fn new(recipients: Vec<Recipient>, code: &str, format: CodeFormat, until: UnixTime) -> Option<Self> {
        Some(Self { recipients, code: Code::fixed(code, &format)?, format, until })
    }

    /// The first moment at which they are nothing special any more.
    #[must_use]
    pub const fn until(&self) -> UnixTime {
        self.until
    }

    /// Whether this was typed for a challenge whose codes haven't grown. The same work whatever the answer.
    pub(super) fn is_code(&self, typed: &str, challenge: &Challenge) -> bool {
        self.code.matches(typed, self.format.alphabet()) & (challenge.format.as_ref() == Some(&self.format))
    }
}

impl Policy {
    /// The reviewers, if this recipient is one of them now.
    #[must_use]
    pub fn reviewers_of(&self, recipient: &Recipient, now: UnixTime) -> Option<&Reviewers> {
        self.reviewers.as_ref().filter(|reviewers| now < reviewers.until && reviewers.recipients.contains(recipient))
    }

    /// Whom the directory found or, for a reviewer whom it doesn't know, a user that is called like the recipient.
    pub(super) fn with_reviewers(&self, recipient: &Recipient, found: Found, now: UnixTime) -> Found {
        if self.reviewers_of(recipient, now).is_none() || found.user().is_some() {
            return found;
        }
        let user = User {
            id: recipient.as_str().into(),
            email: None,
            phone_number: None,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            epoch: Box::default(),
            claims: serde_json::Map::new(),
            locale: None,
        };
        Found::new(recipient, Some(Arc::new(user)))
    }
}

/// Whether a recipient can't be anybody's: an address under a name that is reserved for examples and tests (RFC 2606), or a
/// North American number that is reserved for fiction (+1 NXX 555 01XX).
#[must_use]
pub fn is_fictional(recipient: &Recipient) -> bool {
    let text = recipient.as_str();
    if let Some(digits) = text.strip_prefix("+1") {
        return digits.len() == 10 && digits[3..].starts_with("55501");
    }
    let Some((_, domain)) = text.rsplit_once('@') else { return false };
    let is_under = |name: &str| domain.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    ["example.com", "example.net", "example.org"].iter().any(|name| is_under(name))
        || [".test", ".example"].iter().any(|end| domain.ends_with(end))
}

impl fmt::Debug for Reviewers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reviewers").field("recipients", &self.recipients).field("until", &self.until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_nobodys_is_fictional() {
        let is = |text: &str| is_fictional(&Recipient::parse_email(text).unwrap());
        for fictional in ["a@example.com", "a@apps.example.org", "a@example.net", "a@shop.test", "a@x.y.test", "a@shop.example"] {
            assert!(is(fictional), "{fictional}");
        }
        for real in [
            "a@gmail.com",
            "a@myexample.com",
            "a@example.com.evil.net",
            "a@example.de",
            "a@shop.mytest",
            "a@test.com",
            "a@example.co",
            "a@localhost",
            "example.com@gmail.com",
        ] {
            assert!(!is(real), "{real}");
        }
    }

    #[cfg(feature = "mobile")]
    #[test]
    fn only_north_american_numbers_of_fiction_are_fictional() {
        use crate::recipient::Channel;
        let is = |text: &str| is_fictional(&Recipient::of_stored(Channel::Mobile, text).unwrap());
        for fictional in ["+12025550123", "+14155550100", "+16135550199"] {
            assert!(is(fictional), "{fictional}");
        }
        for real in ["+12025550223", "+12025551234", "+12025540123", "+493012345678", "+442079460123"] {
            assert!(!is(real), "{real}");
        }
    }
}
