//! `[authz]`.

use countersign::server::authz::Rules;

use super::{accepted, assert_refused, judge_with, warnings_at};

#[test]
fn rules_for_proxies_are_read_and_what_is_none_is_a_fault() {
    let config = accepted("");
    assert_eq!((config.authz.rules, config.authz.cache_seconds), (Rules::default(), 300));
    let text = "[authz]\nrules = [\"/admin audience=staff amr=sms\", \"/admin/help\"]";
    let from_file = accepted(text).authz.rules;
    let variables = [("COUNTERSIGN_AUTHZ__RULES", "/admin audience=staff amr=sms, /admin/help")];
    assert_eq!(judge_with("", &variables).unwrap().authz.rules, from_file);
    assert_ne!(from_file, Rules::default());
    assert_refused(&[
        ("[authz]\nrules = [\"admin\"]", "authz.rules", "is no path"),
        ("[authz]\nrules = [\"/a//b amr=otp\"]", "authz.rules", "is no path"),
        ("[authz]\nrules = [\"/a role=x\"]", "authz.rules", "neither audience"),
        ("[authz]\nrules = [\"/b\", \"/a amr=otp\", \"/a/\"]", "authz.rules", "rules 2 and 3 are for the same path"),
        ("[authz]\nrules = \"/a\"", "authz.rules", "must be a list of texts"),
        ("[authz]\ncache_seconds = 3601", "authz.cache_seconds", "3600"),
        ("[authz]\ngrpc_listen = \"9001\"", "authz.grpc_listen", "no address with a port"),
        ("[authz]\ngrpc_listen = \"127.0.0.1:8000\"", "authz.grpc_listen", "must differ from server.listen"),
        ("[authz]\ngrpc_listen = \"127.0.0.1:8001\"", "authz.grpc_listen", "must differ from server.admin_listen"),
    ]);
}

#[test]
fn headers_of_claims_are_read_and_what_is_none_is_a_fault() {
    let config =
        accepted("[authz]\nclaim_headers = [\"role:X-Auth-Role\", \"https://a.example/x:X-A\"]\nforward_token = true").authz;
    let names: Vec<_> = config.claim_headers.iter().map(|header| header.name().as_str()).collect();
    assert_eq!((names, config.forward_token), (vec!["x-auth-role", "x-a"], true));
    assert!(accepted("").authz.claim_headers.is_empty());
    assert_refused(&[
        ("[authz]\nclaim_headers = [\"role\"]", "authz.claim_headers", "no colon"),
        ("[authz]\nclaim_headers = [\"role:Role\"]", "authz.claim_headers", "must begin with X-"),
        ("[authz]\nclaim_headers = [\"sub:X-Sub\"]", "authz.claim_headers", "token's own"),
        ("[authz]\nclaim_headers = [\"role:X-Auth-Subject\"]", "authz.claim_headers", "something else"),
        ("[authz]\nclaim_headers = [\"role:X-Real-IP\"]", "authz.claim_headers", "belongs to proxies"),
        ("[authz]\nclaim_headers = [\"a:X-A\", \"b:X-B\", \"c:x-a\"]", "authz.claim_headers", "1 and 3 have the same header"),
    ]);
    let warned = |listen: &str| !warnings_at(&format!("[authz]\ngrpc_listen = \"{listen}\""), &["authz.grpc_listen"]).is_empty();
    assert!(warned("0.0.0.0:9001") && !warned("127.0.0.1:9001") && !warned("unix:/run/grpc.sock") && !warned(""));
}
