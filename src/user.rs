//! A user, as a directory tells of one.

use alloc::{boxed::Box, string::String};
use core::fmt;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::recipient::{Channel, Recipient};

/// A user, as the directory tells of one. What is optional may also be null.
#[derive(Clone, PartialEq, Deserialize)]
pub struct User {
    /// The subject of the tokens; never empty.
    #[serde(deserialize_with = "not_empty")]
    pub id: Box<str>,
    /// The stored e-mail address, as stored.
    #[serde(default)]
    pub email: Option<Box<str>>,
    /// The stored phone number, as stored.
    #[serde(default)]
    pub phone_number: Option<Box<str>>,
    /// Whether the user may log in at all.
    pub is_active: bool,
    /// Whether the user is staff: an admin, to the login rules.
    #[serde(default, deserialize_with = "null_or")]
    pub is_staff: bool,
    /// Whether the user is a superuser: an admin, to the login rules.
    #[serde(default, deserialize_with = "null_or")]
    pub is_superuser: bool,
    /// Changes when earlier challenges, sessions and refresh tokens must die.
    #[serde(default, deserialize_with = "null_or")]
    pub epoch: Box<str>,
    /// Claims for the access token; they replace none of ours.
    #[serde(default, deserialize_with = "null_or")]
    pub claims: Map<String, Value>,
    /// The language that messages are written in, a BCP 47 tag.
    #[serde(default)]
    pub locale: Option<Box<str>>,
}

impl User {
    /// Whoever has this recipient, as where nobody keeps users: its id is the recipient.
    #[must_use]
    pub fn of(recipient: &Recipient) -> Self {
        let address = Some(Box::from(recipient.as_str()));
        let (email, phone_number) = match recipient.channel() {
            Channel::Email => (address, None),
            Channel::Mobile => (None, address),
        };
        Self {
            id: recipient.as_str().into(),
            email,
            phone_number,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            epoch: Box::default(),
            claims: Map::new(),
            locale: None,
        }
    }

    /// The stored address of one channel, if there is one.
    #[must_use]
    pub fn address(&self, channel: Channel) -> Option<&str> {
        let stored = match channel {
            Channel::Email => self.email.as_deref(),
            Channel::Mobile => self.phone_number.as_deref(),
        };
        stored.filter(|stored| !stored.is_empty())
    }

    /// Whether this can be the user of `recipient`: its stored address is the same in canonical form, or the directory
    /// stores none and answers for the recipient by other means.
    #[must_use]
    pub fn is(&self, recipient: &Recipient) -> bool {
        let is_same = |stored: &str| {
            // Nearly every address is stored like that; parsing it again would take long enough to be noticed.
            stored.eq_ignore_ascii_case(recipient.as_str())
                || Recipient::of_stored(recipient.channel(), stored).as_ref() == Some(recipient)
        };
        self.address(recipient.channel()).is_none_or(is_same)
    }

    /// Whether the login rules count this user as an admin.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        self.is_staff || self.is_superuser
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("is_active", &self.is_active).field("is_admin", &self.is_admin()).finish_non_exhaustive()
    }
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let id = Box::<str>::deserialize(deserializer)?;
    if id.is_empty() { Err(D::Error::custom("an empty id")) } else { Ok(id) }
}

fn null_or<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
