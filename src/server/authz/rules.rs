//! Which paths need which audience or `amr`: the rules of one site behind a proxy.

use super::path::{Ambiguous, PlainPath};
use crate::token::Amr;

/// What a token has to have below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    prefix: PlainPath<'static>,
    needs: Needs,
}

/// The rules, the longest prefix first. Without any, every path is open to whoever has a token or a challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Needs {
    /// One of these, where there are any.
    audiences: Vec<Box<str>>,
    /// All of these.
    methods: Vec<Box<str>>,
}

/// Why a path isn't open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAllowed;

impl Rule {
    /// Reads a rule: a path, and behind white space what it needs, as in `/admin audience=staff amr=otp amr=sms`. Of several
    /// audiences a token has to have one, of several methods all.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace();
        let path = words.next().ok_or("a rule begins with a path, as in \"/admin amr=sms\"")?;
        let prefix = PlainPath::parse(path.as_bytes()).map_err(|Ambiguous| {
            format!(
                "\"{path}\" is no path: it begins with a slash and has no empty or dot segments, no backslash, `;`, `?` or `#`"
            )
        })?;
        let mut needs = Needs::default();
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let list = match name {
                _ if value.is_empty() => return Err(format!("\"{word}\" is neither audience=… nor amr=…")),
                "audience" => &mut needs.audiences,
                "amr" if Amr::new([value]).is_some() => &mut needs.methods,
                "amr" => return Err(format!("\"{value}\" can't be a value of amr")),
                _ => return Err(format!("\"{word}\" is neither audience=… nor amr=…")),
            };
            if list.iter().any(|known| **known == *value) {
                return Err(format!("\"{word}\" stands in the rule for {path} twice"));
            }
            list.push(value.into());
        }
        Ok(Self { prefix: prefix.into_owned(), needs })
    }
}

impl Rules {
    /// All rules of a site.
    ///
    /// # Errors
    /// Two are for the same path: which ones, from 0.
    pub fn new(mut rules: Vec<Rule>) -> Result<Self, [usize; 2]> {
        let is_same =
            |one: &Rule, other: &Rule| one.prefix.is_at_or_below(&other.prefix) && one.prefix.depth() == other.prefix.depth();
        for later in 1..rules.len() {
            if let Some(earlier) = rules[..later].iter().position(|rule| is_same(rule, &rules[later])) {
                return Err([earlier, later]);
            }
        }
        rules.sort_by_key(|rule| core::cmp::Reverse(rule.prefix.depth()));
        Ok(Self(rules))
    }

    /// Whether there are any, so that paths matter.
    pub(crate) const fn are_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a token with these audiences and methods may pass here; for a challenge, which has neither, `None`.
    ///
    /// # Errors
    /// The longest rule for this path needs more.
    pub(crate) fn judge(&self, path: &PlainPath<'_>, who: Option<(&[String], &Amr)>) -> Result<(), NotAllowed> {
        let Some(rule) = self.0.iter().find(|rule| path.is_at_or_below(&rule.prefix)) else { return Ok(()) };
        let Needs { audiences, methods } = &rule.needs;
        let (given, amr) = match who {
            Some((given, amr)) => (given, Some(amr)),
            None => (&[][..], None),
        };
        let is_for = audiences.is_empty() || audiences.iter().any(|audience| given.iter().any(|given| **given == **audience));
        let has = |method: &str| amr.is_some_and(|amr| amr.methods().any(|given| given == method));
        if is_for && methods.iter().all(|method| has(method)) { Ok(()) } else { Err(NotAllowed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Rules {
        Rules::new(texts.iter().map(|text| Rule::parse(text).unwrap()).collect()).unwrap()
    }

    fn passes(rules: &Rules, path: &str, audiences: &[&str], amr: &[&str]) -> bool {
        let audiences: Vec<String> = audiences.iter().map(|text| (*text).to_owned()).collect();
        rules.judge(&PlainPath::parse(path.as_bytes()).unwrap(), Some((&audiences, &Amr::new(amr).unwrap()))).is_ok()
    }

    #[test]
    fn one_of_the_audiences_and_all_of_the_methods() {
        let rules = rules(&["/admin audience=staff audience=root amr=otp amr=sms"]);
        assert!(passes(&rules, "/admin", &["app", "staff"], &["otp", "sms"]));
        assert!(passes(&rules, "/admin/x", &["root"], &["sms", "otp", "hwk"]));
        assert!(!passes(&rules, "/admin", &["app"], &["otp", "sms"]));
        assert!(!passes(&rules, "/admin", &["staff"], &["otp"]));
        assert!(!passes(&rules, "/admin", &["Staff"], &["otp", "sms"]));
        assert!(passes(&rules, "/", &["app"], &["otp"]), "no rule is for this path");
    }

    #[test]
    fn the_longest_prefix_wins_by_segments_whatever_the_order() {
        for order in
            [["/ amr=otp", "/a amr=sms", "/a/open", "/a/b/c amr=hwk"], ["/a/b/c amr=hwk", "/a/open", "/a amr=sms", "/ amr=otp"]]
        {
            let rules = rules(&order);
            for (path, amr) in
                [("/", "otp"), ("/ab", "otp"), ("/a", "sms"), ("/a/b", "sms"), ("/a/b/c/d", "hwk"), ("/a/openly", "sms")]
            {
                assert!(passes(&rules, path, &[], &[amr]), "{path}");
                assert!(!passes(&rules, path, &[], &["x"]), "{path}");
            }
            assert!(passes(&rules, "/a/open/x", &[], &["x"]), "it needs nothing, though what is above does");
        }
    }

    #[test]
    fn a_challenge_has_neither_audience_nor_methods() {
        let rules = rules(&["/login", "/ amr=otp"]);
        let passes = |path: &str| rules.judge(&PlainPath::parse(path.as_bytes()).unwrap(), None).is_ok();
        assert!(passes("/login/code") && !passes("/") && !passes("/loginx"));
    }

    #[test]
    fn rules_that_are_none() {
        for (text, says) in [
            ("", "begins with a path"),
            ("admin", "is no path"),
            ("/a//b", "is no path"),
            ("/a/../b amr=otp", "is no path"),
            ("/a%2fb", "is no path"),
            ("/a role=x", "neither audience"),
            ("/a amr", "neither audience"),
            ("/a amr=", "neither audience"),
            ("/a amr=\"otp\"", "value of amr"),
            ("/a amr=otp amr=otp", "twice"),
            ("/a amr=otp /b", "neither audience"),
        ] {
            let error = Rule::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        for [one, other] in [["/a", "/a/"], ["/a amr=otp", "/%61"], ["/", "/"]] {
            let both = ["/b", one, other].map(|text| Rule::parse(text).unwrap());
            assert_eq!(Rules::new(both.into()).unwrap_err(), [1, 2], "{one} {other}");
        }
    }
}
