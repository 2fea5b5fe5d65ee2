//! What a failure means, and which key to change. Servers often quote the recipient, so their own words stay in their logs;
//! what they say by number is explained here.

use super::reach::{Endpoint, Fault};
use crate::delivery::SendError;

/// The ports of mail servers, as people mix them up.
const PORTS: &str = "mail servers use 587 (smtp://…:587?tls=required), 465 (smtps://…) or 25 (smtp://…)";

/// What to do where nothing can be reached.
pub(super) fn unreachable(section: &str, endpoint: &Endpoint, fault: &Fault) -> String {
    let Endpoint { host, port, key } = endpoint;
    match fault {
        Fault::NoAddress(_) => format!("check how {section}.{key} spells {host}, and whether this machine can look names up."),
        Fault::NobodyListens(_) if *key == "url" && is_mail_port(*port) => {
            format!("nothing listens at {host}:{port}. Check the port in {section}.url: {PORTS}.")
        }
        Fault::NobodyListens(_) => format!("nothing listens at {host}:{port}. Check host and port in {section}.{key}."),
        Fault::Silence if *port == 25 => format!(
            "a firewall drops it; many hosting companies close port 25. Use the port that your mail service names in {section}.url: {PORTS}."
        ),
        Fault::Silence => {
            format!("a firewall between this machine and {host}:{port} drops it, or the host in {section}.{key} is wrong.")
        }
    }
}

/// What to do after a try that failed; `None` where its reason says it already.
pub(super) fn failed(section: &str, carrier: &str, endpoint: Option<&Endpoint>, error: &SendError) -> Option<String> {
    let reason = error.reason();
    let status = status(reason);
    Some(match carrier {
        "console" => return None,
        "file" => format!("look at {section}.path: the folder must be there and writable for this user."),
        "smtp" => return smtp(section, endpoint, status, error),
        _ => match status {
            Some(status) => http(section, carrier, status, matches!(error, SendError::Refused(_))),
            None if matches!(error, SendError::NoAnswer { .. }) => {
                format!("it took the call and didn't answer. Raise delivery.timeout_seconds, or look at the state of {carrier}.")
            }
            None if reason.contains("certificate") => format!(
                "its certificate can't be checked. Is {section}.{} right, and does a proxy break the encryption? SSL_CERT_FILE names \
                 roots beside the system's.",
                endpoint.map_or("url", |endpoint| endpoint.key)
            ),
            None => return None,
        },
    })
}

fn smtp(section: &str, endpoint: Option<&Endpoint>, status: Option<u16>, error: &SendError) -> Option<String> {
    let (reason, port) = (error.reason(), endpoint.map_or(0, |endpoint| endpoint.port));
    let is_of_recipient = matches!(error, SendError::Final(_));
    Some(match status {
        _ if reason.contains("refused the user or the password") => format!(
            "put the right user and password into {section}.url, with @ : / and % in them percent-encoded (%40 %3A %2F %25). Many \
             services want a key or an app password in the place of the account's own."
        ),
        _ if reason.contains("no way to log in") => format!(
            "many servers let nobody log in before TLS: use {section}.url = \"smtp://…?tls=required\" or \"smtps://…\". If this one \
             wants no login at all, take user and password out of it."
        ),
        _ if reason.contains("STARTTLS") => {
            format!(
                "use the port with STARTTLS, mostly 587, or \"smtps://…\" in {section}.url where TLS comes first, mostly 465."
            )
        }
        // The reason names the key.
        _ if reason.contains("certificate") => return None,
        Some(421 | 450..=459) => {
            "the server puts it off: it is busy, has a limit, or lets strangers wait (greylisting). Wait, and try \
             again; if it stays so, ask who runs it."
                .into()
        }
        Some(500..=504) => {
            format!("the server doesn't like how we talk to it. Set {section}.hello_name to this machine's full name.")
        }
        Some(530) => {
            format!("the server wants a login, or TLS first: user and password in {section}.url, and ?tls=required or smtps://.")
        }
        Some(538) => format!("the server wants TLS before a login: ?tls=required or smtps:// in {section}.url."),
        Some(534 | 535) => format!("the server refuses the login: check user and password in {section}.url."),
        Some(552 | 523) => "the message is too large for this server; its templates are what makes it so.".into(),
        Some(550..=559) if is_of_recipient => {
            format!("the server takes nothing for this address. Is it right? Else look at {section}.from: some refuse by sender.")
        }
        Some(550..=559) => format!(
            "the server refuses us, not the address. Check that it may send for {section}.from (SPF, DKIM, a verified sender), that it \
             lets this machine relay, and that user and password are in {section}.url if it wants them."
        ),
        None if reason.contains("corrupt message") || reason.contains("InvalidContentType") => {
            format!(
                "the server speaks no TLS from the first byte at port {port}: use \"smtp://…?tls=required\" in {section}.url."
            )
        }
        None if port == 465 => {
            format!("at port 465 TLS comes first: use \"smtps://…\" in {section}.url.")
        }
        None if matches!(error, SendError::NoAnswer { .. } | SendError::Down { .. }) => {
            format!("the connection is there, but the conversation broke off. Check the port in {section}.url: {PORTS}.")
        }
        Some(_) | None => return None,
    })
}

