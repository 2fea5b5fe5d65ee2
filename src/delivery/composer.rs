//! Writes messages: derives the code, seals the link, renders the text. In the delivery worker, never in a request.

use std::{
    borrow::Cow,
    sync::{Arc, PoisonError, RwLock},
};

use minijinja::Error;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    Dispatch, Tag,
    message::{Message, MessageId},
    templates::{Templates, Words, WrittenEmail},
};
use crate::{challenge::CodeFormat, recipient::Channel, time::UnixTime};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a site says of itself in its messages.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name that messages use.
    pub name: String,
    /// The host of the public URL, without the port.
    pub host: String,
    /// Whether the public URL is `https`: then the last line of an SMS binds the code to `host`.
    pub is_https: bool,
    /// Where a magic link leads; each `{token}` in it is replaced.
    pub link_url: String,
    /// The language of messages where nobody asks for one that there is.
    pub default_locale: Tag,
    /// Whether the subject of an e-mail starts with the code.
    pub code_in_subject: bool,
    /// The long code that links carry, where they are good only in the requesting browser.
    pub browser_link: Option<CodeFormat>,
}

/// Writes the messages of one site.
#[derive(Debug)]
pub struct Composer {
    site: Site,
    templates: RwLock<Arc<Templates>>,
}

impl Composer {
    /// With the words of one site.
    #[must_use]
    pub const fn new(site: Site, templates: Arc<Templates>) -> Self {
        Self { site, templates: RwLock::new(templates) }
    }

    /// Writes with other templates from the next message on.
    pub fn use_templates(&self, templates: Arc<Templates>) {
        *self.templates.write().unwrap_or_else(PoisonError::into_inner) = templates;
    }

    /// Writes a message. One that will be dropped takes all the same work.
    ///
    /// # Errors
    /// A template that fails on these very words.
    pub fn compose(&self, dispatch: &Dispatch, now: UnixTime, random: &mut impl CryptoRng) -> Result<Message, Error> {
        let Dispatch { challenge, found, languages, agent, .. } = dispatch;
        let channel = challenge.challenge().channel;
        let code = dispatch.code();
        let link = match channel {
            Channel::Email => self.link(dispatch),
            Channel::Mobile => Zeroizing::default(),
        };
        let templates = Arc::clone(&self.templates.read().unwrap_or_else(PoisonError::into_inner));
        let stored = found.user().and_then(|user| user.locale.as_deref());
        let locale = languages.choose(stored, &self.site.default_locale, |tag| templates.has(tag));
        let words = Words {
            code: code.expose(),
            link: &link,
            site_name: &self.site.name,
            minutes: minutes(challenge.challenge().expires_at.seconds_since(now)),
            host: &self.site.host,
            locale: &locale,
            requested_at: challenge.challenge().issued_at,
            agent: *agent,
            code_in_subject: self.site.code_in_subject,
        };
        let (subject, text, html) = match channel {
            Channel::Email => {
                let WrittenEmail { subject, text, html } = templates.email(&words)?;
                (self.subject(&subject, words.code), text, html)
            }
            Channel::Mobile => (String::new(), self.sms(&templates, &words)?, String::new()),
        };
        let to = dispatch.address().into();
        let code = Zeroizing::new(code.expose().to_owned());
        let (text, html) = (Zeroizing::new(text), Zeroizing::new(html));
        Ok(Message { id: MessageId::random(random), channel, to, code, link, locale, subject, text, html })
    }

    fn link(&self, dispatch: &Dispatch) -> Zeroizing<String> {
        match &self.site.browser_link {
            Some(format) => self.link_with(dispatch.long_code(format).expose()),
            None => self.link_with(dispatch.link().expose()),
        }
    }

    fn link_with(&self, token: &str) -> Zeroizing<String> {
        let token: Cow<'_, str> = utf8_percent_encode(token, RESERVED).into();
        Zeroizing::new(self.site.link_url.replace("{token}", &token))
    }

    /// One line, which starts with the code where that is wanted, whatever the template is.
    fn subject(&self, written: &str, code: &str) -> String {
        let subject = one_line(written);
        let lacks_code = self.site.code_in_subject && !subject.starts_with(code);
        if lacks_code { format!("{code} - {subject}") } else { subject }
    }

