//! `[passwordless]`: who may log in, by which channel, with what kind of code, and how often.

use super::server::Server;
#[cfg(feature = "mobile")]
use crate::recipient::phone::{PhoneRules, PhoneRulesFault};
use crate::{
    challenge::{Alphabet, CodeFormat},
    config::reader::{
        choice::choices,
        judge::Section,
        schema::{SectionSchema, number, one_of, switch, text, texts},
        shown::quoted,
    },
    delivery::Tag,
    engine::Policy,
    guard::{MOST_ATTEMPTS, MOST_USES},
    recipient::Channel,
    server::Phones,
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "passwordless",
    about: "Who may log in, by which channel, with what kind of code, and how often.",
    keys: &[
        texts(
            "allowed_passwordless_methods",
            &["EMAIL"],
            "EMAIL, MOBILE, or both, in the order in which the login page shows them.",
        ),
        text("email_field_name", "email", "The name of the e-mail field in requests."),
        text("mobile_field_name", "phone_number", "The name of the phone number field in requests."),
        number("short_token_length", 6, 1, 128, "Characters of a code."),
        text("short_token_chars", "0123456789", "What codes are made of: up to 64 different characters."),
        number(
            "long_token_length",
            64,
            1,
            128,
            "Characters of a long code, which only links with link_binding = \"browser\" hold.",
        ),
        text("long_token_chars", "abcdefghijklmnopqrstuvwxyz0123456789", "What long codes are made of."),
        number("token_lifetime", 600, 1, 86_400, "Seconds until a code ends. NIST and OWASP want at most 600."),
        number("max_token_uses", 1, 1, MOST_USES as u64, "How often one code can be redeemed."),
        number(
            "token_request_throttle_seconds",
            60,
            0,
            86_400,
            "Seconds between two messages to one recipient from one client network; 0: off.",
        ),
        switch("allow_admin_authentication", false, "Let staff and superusers of the directory log in."),
        switch("register_nonexistent_users", false, "Have the directory register whoever proves an unknown recipient."),
        switch("registration_sets_unusable_password", true, "What the directory is told when it registers somebody."),
        switch("incorrect_short_token_redeems_token", false, "A wrong code uses up one of max_token_uses."),
        text(
            "passwordless_email_login_url",
            "",
            "Where the link in an e-mail leads; {token} stands for its token, as in \"my-app://page/{token}\".\n\
             Default: {public_url}{base_path}/link#{token}.",
        ),
        one_of::<LinkBinding>(
            "link_binding",
            "\"none\": the link works anywhere. \"browser\": it holds only a long code, good in the browser that asked for it.",
        ),
        number("max_attempts", 5, 1, MOST_ATTEMPTS as u64, "Wrong codes that one challenge stands."),
        number(
            "max_messages_per_hour",
            10,
            0,
            1_000_000,
            "Messages an hour to one recipient on behalf of strangers; beyond, a client has to solve a puzzle. 0: off.",
        ),
        number(
            "max_messages_per_network_per_hour",
            120,
            0,
            1_000_000_000,
            "Messages an hour on behalf of one client network (an IPv4 address, an IPv6 /64); beyond: a puzzle. 0: off.\n\
             A peer on this machine or in a private network that names no client's address stands for many, and has no such limit.",
        ),
        text("default_region", "", "The region (two letters) of phone numbers in national format. Empty: only +… is read."),
        texts("allowed_regions", &[], "The only regions whose numbers are served, as [\"DE\", \"AT\"]; empty: all."),
        texts("blocked_prefixes", &[], "Prefixes of numbers that are refused, as [\"+1900\"]."),
        text("site_name", "example.com", "The name that messages and pages use."),
        text(
            "default_locale",
            "en",
            "The language of messages and pages, where neither the request, nor the user, nor the browser names one that there is.\n\
             Built in: en, de, fr, es, it, pt, fi, ja, ar; others as folders of email.templates.",
        ),
    ],
};