fn http(section: &str, carrier: &str, status: u16, is_of_account: bool) -> String {
    let keys = keys(carrier);
    let credentials = keys.iter().map(|key| format!("{section}.{key}")).collect::<Vec<_>>().join(", ");
    match (status, carrier) {
        (401 | 403, "http") => format!("your endpoint refuses the signature: is {section}.secret what it checks with?"),
        (401 | 403, _) => format!("it refuses the account or its key: check {credentials}, and what that key may do."),
        (402, _) => "the account has no credit left, or no plan.".into(),
        (300..=399, _) => {
            format!("it redirects, which is never followed: set {} to where that leads.", url_key(section, carrier))
        }
        (404 | 405, "http") => format!("your endpoint isn't at that path, or takes no POST: check {section}.url."),
        (404, "mailgun") => {
            format!("check {section}.domain, and {section}.api_base: accounts in the EU have https://api.eu.mailgun.net.")
        }
        (404 | 405, _) => {
            format!("it knows no such account, or isn't what it should be: check {credentials} and {section}.api_base.")
        }
        (408 | 425 | 500..=599, _) => "it has trouble of its own: look at its status page, and try again later.".into(),
        (429, _) => "too many messages for this account at once: wait, or have its limit raised.".into(),
        (400 | 422, _) if is_of_account => format!(
            "it doesn't let this account send so: check {section}.from (is it the account's, verified, allowed in this country?) and \
             what a trial account may do."
        ),
        (400 | 422, "http") => "your endpoint refuses the message: its own log says why.".into(),
        (400 | 422, _) => format!("it refuses the recipient or the message: check the recipient, then {section}.from."),
        _ => format!("its documentation explains the number; the account's own log has the whole answer ({credentials})."),
    }
}

/// The keys that a provider is shown.
fn keys(carrier: &str) -> &'static [&'static str] {
    match carrier {
        "twilio" => &["account_sid", "auth_token"],
        "vonage" => &["api_key", "api_secret"],
        "ses" | "sns" => &["access_key_id", "secret_access_key", "region"],
        "mailgun" => &["api_key", "domain", "api_base"],
        "http" => &["url", "secret"],
        _ => &["api_key"],
    }
}

fn url_key(section: &str, carrier: &str) -> String {
    format!("{section}.{}", if carrier == "http" { "url" } else { "api_base" })
}

/// The number that a server answered with, as reasons have it.
fn status(reason: &str) -> Option<u16> {
    let after = reason.split_once(" answered ")?.1;
    after.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

const fn is_mail_port(port: u16) -> bool {
    matches!(port, 25 | 465 | 587 | 2525)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(port: u16) -> Endpoint {
        Endpoint { host: "mail.example.com".into(), port, key: "url" }
    }

    fn refused(reason: &str) -> SendError {
        SendError::Refused(reason.into())
    }

    #[test]
    fn what_a_mail_server_says_names_the_key_to_change() {
        for (error, says) in [
            (refused("the SMTP server refused the user or the password of email.url (535)"), "%40"),
            (refused("the SMTP server offers no way to log in that we know (PLAIN, LOGIN)"), "before TLS"),
            (refused("the SMTP server offers no STARTTLS, which ?tls=required insists on"), "smtps://"),
            (SendError::busy("the SMTP server answered 421"), "greylisting"),
            (SendError::temporary("the SMTP server answered 451"), "greylisting"),
            (refused("the SMTP server answered 501"), "email.hello_name"),
            (refused("the SMTP server answered 530"), "wants a login"),
            (refused("the SMTP server answered 554"), "email.from"),
            (SendError::Final("the SMTP server answered 550".into()), "nothing for this address"),
            (SendError::down("received corrupt message of type InvalidContentType"), "?tls=required"),
            (SendError::NoAnswer { reason: "no answer within 10 s".into() }, "broke off"),
        ] {
            let advice = failed("email", "smtp", Some(&endpoint(587)), &error).unwrap();
            assert!(advice.contains(says), "{error}: {advice}");
        }
        let at_465 = failed("email", "smtp", Some(&endpoint(465)), &SendError::down("connection reset")).unwrap();
        assert!(at_465.contains("smtps://"), "{at_465}");
        let certificate = refused("the SMTP server's certificate has expired");
        assert_eq!(failed("email", "smtp", Some(&endpoint(465)), &certificate), None, "the reason says it all");
    }

    #[test]
    fn what_a_provider_says_names_the_key_to_change() {
        for (carrier, error, says) in [
            ("twilio", refused("Twilio answered 401 (its error 20003)"), "sms.account_sid, sms.auth_token"),
            ("twilio", refused("Twilio answered 400 (its error 21606)"), "sms.from"),
            ("twilio", SendError::Final("Twilio answered 400 (its error 21211)".into()), "recipient"),
            ("telnyx", refused("Telnyx answered 403"), "sms.api_key"),
            ("sns", refused("Amazon SNS answered 403"), "sms.region"),
            ("http", refused("the endpoint answered 401"), "sms.secret"),
            ("http", refused("the endpoint answered 302"), "sms.url"),
            ("vonage", SendError::down("Vonage answered 503"), "status page"),
            ("telnyx", SendError::busy("Telnyx answered 429"), "limit"),
        ] {
            let advice = failed("sms", carrier, None, &error).unwrap();
            assert!(advice.contains(says), "{error}: {advice}");
        }
    }

    #[test]
    fn what_cant_be_reached_names_the_key_to_change() {
        for (port, fault, says) in [
            (587, Fault::NoAddress("x".into()), "email.url spells mail.example.com"),
            (587, Fault::NobodyListens("x".into()), "465"),
            (25, Fault::Silence, "port 25"),
            (443, Fault::NobodyListens("x".into()), "mail.example.com:443"),
            (443, Fault::Silence, "firewall"),
        ] {
            let advice = unreachable("email", &endpoint(port), &fault);
            assert!(advice.contains(says), "{fault}: {advice}");
        }
    }
}
