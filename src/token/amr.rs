//! How somebody proved who they are: `amr` (RFC 8176), a list that is open to values that nobody here knows.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::recipient::Channel;

/// What marks the sessions of reviewers.
const REVIEWER: &str = "reviewer";

/// The methods by which somebody was authenticated, in the order in which the claim lists them; at least one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Amr(
    /// With a space between them.
    Cow<'static, str>,
);

impl Amr {
    /// `["otp"]`: a code or link by e-mail, or a check that is neither of those below.
    pub const OTP: Self = Self(Cow::Borrowed("otp"));
    /// `["otp","sms"]`: a code by SMS.
    pub const OTP_SMS: Self = Self(Cow::Borrowed("otp sms"));
    /// `["otp","tel"]`: a code by a call, or a flash call.
    pub const OTP_TEL: Self = Self(Cow::Borrowed("otp tel"));
    /// The most methods of a list.
    pub const MAX_METHODS: usize = 8;
    /// The most characters of a method.
    pub const MAX_LENGTH: usize = 32;

    /// For a code or link that a message of this channel carries.
    #[must_use]
    pub const fn of_message(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::OTP,
            Channel::Mobile => Self::OTP_SMS,
        }
    }

    /// A list of methods, of the values that RFC 8176 registers or others. `None` unless there are 1 to
    /// [`Amr::MAX_METHODS`], each of 1 to [`Amr::MAX_LENGTH`] printable ASCII characters without spaces, quotes and
    /// backslashes.
    #[must_use]
    pub fn new(methods: impl IntoIterator<Item = impl AsRef<str>>) -> Option<Self> {
        let mut text = String::new();
        for (at, method) in methods.into_iter().enumerate() {
            let method = method.as_ref();
            let is_fit = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            if at == Self::MAX_METHODS || !(1..=Self::MAX_LENGTH).contains(&method.len()) || !method.bytes().all(is_fit) {
                return None;
            }
            if at > 0 {
                text.push(' ');
            }
            text.push_str(method);
        }
        (!text.is_empty()).then_some(Self(Cow::Owned(text)))
    }

    /// This list, of the session of whoever reviews an app: `reviewer` stands at its end. Nobody else's has it.
    #[must_use]
    pub fn of_reviewers(&self) -> Self {
        if self.is_reviewers() { self.clone() } else { Self(Cow::Owned(alloc::format!("{} {REVIEWER}", self.0))) }
    }

    /// Whether it is a reviewer's.
    #[must_use]
    pub fn is_reviewers(&self) -> bool {
        self.methods().any(|method| method == REVIEWER)
    }

    /// The methods, with a space between them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The inverse of [`Amr::as_str`].
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::new(text.split(' '))
    }

    /// The methods, one by one.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// Writes the claim's value; no method holds anything that JSON would escape.
    pub(crate) fn push_json(&self, json: &mut Vec<u8>) {
        for (at, method) in self.methods().enumerate() {
            json.extend_from_slice(if at == 0 { b"[\"" } else { b",\"" });
            json.extend_from_slice(method.as_bytes());
            json.push(b'"');
        }
        json.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn json(amr: &Amr) -> String {
        let mut json = vec![];
        amr.push_json(&mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn our_own_lists() {
        assert_eq!(json(&Amr::of_message(Channel::Email)), r#"["otp"]"#);
        assert_eq!(json(&Amr::of_message(Channel::Mobile)), r#"["otp","sms"]"#);
        assert_eq!(json(&Amr::OTP_TEL), r#"["otp","tel"]"#);
        for amr in [Amr::OTP, Amr::OTP_SMS, Amr::OTP_TEL] {
            assert_eq!(Amr::from_text(amr.as_str()), Some(amr));
        }
    }

    #[test]
    fn any_well_formed_list_is_one() {
        for list in [&["hwk", "user", "pop"][..], &["urn:example:badge"], &["mfa", "x-own_1.0~"], &["otp", "otp"]] {
            let amr = Amr::new(list).unwrap();
            assert!(amr.methods().eq(list.iter().copied()), "{list:?}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&json(&amr)).unwrap(), list);
            assert_eq!(Amr::from_text(amr.as_str()), Some(amr));
        }
        let (long, many) = ("x".repeat(Amr::MAX_LENGTH), vec!["x"; Amr::MAX_METHODS]);
        assert!(Amr::new([&long]).is_some() && Amr::new(&many).is_some());
    }

    #[test]
    fn what_is_no_list_of_methods() {
        let (long, many) = (format!("x{}", "x".repeat(Amr::MAX_LENGTH)), vec!["x"; Amr::MAX_METHODS + 1]);
        for list in [&[][..], &[""], &["otp", ""], &["o tp"], &["o\"tp"], &["o\\tp"], &["o\ntp"], &["ötp"], &[&long], &many] {
            assert_eq!(Amr::new(list), None, "{list:?}");
        }
        for text in ["", " ", "otp ", " otp", "otp  sms"] {
            assert_eq!(Amr::from_text(text), None, "{text:?}");
        }
    }
}
