//! A page in one language, as HTML.

use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

use super::{
    PagesConfig, assets,
    brand::{Brand, PageLanguage, SiteLink},
    texts,
};
use crate::{delivery::Tag, recipient::Channel, server::wire::return_to::ReturnTo};

/// The templates, which every language renders.
pub(super) fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in [
        ("layout", include_str!("layout.html")),
        ("login", include_str!("login.html")),
        ("link", include_str!("link.html")),
        ("logout", include_str!("logout.html")),
    ] {
        templates.add_template(name, source).expect("a test parses the built-in pages");
    }
    templates
}

/// A page in one language; what differs between visits isn't known yet.
#[derive(Debug)]
pub(super) struct Document {
    page: &'static str,
    signed_in_as: &'static str,
    values: Value,
}

/// What a page shows of one visit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visit<'v> {
    /// Who is signed in, masked: `a…@example.com`.
    pub(crate) account: Option<&'v str>,
    /// Where the page leads afterwards, which was judged.
    pub(crate) return_to: Option<&'v ReturnTo>,
}

impl Document {
    pub(super) fn new(page: &'static str, language: PageLanguage, languages: &[PageLanguage], config: &PagesConfig<'_>) -> Self {
        let texts = language.0;
        let tag = Tag::parse(texts.tag).expect("a test parses the tags");
        let fields: Value = config.channels.iter().map(|channel| field(*channel, config)).collect();
        let values = context! {
            page,
            title => if page == "logout" { texts.page.sign_out } else { texts.page.sign_in },
            base => path_value(config.base_path.trim_end_matches('/')),
            brand => brand(config.brand, texts),
            sessions => config.has_sessions,
            language => context! { tag => texts.tag, direction => tag.direction() },
            languages => languages.iter().map(|language| context! { tag => language.0.tag, name => language.0.name }).collect::<Value>(),
            modules => assets::modules(&format!("{page}.js")),
            texts => page_texts(&texts.page),
            script_texts => json_value(&texts.script),
            email_field => config.email_field_name,
            bound_link_length => config.bound_link_length,
            fields,
        };
        Self { page, signed_in_as: texts.page.signed_in_as, values }
    }

    /// The page of a visit.
    pub(super) fn render(&self, templates: &Environment<'_>, visit: &Visit<'_>) -> String {
        let render = |template, values: &Value| {
            let template = templates.get_template(template).expect("it was added");
            template.render(values).expect("a built-in page renders: a test does it")
        };
        let values = context! {
            account => visit.account,
            signed_in_as => visit.account.map(|account| self.signed_in_as.replace("{recipient}", account)),
            return_to => visit.return_to.map(|address| attribute(address.as_str())),
            ..self.values.clone()
        };
        let steps = Value::from_safe_string(render(self.page, &values));
        render("layout", &context! { steps, ..values })
    }
}

/// What the layout shows of a brand.
fn brand(brand: &Brand, texts: &texts::Texts) -> Value {
    let initial = brand.name.chars().find(|character| character.is_alphanumeric()).unwrap_or('·');
    let links = [(&brand.terms, texts.page.terms), (&brand.privacy, texts.page.privacy), (&brand.support, texts.page.support)];
    let link = |(link, text): (&Option<SiteLink>, &'static str)| {
        link.as_ref().map(|link| {
            let is_page = link.as_str().starts_with("http");
            context! { href => attribute(link.as_str()), text, is_page }
        })
    };
    context! {
        name => &brand.name,
        initial => initial.to_uppercase().to_string(),
        logo => brand.logo.as_ref().map(super::Logo::file_name),
        accent => brand.accent.map(|_| assets::ACCENT),
        stylesheet => brand.stylesheet.as_ref().map(|_| assets::SITE),
        links => links.into_iter().filter_map(link).collect::<Value>(),
    }
}

/// An address as the value of an attribute in quotes. The template's own escaping would write its slashes as `&#x2f;`, too.
fn attribute(address: &str) -> Value {
    let escaped =
        address.replace('&', "&amp;").replace('"', "&quot;").replace('\'', "&#39;").replace('<', "&lt;").replace('>', "&gt;");
    Value::from_safe_string(escaped)
}

/// A path of plain characters goes into attributes as it is; the engine would write its slashes as `&#x2f;`.
fn path_value(path: &str) -> Value {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte));
    if is_plain { Value::from_safe_string(path.to_owned()) } else { Value::from(path) }
}

fn page_texts(texts: &texts::PageTexts) -> Value {
    let serde_json::Value::Object(texts) = json(texts) else { return Value::UNDEFINED };
    Value::from_pairs(texts.into_iter().filter_map(|(name, text)| Some((name, text.as_str()?.to_owned()))))
}

/// JSON as the text of an element: what HTML would read is escaped as JSON has it.
fn json_value(texts: &texts::ScriptTexts) -> Value {
    Value::from_safe_string(json(texts).to_string().replace('<', "\\u003c").replace('&', "\\u0026"))
}

fn json(texts: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(texts).expect("texts are always JSON")
}

/// One input of the login page.
fn field(channel: Channel, config: &PagesConfig<'_>) -> Value {
    match channel {
        Channel::Email => context! { channel => channel.as_str(), name => config.email_field_name, kind => "email" },
        Channel::Mobile => context! {
            channel => channel.as_str(), name => config.mobile_field_name, kind => "tel", hint => config.needs_country_code,
        },
    }
}
