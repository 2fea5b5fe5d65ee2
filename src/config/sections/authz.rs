//! `[authz]`: what proxies may ask.

use crate::{
    config::reader::{
        judge::Section,
        schema::{SectionSchema, number, text, texts},
    },
    server::{
        Listen,
        authz::{Rule, Rules},
    },
};

use super::server::Server;

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
        text(
            "grpc_listen",
            "",
            "Where Envoy asks by gRPC (ext_authz's grpc_service); written like server.listen. Empty: nowhere. Plain HTTP/2, without\n\
             TLS or password: keep it off the internet.",
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
    /// Where Envoy asks by gRPC, if it does.
    pub grpc_listen: Option<Listen>,
}

pub(crate) fn read(section: &Section<'_>, server: Option<&Server>) -> Option<Authz> {
    let cache_seconds = section.number("cache_seconds");
    let grpc_listen = grpc_listen(section, server);
    let rules = section.parse_each("rules", Rule::parse)?;
    match Rules::new(rules) {
        Ok(rules) => Some(Authz { rules, cache_seconds, grpc_listen: grpc_listen? }),
        Err([one, other]) => {
            section.fault("rules", format!("rules {} and {} are for the same path: make them one", one + 1, other + 1));
            None
        }
    }
}

/// Where Envoy asks: nowhere, where nothing is written.
#[expect(clippy::option_option, reason = "`None` is a fault that was told, as everywhere here")]
fn grpc_listen(section: &Section<'_>, server: Option<&Server>) -> Option<Option<Listen>> {
    let parse = |text: &str| if text.is_empty() { Ok(None) } else { Listen::parse(text).map(Some) };
    let Some(listen) = section.parse("grpc_listen", parse)? else { return Some(None) };
    let others = server.map(|server| [("server.listen", &server.listen), ("server.admin_listen", &server.admin_listen)]);
    let taken = others.into_iter().flatten().find(|(_, other)| **other == listen && !listen.lets_the_system_choose());
    if let Some((key, _)) = taken {
        section.fault("grpc_listen", format!("must differ from {key}"));
        return None;
    }
    if !listen.is_local() {
        section.warn(
            "grpc_listen",
            "can be reached from other machines: it has neither a password nor TLS, and whoever asks learns what a token holds",
        );
    }
    Some(Some(listen))
}