/// The names that a request's other fields, or a problem's members, have already.
const TAKEN_FIELD_NAMES: [&str; 25] = [
    "type",
    "title",
    "status",
    "detail",
    "code",
    "errors",
    "attempts_left",
    "token",
    "challenge",
    "method",
    "locale",
    "puzzle",
    "altcha",
    "captcha",
    "g-recaptcha-response",
    "h-captcha-response",
    "cf-turnstile-response",
    "code_verifier",
    "code_challenge",
    "code_challenge_method",
    "refresh",
    "non_field_errors",
    "session",
    "return_to",
    "everywhere",
];

/// How many codes the norms ask for at least.
const SIX_DIGITS: u128 = 1_000_000;

choices! {
    enum LinkBinding {
        None = "none",
        Browser = "browser",
    }
}

/// The login rules.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Passwordless {
    /// What the engine itself has to know.
    pub policy: Policy,
    /// The name of the e-mail field in requests.
    pub email_field: String,
    /// The name of the phone number field in requests.
    pub mobile_field: String,
    /// How often one challenge can be redeemed.
    pub max_token_uses: u32,
    /// How many wrong codes one challenge stands.
    pub max_attempts: u32,
    /// Whether a wrong code uses up one of `max_token_uses`.
    pub wrong_code_takes_use: bool,
    /// Seconds between two messages to one recipient from one client network; 0: off.
    pub throttle_seconds: u32,
    /// Messages an hour to one recipient on behalf of strangers; 0: off.
    pub max_messages_per_hour: u32,
    /// Messages an hour on behalf of one client network; 0: off.
    pub max_messages_per_network_per_hour: u32,
    /// Where a magic link leads; has one `{token}` or more.
    pub link_url: String,
    /// Which phone numbers are served.
    pub phones: Phones,
    /// The name that messages and pages use.
    pub site_name: String,
    /// The language where nobody asks for one that there is.
    pub default_locale: Tag,
}

pub(crate) fn read(section: &Section<'_>, server: Option<&Server>) -> Option<Passwordless> {
    let channels = read_channels(section);
    let email_field = section.parse("email_field_name", parse_field_name);
    let mobile_field = section.parse("mobile_field_name", parse_field_name);
    if email_field.is_some() && email_field == mobile_field {
        section.fault("mobile_field_name", "must differ from passwordless.email_field_name");
    }
    let code_format = read_format(section, "short_token_chars", "short_token_length");
    let long_format = read_format(section, "long_token_chars", "long_token_length");
    let browser_link = match section.choice("link_binding") {
        LinkBinding::Browser => Some(long_format.and_then(|long| judge_long_format(section, long, code_format.as_ref()))),
        LinkBinding::None => None,
    };
    let lifetime: u32 = section.number("token_lifetime");
    if lifetime > 600 {
        section.warn("token_lifetime", "is more than the 600 seconds that NIST SP 800-63B-4 and OWASP ASVS allow");
    }
    warn_of_weak_codes(section, code_format.as_ref());
    let link_url = read_link_url(section, server);
    let phones = read_phones(section);
    let site_name = section.parse("site_name", parse_site_name);
    let default_locale = section.parse("default_locale", |text| {
        Tag::parse(text).ok_or_else(|| format!("{} is no language tag: write it as de or pt-BR", quoted(text)))
    });
    Some(Passwordless {
        policy: Policy {
            challenge_lifetime: u64::from(lifetime),
            browser_link: match browser_link {
                Some(format) => Some(format?),
                None => None,
            },
            allows_admins: section.switch("allow_admin_authentication"),
            registers: section.switch("register_nonexistent_users"),
            registration_sets_unusable_password: section.switch("registration_sets_unusable_password"),
            ..Policy::new(channels?, code_format?)
        },
        email_field: email_field?,
        mobile_field: mobile_field?,
        max_token_uses: section.number("max_token_uses"),
        max_attempts: section.number("max_attempts"),
        wrong_code_takes_use: section.switch("incorrect_short_token_redeems_token"),
        throttle_seconds: section.number("token_request_throttle_seconds"),
        max_messages_per_hour: section.number("max_messages_per_hour"),
        max_messages_per_network_per_hour: section.number("max_messages_per_network_per_hour"),
        link_url: link_url?,
        phones: phones?,
        site_name: site_name?,
        default_locale: default_locale?,
    })
}

