//! `[authz]`: what proxies may ask.

use crate::{
    config::reader::{
        judge::Section,
        schema::{SectionSchema, number, texts},
    },
    server::authz::{Rule, Rules},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "authz",
    about: "What proxies ask at /authz: which paths of your site need more than a good token.",
    keys: &[
        texts(
            "rules",
            &[],
            "A path and what a token needs at and below it: [\"/admin audience=staff amr=sms\", \"/admin/help\"]. Of several audiences\n\
             it needs one, of several amr all; a path alone needs nothing more. The longest path wins, by segments, and case counts.\n\
             A challenge has neither audience nor amr. With rules, a path that can be read in two ways is 403.",
        ),
        number(
            "cache_seconds",
            300,
            0,
            3_600,
            "How long a token that was found good is believed without checking its signature again, at most until it expires;\n\
             4,096 tokens at most. 0: each is checked each time.",
        ),
    ],
};

/// What the endpoints of proxies go by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Authz {
    /// Which paths need more than a good token.
    pub rules: Rules,
    /// Seconds that a good token is believed without being checked again; 0: none.
    pub cache_seconds: u64,
}

pub(crate) fn read(section: &Section<'_>) -> Option<Authz> {
    let cache_seconds = section.number("cache_seconds");
    let rules = section.parse_each("rules", Rule::parse)?;
    match Rules::new(rules) {
        Ok(rules) => Some(Authz { rules, cache_seconds }),
        Err([one, other]) => {
            section.fault("rules", format!("rules {} and {} are for the same path: make them one", one + 1, other + 1));
            None
        }
    }
}
