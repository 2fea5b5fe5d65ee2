//! E-mail addresses: one strict parser, one canonical spelling.
//!
//! The local part is a dot-atom of RFC 5321 §4.1.2 in ASCII, the domain a host name of RFC 5890 A-labels. ASCII letters
//! are lower-cased in both. Nothing else is folded: a character that only looks like an ASCII letter, or that Unicode
//! maps to one (`ſ`, `K` for kelvin, full-width letters), makes an address invalid and never somebody else's.

use alloc::string::String;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::{Channel, InvalidRecipient, Recipient};

/// The most bytes of an address (RFC 5321 §4.5.3.1.3, as corrected by its erratum 1690).
pub const MAX_BYTES: usize = 254;
/// The most bytes of the part before the `@` (RFC 5321 §4.5.3.1.1).
pub const MAX_LOCAL_BYTES: usize = 64;

impl Recipient {
    /// The address that somebody typed; white space around it is dropped.
    ///
    /// # Errors
    /// [`InvalidRecipient`] for anything that isn't exactly one address that can be reached by public mail, or at
    /// `localhost`: display names, lists, quoted local parts, address literals, single-label domains, control characters.
    pub fn parse_email(typed: &str) -> Result<Self, InvalidRecipient> {
        canonical(typed.trim()).map(|address| Self::from_canonical(Channel::Email, address)).ok_or(InvalidRecipient)
    }
}

/// The one spelling of an address.
pub(super) fn canonical(address: &str) -> Option<String> {
    if address.len() > MAX_BYTES {
        return None;
    }
    let (local, domain) = address.split_once('@')?;
    if !is_local_part(local) {
        return None;
    }
    let domain = canonical_domain(domain)?;
    let mut canonical = String::with_capacity(local.len() + 1 + domain.len());
    canonical.push_str(local);
    canonical.make_ascii_lowercase();
    canonical.push('@');
    canonical.push_str(&domain);
    (canonical.len() <= MAX_BYTES).then_some(canonical)
}

/// Dot-atom: atoms of RFC 5322 §3.2.3 between single dots.
fn is_local_part(local: &str) -> bool {
    let is_atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_atom_byte);
    local.len() <= MAX_LOCAL_BYTES && local.split('.').all(is_atom)
}

const fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~')
}

/// The domain in A-labels (UTS #46 without transitional processing), lower case.
fn canonical_domain(domain: &str) -> Option<alloc::borrow::Cow<'_, str>> {
    let idna = Uts46::new();
    let ascii = idna.to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()?;
    if !domain.is_ascii() {
        // The mapping may change case and nothing else.
        let (unicode, valid) = idna.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        valid.ok()?;
        if !unicode.chars().eq(domain.chars().map(lower_case)) {
            return None;
        }
    }
    let reachable = match ascii.rsplit_once('.') {
        None => ascii == "localhost",
        // No top-level domain has digits unless it is an A-label (RFC 3696 §2): this keeps out IP addresses too.
        Some((_, top)) => top.len() >= 2 && (top.starts_with("xn--") || top.bytes().all(|byte| byte.is_ascii_alphabetic())),
    };
    reachable.then_some(ascii)
}

