//! The login page, the landing page of links, the page that signs out, and what they load. All of it is in the binary or a file
//! of the site's own, and nothing comes from elsewhere.
//!
//! Configuration and texts reach the scripts as attributes and a template of the document. A page that shows nothing of its
//! visit is rendered once in each language, at the start. A page spends nothing by being fetched; everything happens by POST,
//! after a click.

mod assets;
pub mod brand;
mod render;
mod texts;

use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};
use minijinja::Environment;

pub(crate) use self::render::Visit;
use self::{
    assets::{Asset, Assets},
    brand::{Brand, Logo, PageLanguage},
    render::Document,
};
use super::{call::Answer, wire::return_to::ReturnTo};
use crate::{
    delivery::{Languages, Tag},
    recipient::Channel,
};

/// `Content-Security-Policy` of the pages and of what they load: no inline script or style, and nothing from elsewhere; a worker
/// falls under `script-src`.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// That of pictures, which are documents of this origin for who opens them by themselves. They may have styles, and nothing else.
const POLICY_OF_PICTURES: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The other headers of every page and asset. `Referrer-Policy`: with `no-referrer` a form of ours would be sent with
/// `Origin: null`.
const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

const HTML: &str = "text/html; charset=utf-8";

/// What the pages say and where they send.
#[derive(Clone, Debug)]
pub(crate) struct PagesConfig<'a> {
    /// Path that the endpoints are under: `/passwordless`, or empty.
    pub(crate) base_path: &'a str,
    /// How they look, and what they lead to.
    pub(crate) brand: &'a Brand,
    /// The language for those who want none that there is.
    pub(crate) default_locale: &'a Tag,
    /// The allowed channels; one field for each, in this order.
    pub(crate) channels: &'a [Channel],
    /// Name of the e-mail field in bodies.
    pub(crate) email_field_name: &'a str,
    /// Name of the phone number field in bodies.
    pub(crate) mobile_field_name: &'a str,
    /// Whether a phone number has to start with its country code, since there is no default region.
    pub(crate) needs_country_code: bool,
    /// Where links are good only in the browser that asked for them: how many characters the code has that each holds.
    pub(crate) bound_link_length: Option<u8>,
    /// Whether a login is kept by a cookie; else the pages show what the token says.
    pub(crate) has_sessions: bool,
}

/// The pages of one configuration.
#[derive(Debug)]
pub(crate) struct Pages {
    base_path: String,
    /// In each language; the first is for those who want none of them, where the default is none of them either.
    versions: Vec<Version>,
    default_locale: Tag,
    assets: Assets,
    templates: Environment<'static>,
}

/// The pages in one language.
#[derive(Debug)]
struct Version {
    language: Tag,
    login: Document,
    /// That of who isn't signed in and is led nowhere.
    plain_login: Bytes,
    link: Bytes,
    logout: Document,
}

/// What is at a path.
#[derive(Debug)]
enum Found<'p> {
    Page(Bytes),
    Asset(&'p Asset),
}

impl Pages {
    /// Renders both pages in every language.
    #[must_use]
    pub(crate) fn new(config: &PagesConfig<'_>) -> Self {
        let templates = render::templates();
        let languages: Vec<_> = match &config.brand.languages[..] {
            [] => PageLanguage::all().collect(),
            some => some.to_vec(),
        };
        let version = |language: &PageLanguage| {
            let [login, link, logout] =
                ["login", "link", "logout"].map(|page| Document::new(page, *language, &languages, config));
            Version {
                language: Tag::parse(language.tag()).expect("a test parses the tags"),
                plain_login: login.render(&templates, &Visit::default()).into(),
                link: link.render(&templates, &Visit::default()).into(),
                login,
                logout,
            }
        };
        Self {
            base_path: config.base_path.trim_end_matches('/').to_owned(),
            versions: languages.iter().map(version).collect(),
            default_locale: config.default_locale.clone(),
            assets: Assets::new(config.brand),
            templates,
        }
    }

    /// The page or asset at a path, with or without a trailing slash; a page in the first of the wanted languages that there is,
    /// an asset only to who doesn't have it (`headers`).
    #[must_use]
    pub(crate) fn answer(
        &self,
        path: &str,
        headers: &HeaderMap,
        wanted: impl FnOnce() -> Languages,
        visit: &Visit<'_>,
    ) -> Option<Answer> {
        Some(match self.find(path, wanted, visit)? {
            Found::Page(body) => page(body),
            Found::Asset(asset) => {
                let is_known = asset.tag.is_known(headers);
                let body = if is_known { Bytes::new() } else { asset.body.clone() };
                let policy = if asset.content_type.starts_with("image/") { POLICY_OF_PICTURES } else { CONTENT_SECURITY_POLICY };
                let mut answer = with_headers(Response::new(Full::new(body)), asset.content_type, policy, "no-cache");
                answer.headers_mut().insert(header::ETAG, asset.tag.header());
                if is_known {
                    *answer.status_mut() = StatusCode::NOT_MODIFIED;
                }
                answer
            }
        })
    }

    /// The page that asks whether to sign out. It needs no script.
    pub(crate) fn logout(&self, wanted: &Languages, visit: &Visit<'_>) -> Answer {
        let mut answer = page(self.version(wanted).logout.render(&self.templates, visit).into());
        if let Some(return_to) = visit.return_to {
            answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy_of_logout(return_to));
        }
        answer
    }

    fn find(&self, path: &str, wanted: impl FnOnce() -> Languages, visit: &Visit<'_>) -> Option<Found<'_>> {
        let login = |wanted| {
            let version = self.version(&wanted);
            Some(Found::Page(match visit {
                Visit { account: None, return_to: None } => version.plain_login.clone(),
                _ => version.login.render(&self.templates, visit).into(),
            }))
        };
        if path == "/" {
            return login(wanted());
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        match path.strip_prefix(&*self.base_path)? {
            "/login" => login(wanted()),
            // What else may follow is the router's affair.
            below if below.starts_with("/link") => Some(Found::Page(self.version(&wanted()).link.clone())),
            below => self.assets.find(below.strip_prefix("/assets/")?).map(Found::Asset),
        }
    }

    fn version(&self, wanted: &Languages) -> &Version {
        let find = |tag: &Tag| self.versions.iter().find(|version| version.language == *tag);
        let chosen = wanted.choose(None, &self.default_locale, |tag| find(tag).is_some());
        chosen.shortened().find_map(|tag| find(&tag)).unwrap_or(&self.versions[0])
    }
}

fn page(body: Bytes) -> Answer {
    with_headers(Response::new(Full::new(body)), HTML, CONTENT_SECURITY_POLICY, "no-store")
}

/// Browsers hold where a form's answer leads against the policy, too.
fn policy_of_logout(return_to: &ReturnTo) -> HeaderValue {
    let form_action = format!("form-action 'self' {}", return_to.origin());
    let policy = CONTENT_SECURITY_POLICY.replace("form-action 'self'", &form_action);
    HeaderValue::try_from(policy).expect("origins are printable ASCII")
}

fn with_headers(mut answer: Answer, content_type: &'static str, policy: &'static str, cache: &'static str) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests;
