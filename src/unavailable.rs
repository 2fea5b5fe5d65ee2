//! What any port answers when it can't be used now.

use core::num::NonZeroU32;

/// Something that is needed can't be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// Whole seconds until it makes sense to ask again.
    pub retry_after: NonZeroU32,
}

impl Unavailable {
    /// Asks to come back in `seconds`; 0 counts as 1.
    #[must_use]
    pub const fn for_seconds(seconds: u32) -> Self {
        match NonZeroU32::new(seconds) {
            Some(retry_after) => Self { retry_after },
            None => Self { retry_after: NonZeroU32::MIN },
        }
    }
}
