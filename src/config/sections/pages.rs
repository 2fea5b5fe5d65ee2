//! `[pages]`: how the login page and the landing page of links are a site's own.

use super::{passwordless::Passwordless, passwordless::parse_site_name, server::Server};
use crate::{
    config::reader::{
        judge::Section,
        schema::{SectionSchema, text, texts},
    },
    server::pages::brand::{Accent, Brand, Logo, MAX_FILE_BYTES, PageLanguage, SiteLink, Stylesheet},
};

pub(crate) static SCHEMA: SectionSchema = SectionSchema {
    name: "pages",
    about: "How the login page looks and what it says besides. SIGHUP reads all of it again, its files too.",
    keys: &[
        text("name", "", "What the pages call the site. Default: passwordless.site_name."),
        text(
            "logo",
            "",
            "An SVG or PNG file of at most 64 KiB that stands in the place of the name. Scripts in an SVG, and whatever leads out of it,\n\
             are refused.",
        ),
        text(
            "accent",
            "",
            "The colour of buttons, as \"#0f62fe\". It has to have a contrast of 4.5:1 against the light or the dark ground.",
        ),
        text("stylesheet", "", "A CSS file of at most 64 KiB, read after the pages' own. It can load nothing from elsewhere."),
        text("terms_url", "", "Where your terms stand; https. The pages link to it, as to the next two."),
        text("privacy_url", "", "Where you say what becomes of people's data; https."),
        text("support_url", "", "Where people find help: https, or mailto:help@example.com."),
        texts(
            "languages",
            &[],
            "The languages of the pages, as [\"en\", \"de\"]; the first is for who wants none of them and where default_locale is none.\n\
             Empty: all that there are.",
        ),
    ],
};

pub(crate) fn read(section: &Section<'_>, server: Option<&Server>, passwordless: Option<&Passwordless>) -> Option<Brand> {
    if server.is_some_and(|server| !server.pages) {
        section.reads_only_what_is_used("with server.pages = false");
        return Some(Brand::default());
    }
    let name = match section.text("name") {
        "" => Some(passwordless.map(|rules| rules.site_name.clone()).unwrap_or_default()),
        _ => section.parse("name", parse_site_name),
    };
    if let Some(name) = &name {
        section.show("name", name);
    }
    let logo = read_file(section, "logo", Logo::read);
    let stylesheet = read_file(section, "stylesheet", Stylesheet::read);
    let accent = optional(section, "accent", Accent::parse);
    let terms = optional(section, "terms_url", SiteLink::parse_page);
    let privacy = optional(section, "privacy_url", SiteLink::parse_page);
    let support = optional(section, "support_url", SiteLink::parse_page_or_mail);
    let languages = section.parse_each("languages", PageLanguage::parse);
    if let Some(twice) = languages.as_ref().and_then(|languages| first_twice(languages)) {
        section.fault("languages", format!("names {} twice", twice.tag()));
    }
    Some(Brand {
        name: name?,
        logo: logo?,
        accent: accent?,
        stylesheet: stylesheet?,
        terms: terms?,
        privacy: privacy?,
        support: support?,
        languages: languages?,
    })
}

/// `None`: faulty. `Some(None)`: nobody gave it.
#[allow(clippy::option_option, reason = "faulty, or right with or without it")]
fn optional<T>(section: &Section<'_>, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<Option<T>> {
    if section.text(key).is_empty() { Some(None) } else { section.parse(key, read).map(Some) }
}

#[allow(clippy::option_option, reason = "faulty, or right with or without it")]
fn read_file<T>(section: &Section<'_>, key: &str, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Option<Option<T>> {
    let path = section.text(key);
    if path.is_empty() {
        return Some(None);
    }
    let bytes = section.read_bytes_at_most(key, MAX_FILE_BYTES)?;
    read(&bytes).map(Some).map_err(|reason| section.fault(key, format!("{path}: {reason}"))).ok()
}

fn first_twice(languages: &[PageLanguage]) -> Option<PageLanguage> {
    languages.iter().enumerate().find(|(at, language)| languages[..*at].contains(language)).map(|(_, language)| *language)
}

const _: () = assert!(MAX_FILE_BYTES == 64 << 10, "the explanations say 64 KiB");
