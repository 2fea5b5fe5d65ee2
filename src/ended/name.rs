//! What ended sessions and subjects are known by: hashes that no key goes into, so that they outlive every root secret.
//!
//! name = SHA-256(label, issuer, sid or subject), cut to 86 bits
//!
//! That is what fits an entry beside its two moments. Session ids are random, so no two fall together. Whoever chooses an address that
//! is their subject would have to try some 2⁶⁶ to share a name with one of a million others, and could log that one out.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::crypto::{Canonical, labels};

/// A name, in the lower [`Name::BITS`] bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u128);

/// Names the sessions and the subjects of one issuer, so that services that share a store never meet.
#[derive(Clone)]
pub(super) struct Names {
    /// With label and issuer absorbed.
    session: Sha256,
    subject: Sha256,
}

impl Names {
    pub(super) fn new(issuer: &str) -> Self {
        let absorbed = |label| Canonical::new(Sha256::new(), label).text(issuer).finish();
        Self { session: absorbed(labels::ENDED_SESSION), subject: absorbed(labels::ENDED_SUBJECT) }
    }

    /// Of a session, by its `sid`.
    pub(super) fn session(&self, id: &str) -> Name {
        Self::of(&self.session, id)
    }

    /// Of a subject.
    pub(super) fn subject(&self, subject: &str) -> Name {
        Self::of(&self.subject, subject)
    }

    /// Of a session and of its subject: step by step, since a processor works at both while each of them alone would have it wait
    /// for its own result.
    pub(super) fn both(&self, id: &str, subject: &str) -> [Name; 2] {
        [(&self.session, id), (&self.subject, subject)].map(|(absorbed, text)| Self::absorb(absorbed, text)).map(Self::cut)
    }

    fn of(absorbed: &Sha256, text: &str) -> Name {
        Self::cut(Self::absorb(absorbed, text))
    }

    fn absorb(absorbed: &Sha256, text: &str) -> Sha256 {
        Canonical::resume(absorbed.clone()).text(text).finish()
    }

    fn cut(hash: Sha256) -> Name {
        let hash = hash.finalize();
        let (first, _) = hash.split_first_chunk().expect("SHA-256 has 32 bytes");
        Name(u128::from_be_bytes(*first) >> (u128::BITS - Name::BITS))
    }
}

impl Name {
    /// Its length.
    pub(super) const BITS: u32 = 86;

    /// Cuts off what is above its length.
    pub(super) const fn from_bits(bits: u128) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }

    /// As 22 hexadecimal digits.
    pub(super) fn to_hex(self) -> String {
        format!("{:022x}", self.0)
    }

    pub(super) const fn bits(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_a_subject_and_those_of_another_issuer_never_share_a_name() {
        let [one, other] = ["https://a", "https://b"].map(Names::new);
        let names = [one.session("x"), one.subject("x"), other.session("x"), other.subject("x"), one.session("y")];
        for (at, name) in names.iter().enumerate() {
            assert!(names[..at].iter().all(|before| before != name), "{at}");
        }
        assert_eq!(one.session("x"), Names::new("https://a").session("x"));
        for (id, subject) in [("", ""), ("x", "y"), ("a longer one than fits a block of the hash beside its issuer", "x")] {
            assert_eq!(one.both(id, subject), [one.session(id), one.subject(subject)]);
        }
    }

    #[test]
    fn frozen() {
        let names = Names::new("https://login.example.com");
        assert_eq!(format!("{:?}", names.session("AAECAwQFBgcICQoLDA0ODw")), "1915dd281207f113ec557f");
        assert_eq!(format!("{:?}", names.subject("ann@example.com")), "35085ad2544ab1b5f78d39");
    }
}