fn read_channels(section: &Section<'_>) -> Option<Vec<Channel>> {
    const KEY: &str = "allowed_passwordless_methods";
    let mut channels = section.parse_each(KEY, |name| match name.to_ascii_uppercase().as_str() {
        "EMAIL" => Ok(Channel::Email),
        "MOBILE" if cfg!(feature = "mobile") => Ok(Channel::Mobile),
        "MOBILE" => Err("MOBILE needs a build with the feature \"mobile\"".into()),
        _ => Err(format!("{} is neither EMAIL nor MOBILE", quoted(name))),
    })?;
    if channels.is_empty() {
        section.fault(KEY, "must name EMAIL, MOBILE or both");
        return None;
    }
    if channels.len() == 2 && channels[0] == channels[1] || channels.len() > 2 {
        section.fault(KEY, "names a method twice");
        return None;
    }
    channels.shrink_to_fit();
    Some(channels)
}

fn parse_field_name(name: &str) -> Result<String, String> {
    if TAKEN_FIELD_NAMES.contains(&name) {
        return Err(format!("{} is taken by another field", quoted(name)));
    }
    if name.is_empty() || name.len() > 64 || name.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err("must be 1 to 64 bytes without white space".into());
    }
    Ok(name.to_owned())
}

fn read_format(section: &Section<'_>, chars: &str, length: &str) -> Option<CodeFormat> {
    let alphabet = section.parse(chars, |text| Alphabet::new(text).map_err(|error| error.to_string()))?;
    let format = CodeFormat::new(alphabet, section.number(length));
    Some(format.expect("the schema's range is that of codes"))
}

/// Warns where codes are weaker, or may be used more often, than the norms allow.
fn warn_of_weak_codes(section: &Section<'_>, format: Option<&CodeFormat>) {
    if format.is_some_and(|format| format.possibilities() < SIX_DIGITS) {
        section.warn(
            "short_token_length",
            "makes codes that are weaker than 6 digits, the least that NIST SP 800-63B-4 and OWASP ASVS (6.5.4) allow",
        );
    }
    if section.number::<u32>("max_token_uses") > 1 {
        section.warn("max_token_uses", "is more than 1: NIST SP 800-63B-4 and OWASP ASVS (6.5.1) allow a code one use");
    }
}

/// A long code is told from a short one by its length, and must not be guessable at all: links count no attempts.
fn judge_long_format(section: &Section<'_>, long: CodeFormat, short: Option<&CodeFormat>) -> Option<CodeFormat> {
    use crate::challenge::Strength;
    let why = "with link_binding = \"browser\"";
    let longest = short.map_or(0, CodeFormat::length).max(15);
    let mut is_right = true;
    if long.length() <= longest {
        section.fault("long_token_length", format!("must be more than {longest} {why}, so that a long code is no short one"));
        is_right = false;
    }
    if long.strength() < Strength::Long {
        section.fault(
            "long_token_length",
            format!("must make codes of 64 bits or more {why}, since guesses at links aren't counted"),
        );
        is_right = false;
    }
    is_right.then_some(long)
}

fn read_link_url(section: &Section<'_>, server: Option<&Server>) -> Option<String> {
    const KEY: &str = "passwordless_email_login_url";
    if section.text(KEY).is_empty() {
        let server = server?;
        if !server.pages {
            section.warn(KEY, "is empty and server.pages is off, so the links lead nowhere");
        }
        let url = format!("{}{}/link#{{token}}", server.public_url, server.base_path);
        section.show(KEY, &url);
        return Some(url);
    }
    section.parse(KEY, parse_link_url)
}