    /// An SMS ends with the line that binds its code to our host, so that browsers and phones fill it in nowhere else
    /// (WICG, "Origin-bound one-time codes delivered via SMS").
    fn sms(&self, templates: &Templates, words: &Words<'_>) -> Result<String, Error> {
        let mut text = templates.sms(words)?;
        text.truncate(text.trim_end().len());
        if self.site.is_https {
            let line = format!("@{} #{}", words.host, words.code);
            if text.lines().next_back() != Some(&line) {
                text.extend(["\n\n", &line]);
            }
        }
        Ok(text)
    }
}

/// The nearest number of minutes, at least one: a message that waited a second still says ten.
const fn minutes(seconds: u64) -> u64 {
    let minutes = (seconds + 30) / 60;
    if minutes == 0 { 1 } else { minutes }
}

/// A header's value: line breaks and other control characters are white space, and white space is one space.
fn one_line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::challenge::{Alphabet, UntrustedLink};
    use crate::{
        browser::agent::{Agent, Browser, System},
        delivery::{
            Fate, Languages,
            testing::{Fleet, NOW, composer, site},
        },
        directory::Found,
        user::User,
    };

    fn compose(site: Site, dispatch: &Dispatch) -> Message {
        composer(site).compose(dispatch, NOW, &mut rand::rng()).unwrap()
    }

    fn token(link: &str) -> &str {
        link.split_once('#').unwrap().1
    }

    #[test]
    fn an_email_carries_the_code_and_a_link_that_opens_the_same_challenge() {
        let fleet = Fleet::new();
        let dispatch = fleet.dispatch("ann@example.com");
        let message = compose(site(), &dispatch);
        assert_eq!(message.code.as_str(), fleet.keys.challenges.code(&dispatch.challenge, "e").unwrap().expose());
        assert!(message.text.lines().any(|line| line == message.code.as_str()));
        assert!(message.text.contains(message.link.as_str()) && message.html.contains(message.link.as_str()));
        assert!(message.link.starts_with("https://example.com/passwordless/link#v4.local."));
        let link = UntrustedLink::parse(token(&message.link)).unwrap();
        let opened = fleet.keys.links.open(&fleet.keys.challenges, link).unwrap();
        assert_eq!((opened.challenge.challenge(), opened.epoch.as_str()), (dispatch.challenge.challenge(), "e"));
    }

    #[test]
    fn a_link_for_one_browser_carries_the_long_code() {
        let fleet = Fleet::new();
        let dispatch = fleet.dispatch("ann@example.com");
        let long = CodeFormat::new(Alphabet::new("/%ab").unwrap(), 64).unwrap();
        let link_url = "my-app://page/{token}?again={token}".into();
        let message = compose(Site { link_url, browser_link: Some(long.clone()), ..site() }, &dispatch);
        let code = fleet.keys.challenges.long_code(&dispatch.challenge, "e", &long);
        let spelled = code.expose().replace('%', "%25").replace('/', "%2F");
        assert_eq!(message.link.as_str(), format!("my-app://page/{spelled}?again={spelled}"));
        assert!(!message.text.contains("v4.local"));
    }

    #[test]
    fn an_sms_has_no_link_and_ends_with_the_line_that_binds_its_code() {
        let fleet = Fleet::new();
        let dispatch = fleet.dispatch("+12025550123");
        let message = compose(site(), &dispatch);
        assert_eq!((message.link.as_str(), message.subject.as_str(), message.html.as_str()), ("", "", ""));
        assert_eq!(message.text.lines().next_back().unwrap(), format!("@example.com #{}", message.code.as_str()));
        assert!(message.text.len() <= 160, "one SMS: {}", message.text.len());
        let plain = compose(Site { is_https: false, ..site() }, &dispatch);
        assert!(!plain.text.contains('@') && !plain.text.contains('#'));
    }

    #[test]
    fn a_message_says_when_and_with_what_it_was_asked_for() {
        let fleet = Fleet::new();
        let agent = Agent { browser: Some(Browser::Edge), system: Some(System::Windows) };
        let message = compose(site(), &Dispatch { agent, ..fleet.dispatch("ann@example.com") });
        for text in [&message.text, &message.html] {
            assert!(
                text.contains("Requested: 14 November 2023, 22:13 UTC") && text.contains("Browser: Edge on Windows"),
                "{}",
                **text
            );
        }
        let unknown = compose(site(), &fleet.dispatch("ann@example.com"));
        assert!(!unknown.text.contains("Browser") && !unknown.html.contains("Browser"));
    }

    #[test]
    fn the_code_is_in_the_subject_and_before_the_text_only_where_that_is_wanted() {
        let fleet = Fleet::new();
        let dispatch = fleet.dispatch("ann@example.com");
        let message = compose(site(), &dispatch);
        let code = message.code.as_str();
        assert_eq!(message.subject, "Login on example.com");
        assert_eq!(message.html.matches(code).count(), 1, "the preview line doesn't show it");
        let first = compose(Site { code_in_subject: true, ..site() }, &dispatch);
        assert_eq!(first.subject, format!("{code} is your code for example.com"));

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("email.subject.txt"), "Hello").unwrap();
        let composer = Composer::new(Site { code_in_subject: true, ..site() }, Templates::load(folder.path()).unwrap().into());
        let message = composer.compose(&dispatch, NOW, &mut rand::rng()).unwrap();
        assert_eq!(message.subject, format!("{code} - Hello"), "whatever the template is");
    }

    #[test]
    fn the_language_is_the_request_s_then_the_user_s_then_the_browser_s_then_the_default() {
        let fleet = Fleet::new();
        let locale = |requested: Option<&str>, stored: Option<&str>, accepted: Option<&str>| {
            let dispatch = fleet.dispatch("ann@example.com");
            let languages = Languages { requested: requested.map(Into::into), accepted: accepted.map(Into::into) };
            let user = dispatch.found.user().unwrap();
            let user = User { locale: stored.map(Into::into), ..user.clone() };
            let found = Found::new(dispatch.challenge.recipient(), Some(user.into()));
            let site = Site { default_locale: Tag::parse("fi").unwrap(), ..site() };
            compose(site, &Dispatch { found, languages, ..dispatch }).locale.to_string()
        };
        assert_eq!(locale(Some("de-AT"), Some("fr"), Some("es")), "de");
        assert_eq!(locale(Some("nl"), Some("fr"), Some("es")), "fr");
        assert_eq!(locale(None, Some("nl"), Some("xx, es;q=0.5, it;q=0.7")), "it");
        assert_eq!(locale(Some("../ar"), None, Some("*")), "fi");
        assert_eq!(locale(None, None, None), "fi");
    }

    #[test]
    fn a_dropped_message_is_written_like_any_other() {
        let fleet = Fleet::new();
        let sent = compose(site(), &fleet.dispatch("ann@example.com"));
        let dropped = compose(site(), &Dispatch { fate: Fate::Drop, ..fleet.dispatch("ann@example.com") });
        assert_eq!(dropped.text.len(), sent.text.len());
        assert_eq!(&*dropped.to, "ann@example.com");
        assert_ne!(dropped.id, sent.id);
    }

    #[test]
    fn minutes_are_those_that_are_left() {
        for (seconds, left) in [(600, 10), (599, 10), (571, 10), (90, 2), (89, 1), (1, 1), (0, 1)] {
            assert_eq!(minutes(seconds), left, "{seconds} s");
        }
    }

    #[test]
    fn the_site_s_name_never_makes_a_second_header() {
        let fleet = Fleet::new();
        let name = "Bank\r\nBcc: eve@example.com\u{2028}\u{85}\0\tX".into();
        let message = compose(Site { name, ..site() }, &fleet.dispatch("ann@example.com"));
        assert_eq!(message.subject, "Login on Bank Bcc: eve@example.com X");
    }

    #[test]
    fn nothing_of_a_message_is_shown() {
        let fleet = Fleet::new();
        let message = compose(site(), &fleet.dispatch("ann@example.com"));
        let shown = format!("{message:?}");
        for secret in ["ann@", message.code.as_str(), "v4.local"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn whatever_language_is_asked_for_a_message_is_written(locale in ".{0,60}", header in ".{0,120}") {
            let fleet = Fleet::new();
            let languages = Languages { requested: Some(locale.into()), accepted: Some(header.into()) };
            let message = compose(site(), &Dispatch { languages, ..fleet.dispatch("ann@example.com") });
            prop_assert!(message.subject.contains("example.com"));
            prop_assert!(!message.locale.as_str().contains(['.', '/', '\r', '\n', '\0']));
        }
    }
}
