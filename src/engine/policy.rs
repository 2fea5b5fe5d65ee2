//! The login rules: who may log in, by which channel, with what kind of code.

use crate::{challenge::CodeFormat, directory::Found, recipient::Channel, user::User};

/// The rules of one fleet. A policy that was built is valid: the configuration judges it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The allowed channels, in the order in which they are shown; at least one.
    pub channels: alloc::vec::Vec<Channel>,
    /// What a code looks like, as long as the recipient's failures allow it.
    pub code_format: CodeFormat,
    /// Seconds until a challenge ends.
    pub challenge_lifetime: u64,
    /// The long code of links that are good only in the requesting browser; `None` for sealed links, good anywhere.
    pub browser_link: Option<CodeFormat>,
    /// Whether staff and superusers may log in.
    pub allows_admins: bool,
    /// Whether somebody unknown is registered when they prove a recipient.
    pub registers: bool,
    /// What the directory is told when it registers somebody.
    pub registration_sets_unusable_password: bool,
}

impl Policy {
    /// Whether this channel may be used.
    #[must_use]
    pub fn allows(&self, channel: Channel) -> bool {
        self.channels.contains(&channel)
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