fn parse_link_url(text: &str) -> Result<String, String> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !text.contains("{token}") {
        return Err("must contain {token}".into());
    }
    if !is_scheme {
        return Err("must start with a scheme, as https: or my-app:".into());
    }
    if matches!(&*scheme, "javascript" | "data" | "vbscript") {
        return Err(format!("must not run anything: {scheme}: is refused"));
    }
    let is_bad = |character: char| character.is_whitespace() || character.is_control() || "\"<>\\^`|".contains(character);
    if text.replace("{token}", "").contains(|character| is_bad(character) || "{}".contains(character)) {
        return Err("has a character that no URL has, or a placeholder that isn't {token}".into());
    }
    Ok(text.to_owned())
}

/// Regions and prefixes, judged together.
#[cfg(feature = "mobile")]
fn read_phones(section: &Section<'_>) -> Option<Phones> {
    let default_region = section.text("default_region");
    let allowed_regions: Vec<_> = section.texts("allowed_regions").collect();
    let blocked_prefixes: Vec<_> = section.texts("blocked_prefixes").collect();
    let is_allowed = |region: &str| allowed_regions.iter().any(|allowed| allowed.eq_ignore_ascii_case(region));
    if !default_region.is_empty() && !allowed_regions.is_empty() && !is_allowed(default_region) {
        section.warn("default_region", "is not among allowed_regions: numbers in national format are refused");
    }
    let no_region = |text: &str| format!("{} is no region: write two letters, as DE", quoted(text));
    let faults = match PhoneRules::new(default_region, &allowed_regions, &blocked_prefixes) {
        Ok(rules) => return Some(Phones::new(rules)),
        Err(faults) => faults,
    };
    for fault in faults {
        match fault {
            PhoneRulesFault::UnknownDefaultRegion => section.fault("default_region", no_region(default_region)),
            PhoneRulesFault::UnknownAllowedRegion(at) => section.fault("allowed_regions", no_region(allowed_regions[at])),
            PhoneRulesFault::InvalidBlockedPrefix(at) => {
                let prefix = quoted(blocked_prefixes[at]);
                section.fault("blocked_prefixes", format!("{prefix} is no prefix of an international number, as +1900"));
            }
        }
    }
    None
}

/// In a build that reads no phone numbers there is nothing to judge.
#[cfg(not(feature = "mobile"))]
fn read_phones(section: &Section<'_>) -> Option<Phones> {
    section.unused(&["default_region", "allowed_regions", "blocked_prefixes"], "in a build without the feature \"mobile\"");
    Some(Phones::default())
}

pub(super) fn parse_site_name(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) || text.contains(['\u{2028}', '\u{2029}']) {
        return Err("must have no line break and no control character".into());
    }
    if text.trim().is_empty() || text.len() > 200 {
        return Err("must be 1 to 200 bytes".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_names() {
        assert_eq!(parse_field_name("e-mail").as_deref(), Ok("e-mail"));
        for bad in TAKEN_FIELD_NAMES.into_iter().chain(["", "a b", "a\n", &"x".repeat(65)]) {
            assert!(parse_field_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn link_urls() {
        for good in ["my-app://page/{token}", "https://app.example/login?t={token}", "https://a/#{token}&again={token}"] {
            assert_eq!(parse_link_url(good).as_deref(), Ok(good));
        }
        for bad in
            ["", "https://a/", "//a/{token}", "{token}", "a b://{token}", "https://a/{token}\r\nX: 1", "https://a/{tok}{token}"]
        {
            assert!(parse_link_url(bad).is_err(), "{bad}");
        }
        assert!(parse_link_url("JavaScript:alert('{token}')").is_err());
        assert!(parse_link_url("https://a/\"><b>{token}").is_err());
    }

    #[test]
    fn a_site_name_is_one_line() {
        assert!(parse_site_name("Ann & Bob’s").is_ok());
        for bad in ["", " ", "a\nb", "a\rb", "a\u{85}b", "a\u{2028}b", &"x".repeat(201)] {
            assert!(parse_site_name(bad).is_err(), "{bad:?}");
        }
    }
}
