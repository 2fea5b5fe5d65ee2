//! The login rules: who may log in, by which channel, with what kind of code.

use alloc::vec::Vec;

use super::Reviewers;
use crate::{challenge::CodeFormat, directory::Found, recipient::Channel, user::User};

/// The rules of one fleet. [`Policy::new`] has the careful choice everywhere; change what should be different.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The allowed channels, in the order in which they are shown. Without any nobody logs in.
    pub channels: Vec<Channel>,
    /// What a code looks like, as long as the recipient's failures allow it.
    pub code_format: CodeFormat,
    /// Seconds until a challenge ends; 600 by default.
    pub challenge_lifetime: u64,
    /// The long code of links that are good only in the requesting browser; `None`, the default, for sealed links, good
    /// anywhere.
    pub browser_link: Option<CodeFormat>,
    /// Whether staff and superusers may log in; not by default.
    pub allows_admins: bool,
    /// Whether somebody unknown is registered when they prove a recipient; not by default.
    pub registers: bool,
    /// What the directory is told when it registers somebody; true by default.
    pub registration_sets_unusable_password: bool,
    /// Identities with a fixed code, for whoever reviews an app; none by default.
    pub reviewers: Option<Reviewers>,
    /// Seconds from the login to the end of a session that a cookie carries; a week by default.
    pub session_lifetime: u64,
    /// How old what the directory said of a session's user may be, in seconds; 300 by default. 0: it is asked every time.
    pub recheck_seconds: u64,
}

/// A channel that isn't allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MethodDisabled;

impl Policy {
    /// Codes of this format by these channels, for ten minutes each, for users whom the directory knows and who are no admins.
    #[must_use]
    pub fn new(channels: impl Into<Vec<Channel>>, code_format: CodeFormat) -> Self {
        Self {
            channels: channels.into(),
            code_format,
            challenge_lifetime: 600,
            browser_link: None,
            allows_admins: false,
            registers: false,
            registration_sets_unusable_password: true,
            reviewers: None,
            session_lifetime: 604_800,
            recheck_seconds: 300,
        }
    }

    /// Whether this channel may be used.
    #[must_use]
    pub fn allows(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
    }

    /// Refuses a channel that may not be used.
    pub(super) fn require(&self, channel: Channel) -> Result<(), MethodDisabled> {
        if self.allows(channel) { Ok(()) } else { Err(MethodDisabled) }
    }

    /// Whether this user may log in.
    #[must_use]
    pub const fn admits(&self, user: &User) -> bool {
        user.is_active & (self.allows_admins | !user.is_admin())
    }

    /// Whether a code may open something for whom a lookup found, or for nobody: whoever proves that recipient may be
    /// registered. The same work whatever the answer.
    #[must_use]
    pub fn may_log_in(&self, found: &Found) -> bool {
        found.judged(|user| self.admits(user), self.registers)
    }
}