/// Lower case, one character for one; a character that isn't ASCII never becomes one that is.
fn lower_case(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) if lower.is_ascii() == character.is_ascii() => lower,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use proptest::prelude::*;

    use super::*;

    fn parsed(typed: &str) -> Option<String> {
        Recipient::parse_email(typed).ok().map(|recipient| recipient.as_str().to_string())
    }

    #[track_caller]
    fn becomes(typed: &str, canonical: &str) {
        assert_eq!(parsed(typed).as_deref(), Some(canonical), "{typed:?}");
    }

    #[track_caller]
    fn refused<'a>(addresses: impl IntoIterator<Item = &'a str>) {
        for address in addresses {
            assert_eq!(parsed(address), None, "{address:?}");
        }
    }

    #[test]
    fn normal_addresses() {
        becomes("ann@example.com", "ann@example.com");
        becomes("  ann@example.com\r\n", "ann@example.com");
        becomes("ann.b+tag@mail.example.co.uk", "ann.b+tag@mail.example.co.uk");
        becomes("o'hara@example.com", "o'hara@example.com");
        becomes("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com");
        becomes("a@r3---sn.example.com", "a@r3---sn.example.com");
        becomes("1@1.example", "1@1.example");
        becomes("root@localhost", "root@localhost");
        becomes("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example");
        becomes("ann@example.xn--p1ai", "ann@example.xn--p1ai");
    }

    #[test]
    fn ascii_letters_are_lower_cased_everywhere() {
        becomes("aNN@EXAMPLE.Com", "ann@example.com");
        becomes("root@LocalHost", "root@localhost");
        becomes("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example");
    }

    #[test]
    fn domains_become_a_labels() {
        becomes("ann@bücher.example", "ann@xn--bcher-kva.example");
        becomes("ann@BÜCHER.example", "ann@xn--bcher-kva.example");
        becomes("ann@straße.example", "ann@xn--strae-oqa.example");
        becomes("ann@почта.рф", "ann@xn--80a1acny.xn--p1ai");
        becomes("ann@例え.jp", "ann@xn--r8jz45g.jp");
    }

    #[test]
    fn unicode_is_folded_into_no_other_address() {
        refused([
            "mıke@example.com",
            "miſe@example.com",
            "ann@ſite.com",
            "ann@ex\u{212A}.com",
            "ann@ｅxample.com",
            "ann@example。com",
        ]);
        refused([
            "ann@İstanbul.com",
            "ann@ex\u{ad}ample.com",
            "ann@ex\u{200b}ample.com",
            "ann@℀.com",
            "ann@①.com",
            "ann＠example.com",
        ]);
        assert_ne!(parsed("ann@exаmple.com"), parsed("ann@example.com"), "a Cyrillic а");
        assert_ne!(parsed("ann@exampıe.com"), parsed("ann@exampie.com"), "a dotless ı");
    }

    #[test]
    fn one_address_and_nothing_beside_it() {
        refused(["a@example.com,b@example.com", "a@example.com;b@example.com", "a@example.com b@example.com", "a@b@example.com"]);
        refused([
            "Ann <ann@example.com>",
            "<ann@example.com>",
            "ann@example.com (Ann)",
            "mailto:ann@example.com",
            "ann@example.com?cc=b@c.de",
        ]);
        refused([
            "a@example.com\nb@example.com",
            "a\r\nBcc: b@example.com",
            "ann\0@example.com",
            "ann@example.com\0",
            "ann\t@example.com",
        ]);
        refused(["ann @example.com", "ann@ example.com", "a\u{85}nn@example.com", "ann@exam\u{2028}ple.com"]);
    }

    #[test]
    fn local_parts_are_dot_atoms() {
        refused([
            "@example.com",
            ".ann@example.com",
            "ann.@example.com",
            "an..n@example.com",
            "\"ann\"@example.com",
            "an\\n@example.com",
        ]);
        refused(["änn@example.com", "a(x)nn@example.com", "a:b@example.com", "a[b]@example.com"]);
    }

    #[test]
    fn domains_are_public_host_names() {
        refused([
            "ann",
            "ann@",
            "ann@example",
            "ann@.com",
            "ann@example.",
            "ann@example.com.",
            "ann@example..com",
            "ann@localhost.",
        ]);
        refused([
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "ann@[IPv6:::1]",
            "ann@127.0x1",
            "ann@1.2",
            "ann@example.123",
            "ann@example.c",
        ]);
        refused([
            "ann@-example.com",
            "ann@example-.com",
            "ann@exa_mple.com",
            "ann@exa%6dple.com",
            "ann@example.com/x",
            "ann@exam*ple.com",
        ]);
    }

    #[test]
    fn broken_a_labels() {
        refused([
            "ann@xn--.example",
            "ann@xn--a.example",
            "ann@xn--zzzzzzzz99999.example",
            "ann@xn--example-.com",
            "ann@example.xn--a",
        ]);
    }

    #[test]
    fn lengths() {
        let local = "l".repeat(MAX_LOCAL_BYTES);
        assert!(parsed(&format!("{local}@example.com")).is_some());
        refused([&*format!("{local}l@example.com")]);
        let label = "d".repeat(63);
        assert!(parsed(&format!("a@{label}.com")).is_some());
        refused([&*format!("a@{label}d.com")]);
        let full = format!("{local}@{label}.{label}.{}.com", "d".repeat(57));
        assert_eq!(full.len(), MAX_BYTES);
        assert!(parsed(&full).is_some());
        refused([&*full.replace(".com", "d.com")]);
        refused(["a".repeat(10_000_000).as_str()]);
    }

    proptest! {
        #[test]
        fn canonical_addresses_are_fixed(typed in ".{0,40}@.{0,40}|[a-zA-Z.+'_]{1,9}@[a-zA-ZäöüßÉσ.-]{1,12}\\.[a-zA-Z]{2,5}") {
            if let Some(canonical) = parsed(&typed) {
                prop_assert!(canonical.is_ascii() && canonical.len() <= MAX_BYTES);
                prop_assert!(!canonical.bytes().any(|byte| byte <= b' ' || byte.is_ascii_uppercase() || b"\"(),:;<>[\\]\x7f".contains(&byte)));
                prop_assert_eq!(parsed(&canonical), Some(canonical));
            }
        }

        #[test]
        fn django_s_normal_addresses_are_accepted(local in "[a-z0-9!#$%&'*+/=?^_`{}|~-]{1,20}(\\.[a-z0-9_+-]{1,10}){0,3}", domain in "([a-z0-9]([a-z0-9]{0,10}[a-z0-9])?\\.){1,3}[a-z]{2,10}") {
            let address = format!("{local}@{domain}");
            prop_assert_eq!(parsed(&address.to_ascii_uppercase()), Some(address));
        }
    }
}
