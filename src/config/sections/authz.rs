//! `[authz]`: what proxies may ask.

use crate::{
    config::reader::{
        judge::Section,
        schema::{SectionSchema, number, switch, text, texts},
    },
    server::{
        Listen,
        authz::{ClaimHeader, Rule, Rules},
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
        texts(
            "claim_headers",
            &[],
            "Headers that tell the app a user's claims, beside X-Auth-Subject and the others: [\"role:X-Auth-Role\"]. Text is told as it\n\
             is, anything else as JSON, at most 1 KiB.",
        ),
        switch(
            "forward_token",
            false,
            "Hand the app an access token in X-Auth-Token: the client's own, or one that is made for its session.",
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
    /// Headers that tell claims.
    pub claim_headers: Vec<ClaimHeader>,
    /// Whether the app is handed an access token.
    pub forward_token: bool,
    /// Where Envoy asks by gRPC, if it does.
    pub grpc_listen: Option<Listen>,
}

pub(crate) fn read(section: &Section<'_>, server: Option<&Server>) -> Option<Authz> {
    let cache_seconds = section.number("cache_seconds");
    let grpc_listen = grpc_listen(section, server);
    let claim_headers = claim_headers(section);
    let forward_token = section.switch("forward_token");
    let rules = section.parse_each("rules", Rule::parse).and_then(|rules| {
        let twice = |[one, other]: [usize; 2]| {
            section.fault("rules", format!("rules {} and {} are for the same path: make them one", one + 1, other + 1));
        };
        Rules::new(rules).map_err(twice).ok()
    });
    Some(Authz { rules: rules?, cache_seconds, claim_headers: claim_headers?, forward_token, grpc_listen: grpc_listen? })
}

/// The headers of claims, each header once.
fn claim_headers(section: &Section<'_>) -> Option<Vec<ClaimHeader>> {
    let headers = section.parse_each("claim_headers", ClaimHeader::parse)?;
    let name = |at: usize| headers[at].name();
    let twice =
        (1..headers.len()).find_map(|later| (0..later).find(|earlier| name(*earlier) == name(later)).map(|one| [one, later]));
    let Some([one, other]) = twice else { return Some(headers) };
    section.fault("claim_headers", format!("{} and {} have the same header: give each claim its own", one + 1, other + 1));
    None
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
