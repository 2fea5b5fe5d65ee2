//! What a lookup finds: always somebody, so that a stranger's request takes the same steps as a user's.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use serde_json::Map;

use super::User;
use crate::recipient::Recipient;

/// The user of a recipient or, where nobody has this recipient, a stand-in.
///
/// A stand-in counts for nothing, and nothing here tells of it. It is there so that neither the memory that a request touches
/// nor the branches that it takes tell, by their time, who exists.
#[derive(Clone)]
pub struct Found {
    somebody: Arc<User>,
    is_known: bool,
}

impl Found {
    /// A directory's answer about a recipient. A user whose stored address is another one is nobody.
    #[must_use]
    pub fn new(recipient: &Recipient, user: Option<Arc<User>>) -> Self {
        match user {
            Some(somebody) => Self { is_known: somebody.is(recipient), somebody },
            None => Self::nobody(),
        }
    }

    /// Nobody, and a stand-in of no special kind.
    #[must_use]
    pub fn nobody() -> Self {
        let somebody = User {
            id: Box::default(),
            email: None,
            phone_number: None,
            is_active: false,
            is_staff: false,
            is_superuser: false,
            epoch: Box::default(),
            claims: Map::new(),
            locale: None,
        };
        Self { somebody: Arc::new(somebody), is_known: false }
    }

    /// Whom an index of canonical addresses has at a recipient's place, and whether that is the recipient's user.
    #[cfg(feature = "server")]
    pub(super) const fn at(somebody: Arc<User>, is_known: bool) -> Self {
        Self { somebody, is_known }
    }

    /// The user, if there is one.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.is_known.then_some(&*self.somebody)
    }

    /// The user, if there is one, shared.
    #[must_use]
    pub fn into_user(self) -> Option<Arc<User>> {
        self.is_known.then_some(self.somebody)
    }

    /// The directory's word for the user, under which codes are derived; empty for nobody.
    #[must_use]
    pub fn epoch(&self) -> &str {
        self.select("", &self.somebody.epoch)
    }

    /// What `judge` says of the user, or `otherwise` of nobody. It is asked about a stand-in too.
    #[cfg(feature = "std")]
    pub(crate) fn judged(&self, judge: impl FnOnce(&User) -> bool, otherwise: bool) -> bool {
        self.select(otherwise, judge(&self.somebody))
    }

    /// An index, unlike a condition, is no branch.
    fn select<T: Copy>(&self, of_nobody: T, of_user: T) -> T {
        [of_nobody, of_user][usize::from(self.is_known)]
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Found").field(&self.user()).finish()
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    fn user(email: &str) -> Arc<User> {
        Arc::new(User {
            id: "1".into(),
            email: Some(email.into()),
            epoch: "e1".into(),
            is_active: true,
            ..User::clone(&Found::nobody().somebody)
        })
    }

    #[test]
    fn a_user_of_another_address_is_nobody() {
        let ann = Recipient::parse_email("ann@example.com").unwrap();
        let found = Found::new(&ann, Some(user("Ann@Example.com")));
        assert_eq!((found.user().map(|user| &*user.id), found.epoch()), (Some("1"), "e1"));
        assert!(found.judged(|user| user.is_active, false));
        for nobody in [Found::new(&ann, Some(user("eve@example.com"))), Found::new(&ann, None), Found::at(user("x"), false)] {
            assert_eq!((nobody.user(), nobody.epoch()), (None, ""));
            assert!(nobody.judged(|_| false, true) && !nobody.judged(|_| true, false));
            assert_eq!(format!("{nobody:?}"), "Found(None)");
            assert_eq!(nobody.into_user(), None);
        }
    }
}
