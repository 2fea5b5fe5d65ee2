//! Every derivation label and every first field under a MAC. Frozen: changing one breaks running fleets.

/// Key of the codes.
pub const CODE_KEY: &str = "countersign/v1/key/code";
/// Key of the envelope's `mac`.
pub const ENVELOPE_MAC_KEY: &str = "countersign/v1/key/envelope-mac";
/// Ed25519 seed for envelopes that are JWS.
pub const ENVELOPE_EDDSA_KEY: &str = "countersign/v1/key/envelope-eddsa";
/// P-256 scalar material for envelopes that are JWS.
pub const ENVELOPE_ES256_KEY: &str = "countersign/v1/key/envelope-es256";
/// Ed25519 seed for envelopes that are PASETO v4.public.
pub const ENVELOPE_PASETO_KEY: &str = "countersign/v1/key/envelope-v4-public";
/// Ed25519 seed for access tokens that are JWT.
pub const ACCESS_EDDSA_KEY: &str = "countersign/v1/key/access-eddsa";
/// P-256 scalar material for access tokens that are JWT.
pub const ACCESS_ES256_KEY: &str = "countersign/v1/key/access-es256";
/// Ed25519 seed for access tokens that are PASETO v4.public.
pub const ACCESS_V4_PUBLIC_KEY: &str = "countersign/v1/key/access-v4-public";
/// Key for access tokens that are PASETO v4.local.
pub const ACCESS_V4_LOCAL_KEY: &str = "countersign/v1/key/access-v4-local";
/// Key of the refresh tokens.
pub const REFRESH_KEY: &str = "countersign/v1/key/refresh";
/// Key of the session cookies.
pub const SESSION_KEY: &str = "countersign/v1/key/session";
/// Key of the link tokens.
pub const LINK_KEY: &str = "countersign/v1/key/link";
/// Key of the hashed subjects in the audit log.
pub const AUDIT_KEY: &str = "countersign/v1/key/audit";
/// Key of what nodes relay to each other.
pub const RELAY_KEY: &str = "countersign/v1/key/relay";
/// Key of the device cookie.
pub const DEVICE_KEY: &str = "countersign/v1/key/device";
/// Key of the puzzles.
pub const PUZZLE_KEY: &str = "countersign/v1/key/puzzle";
/// Short id that names a root without revealing it.
pub const ROOT_ID: &str = "countersign/v1/root-id";

/// First field under an envelope's `mac`.
pub const CHALLENGE: &str = "countersign/v1/challenge";
/// First field under a short code.
pub const SHORT_CODE: &str = "countersign/v1/code";
/// First field under the long code that a browser-bound link carries.
pub const LONG_CODE: &str = "countersign/v1/long-code";
/// First field under an entry of the device cookie.
pub const DEVICE: &str = "countersign/v1/device";
/// First field under the recipient's hash inside the device cookie.
pub const DEVICE_RECIPIENT: &str = "countersign/v1/device-recipient";
/// First field under the recipient's hash inside a puzzle.
pub const PUZZLE_RECIPIENT: &str = "countersign/v1/puzzle-recipient";
/// Implicit assertion of link tokens.
pub const LINK: &str = "countersign/v1/link";
/// Associated data of refresh tokens.
pub const REFRESH: &str = "countersign/v1/refresh";
/// Associated data of session cookies.
pub const SESSION: &str = "countersign/v1/session";
/// Associated data of relayed requests.
pub const RELAY_REQUEST: &str = "countersign/v1/relay-request";
/// Associated data of relayed answers.
pub const RELAY_ANSWER: &str = "countersign/v1/relay-answer";
/// First field under the choice of a recipient's home.
pub const HOME: &str = "countersign/v1/home";
/// First field under the name of a list of nodes.
pub const HOMES: &str = "countersign/v1/homes";
/// First field under a recipient's name in Redis.
pub const COUNTED_RECIPIENT: &str = "countersign/v1/counted-recipient";
/// First field under a client network's name in Redis.
pub const COUNTED_NETWORK: &str = "countersign/v1/counted-network";
/// First field under the name of a number's prefix in Redis.
pub const COUNTED_PREFIX: &str = "countersign/v1/counted-prefix";
/// First field under a hashed subject in the audit log.
pub const AUDIT_SUBJECT: &str = "countersign/v1/audit-subject";
/// First field under the random values that a node offers Redis.
pub const FRESH: &str = "countersign/v1/fresh";
/// First field under the name of a session that was ended.
pub const ENDED_SESSION: &str = "countersign/v1/ended-session";
/// First field under the name of a subject whose sessions were ended.
pub const ENDED_SUBJECT: &str = "countersign/v1/ended-subject";
