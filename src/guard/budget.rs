//! The comparisons that a recipient stands within 24 hours, and whom they are kept for: plain numbers, so that every memory of
//! the guard, and every interleaving of threads that a test tries, judges by the same few lines.

/// The most comparisons that are kept for known devices.
const MOST_KEPT: u32 = 10;

/// Comparisons of one recipient's codes within 24 hours, or a little more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// By strangers, and by known devices past their share.
    pub(crate) strangers: u32,
    /// By known devices, all of them together.
    pub(crate) known: u32,
}

/// Whose a comparison counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Strangers,
    Known,
}

/// How many comparisons with codes of one kind a recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// By known devices; past these they are judged as strangers.
    pub(crate) known: u32,
    /// By strangers.
    pub(crate) strangers: u32,
    /// By all together; past these a stranger has none. Strangers take nothing from known devices.
    pub(crate) all: u32,
}

/// D: how many of L comparisons are kept for known devices.
pub(crate) const fn kept_for_known(most: u32) -> u32 {
    if most / 4 < MOST_KEPT { most / 4 } else { MOST_KEPT }
}

impl Allowance {
    /// Whose the next comparison counts as; `None` if there is no next one.
    pub(crate) const fn next(&self, is_known: bool, compared: Compared) -> Option<Whose> {
        if is_known && compared.known < self.known {
            Some(Whose::Known)
        } else if compared.strangers < self.strangers && compared.all() < self.all {
            Some(Whose::Strangers)
        } else {
            None
        }
    }
}

impl Compared {
    /// All together.
    pub(crate) const fn all(self) -> u32 {
        self.strangers.saturating_add(self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_l_and_at_most_ten_are_kept() {
        let kept = [0, 3, 4, 16, 33, 39, 40, 49, 100].map(kept_for_known);
        assert_eq!(kept, [0, 0, 1, 4, 8, 9, 10, 10, 10]);
    }

    #[test]
    fn strangers_take_nothing_from_known_devices_and_these_are_strangers_past_their_share() {
        let allowance = Allowance { known: 2, strangers: 5, all: 6 };
        let next = |is_known, strangers, known| allowance.next(is_known, Compared { strangers, known });
        assert_eq!([next(false, 4, 0), next(false, 5, 0)], [Some(Whose::Strangers), None]);
        assert_eq!([next(false, 4, 1), next(false, 4, 2)], [Some(Whose::Strangers), None], "all count");
        assert_eq!([next(true, 5, 0), next(true, 100, 1)], [Some(Whose::Known); 2]);
        assert_eq!([next(true, 3, 2), next(true, 5, 2)], [Some(Whose::Strangers), None]);
    }
}
