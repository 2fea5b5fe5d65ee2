//! The login page, the landing page of links, and what they load. All of it is in the binary, and nothing comes from elsewhere.
//!
//! The pages are rendered once in each language, at the start: configuration and texts reach the scripts as attributes and
//! a template of the document. A page spends nothing by being fetched; everything happens by POST, after a click.

mod assets;
mod texts;

use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

pub use self::assets::Asset;
use self::texts::Texts;
use crate::{
    delivery::{Languages, Tag},
    recipient::Channel,
};

/// The headers of every page and asset, beside its `Content-Type`.
///
/// The policy allows no inline script or style, and nothing from elsewhere; a worker falls under `script-src`.
pub const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// `Content-Security-Policy` of the pages.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";

/// What the pages say and where they send.
#[derive(Clone, Debug)]
pub struct PagesConfig<'a> {
    /// Path that the endpoints are under: `/passwordless`, or empty.
    pub base_path: &'a str,
    /// Shown to people.
    pub site_name: &'a str,
    /// The language for those who want none that there is.
    pub default_locale: &'a Tag,
    /// The allowed channels; one field for each, in this order.
    pub channels: &'a [Channel],
    /// Name of the e-mail field in bodies.
    pub email_field_name: &'a str,
    /// Name of the phone number field in bodies.
    pub mobile_field_name: &'a str,
    /// Whether a phone number has to start with its country code, since there is no default region.
    pub needs_country_code: bool,
    /// Where links are good only in the browser that asked for them: how many characters the code has that each holds.
    pub bound_link_length: Option<u8>,
}

/// The pages of one configuration.
#[derive(Debug)]
pub struct Pages {
    base_path: String,
    /// In each language; the first is for those who want none of them, where the default is none of them either.
    versions: Vec<Version>,
    default_locale: Tag,
}

/// Both pages in one language.
#[derive(Debug)]
struct Version {
    language: Tag,
    login: String,
    link: String,
}

impl Pages {
    /// Renders both pages in every language.
    #[must_use]
    pub fn new(config: &PagesConfig<'_>) -> Self {
        let templates = templates();
        let version = |texts: &&Texts| {
            let language = Tag::parse(texts.tag).expect("a test parses the tags");
            let [login, link] = ["login", "link"].map(|page| render(&templates, page, &language, texts, config));
            Version { language, login, link }
        };
        let base_path = config.base_path.trim_end_matches('/').to_owned();
        let default_locale = config.default_locale.clone();
        Self { base_path, versions: texts::ALL.iter().map(version).collect(), default_locale }
    }

    /// The page or asset at a path, with or without a trailing slash; a page in the first of the wanted languages that there is.
    #[must_use]
    pub fn answer(&self, path: &str, wanted: impl FnOnce() -> Languages) -> Option<Asset<'_>> {
        let page = |body| Some(Asset { content_type: HTML, body });
        if path == "/" {
            return page(&self.version(&wanted()).login);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        match path.strip_prefix(&*self.base_path)? {
            "/login" => page(&self.version(&wanted()).login),
            // What else may follow is the router's affair.
            below if below.starts_with("/link") => page(&self.version(&wanted()).link),
            below => assets::find(below.strip_prefix("/assets/")?),
        }
    }

    fn version(&self, wanted: &Languages) -> &Version {
        let find = |tag: &Tag| self.versions.iter().find(|version| version.language == *tag);
        let chosen = wanted.choose(None, &self.default_locale, |tag| find(tag).is_some());
        chosen.shortened().find_map(|tag| find(&tag)).unwrap_or(&self.versions[0])
    }
}

fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in
        [("layout", include_str!("layout.html")), ("login", include_str!("login.html")), ("link", include_str!("link.html"))]
    {
        templates.add_template(name, source).expect("a test parses the built-in pages");
    }
    templates
}

fn render(templates: &Environment<'_>, page: &str, language: &Tag, texts: &Texts, config: &PagesConfig<'_>) -> String {
    let render = |template, values: &Value| {
        let template = templates.get_template(template).expect("it was added");
        template.render(values).expect("a built-in page renders: a test does it")
    };
    let fields: Value = config.channels.iter().map(|channel| field(*channel, config)).collect();
    let initial = config.site_name.chars().find(|character| character.is_alphanumeric()).unwrap_or('·');
    let values = context! {
        page,
        base => path_value(config.base_path.trim_end_matches('/')),
        site_name => config.site_name,
        initial => initial.to_uppercase().to_string(),
        language => context! { tag => texts.tag, direction => language.direction() },
        languages => texts::ALL.map(|texts| context! { tag => texts.tag, name => texts.name }),
        modules => assets::modules(&format!("{page}.js")),
        texts => page_texts(&texts.page),
        script_texts => json_value(&texts.script),
        email_field => config.email_field_name,
        bound_link_length => config.bound_link_length,
        fields,
    };
    let steps = Value::from_safe_string(render(page, &values));
    render("layout", &context! { steps, ..values })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::delivery::LANGUAGES;

    fn config() -> PagesConfig<'static> {
        PagesConfig {
            base_path: "/passwordless",
            site_name: "example.com",
            default_locale: &Tag::ENGLISH,
            channels: &Channel::ALL,
            email_field_name: "email",
            mobile_field_name: "phone_number",
            needs_country_code: true,
            bound_link_length: None,
        }
    }

    fn answer<'p>(pages: &'p Pages, path: &str) -> Option<Asset<'p>> {
        pages.answer(path, Languages::default)
    }

    fn body(pages: &Pages, path: &str) -> String {
        answer(pages, path).unwrap_or_else(|| panic!("nothing at {path}")).body.to_owned()
    }

    /// As who chose a language on a page, with a browser that asks for others.
    fn body_for(pages: &Pages, path: &str, chosen: &str, accepted: &str) -> String {
        let some = |text: &str| (!text.is_empty()).then(|| text.into());
        let wanted = || Languages { requested: some(chosen), accepted: some(accepted) };
        pages.answer(path, wanted).unwrap().body.to_owned()
    }

    #[test]
    fn pages_and_assets_are_where_the_contract_says() {
        let pages = Pages::new(&config());
        for path in ["/", "/passwordless/login", "/passwordless/login/", "/passwordless/link", "/passwordless/link/"] {
            assert_eq!(answer(&pages, path).map(|asset| asset.content_type), Some(HTML), "{path}");
        }
        for path in
            ["/link", "/login", "/passwordless", "/passwordless/assets", "/passwordless/assets/mod.rs", "/passwordlesslink", ""]
        {
            assert_eq!(answer(&pages, path), None, "{path}");
        }
        let at_the_root = Pages::new(&PagesConfig { base_path: "", ..config() });
        for path in ["/", "/login", "/link", "/assets/login.js"] {
            assert!(answer(&at_the_root, path).is_some(), "{path}");
        }
    }

    #[test]
    fn no_field_lets_a_browser_rewrite_what_is_typed() {
        let pages = Pages::new(&config());
        for page in ["/", "/passwordless/link"] {
            let html = body(&pages, page);
            let fields: Vec<_> = html.split("<input ").skip(1).filter_map(|rest| rest.split('>').next()).collect();
            assert!(!fields.is_empty(), "{page}");
            assert!(fields.iter().all(|field| field.contains("type=\"text\"")), "{page}: {fields:?}");
        }
    }

    #[test]
    fn pages_lead_nowhere_but_below_the_base_path() {
        for base_path in ["/passwordless", "/auth/login"] {
            let pages = Pages::new(&PagesConfig { base_path, ..config() });
            for page in ["/", &format!("{base_path}/link")] {
                let html = body(&pages, page);
                let places = html.split(['"', '\'']).filter(|value| value.starts_with('/'));
                assert!(places.clone().count() > 2, "{page}");
                for place in places.filter(|place| *place != base_path) {
                    assert!(place.starts_with(&format!("{base_path}/")), "{page} leads to {place}");
                }
            }
        }
    }

    #[test]
    fn everything_that_a_page_or_script_names_is_served() {
        let pages = Pages::new(&config());
        for page in ["/", "/passwordless/link"] {
            let html = body(&pages, page);
            for attribute in html.split(['"', '\'']).filter(|value| value.starts_with("/passwordless/")) {
                assert!(answer(&pages, attribute).is_some(), "{page} names {attribute}");
            }
        }
        for (name, _, script) in assets::ALL.iter().filter(|(_, kind, _)| *kind == assets::SCRIPT) {
            assert_eq!(assets::imports(script).count(), script.matches(" from '").count(), "{name}");
            for import in assets::imports(script) {
                assert!(assets::find(import).is_some(), "{name} imports {import}");
            }
        }
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let pages = Pages::new(&config());
        for page in ["/", "/passwordless/link"] {
            let html = body(&pages, page);
            assert!(!html.contains("<style") && !html.contains("style="), "{page}");
            assert!(!html.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')), "{page} has a handler");
            assert_eq!(html.matches("<script").count(), html.matches("<script type=\"module\" src=\"/passwordless/").count());
            assert!(!html.contains("//"), "{page} names another origin");
        }
        for (name, kind, asset) in assets::ALL {
            // Mail programs are led to, and nothing is loaded from there.
            let is_exempt = kind == "image/svg+xml" || name == "mail-programs.js";
            assert!(is_exempt || !asset.contains("://"), "{name} names another origin");
            assert!(!asset.contains("innerHTML") && !asset.contains("eval("), "{name}");
        }
    }

    #[test]
    fn a_field_for_each_allowed_channel() {
        let both = body(&Pages::new(&config()), "/");
        assert!(both.contains("name=\"email\"") && both.contains("name=\"phone_number\""));
        let one = body(&Pages::new(&PagesConfig { channels: &[Channel::Email], email_field_name: "mail", ..config() }), "/");
        assert!(one.contains("name=\"mail\"") && !one.contains("inputmode=\"tel\""));
    }

    #[test]
    fn the_code_field_is_what_phones_fill_in() {
        let html = body(&Pages::new(&config()), "/");
        assert!(html.contains("autocomplete=\"one-time-code\"") && html.contains("inputmode=\"numeric\""));
    }

    #[test]
    fn configured_text_is_escaped() {
        let site_name = "<script>alert(1)</script>\" onload=\"x";
        let html = body(&Pages::new(&PagesConfig { site_name, ..config() }), "/");
        assert!(!html.contains("<script>alert") && !html.contains("\" onload=\""));
        assert!(html.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_pages_have_the_languages_of_the_messages() {
        let pages: BTreeSet<&str> = texts::ALL.iter().map(|texts| texts.tag).collect();
        assert_eq!(pages, LANGUAGES.iter().map(Tag::as_str).collect());
    }

    #[test]
    fn who_wants_no_language_of_ours_gets_the_default() {
        let pages = |locale: &str| Pages::new(&PagesConfig { default_locale: &Tag::parse(locale).unwrap(), ..config() });
        let lang = |pages: &Pages, accepted: &str| {
            let wanted = Languages { requested: None, accepted: Some(accepted.into()) };
            let html = pages.answer("/", || wanted).unwrap().body.to_owned();
            html.split_once("<html lang=\"").unwrap().1.split('"').next().unwrap().to_owned()
        };
        assert_eq!(lang(&pages("fi"), "sv, nl;q=0.5"), "fi");
        assert_eq!(lang(&pages("pt-BR"), ""), "pt");
        assert_eq!(lang(&pages("nl"), "*"), "en", "a language of messages that the pages don't have");
        assert_eq!(lang(&pages("fi"), "de-AT"), "de");
    }

    #[test]
    fn each_language_has_its_pages_and_the_menu_names_all() {
        let pages = Pages::new(&config());
        for texts in texts::ALL {
            for path in ["/", "/passwordless/login", "/passwordless/link"] {
                let html = body_for(&pages, path, texts.tag, "en, fr;q=0.5");
                let dir = if texts.tag == "ar" { "rtl" } else { "ltr" };
                assert!(html.contains(&format!("<html lang=\"{}\" dir=\"{dir}\"", texts.tag)), "{path} {}", texts.tag);
                assert!(html.contains(&format!("value=\"{0}\" lang=\"{0}\" selected>{1}<", texts.tag, texts.name)), "{html}");
                assert_eq!(html.matches("<option ").count(), texts::ALL.len());
                assert!(html.contains(&format!("<title>{} · example.com</title>", texts.page.sign_in)), "{html}");
            }
        }
    }

    #[test]
    fn the_choice_of_the_visit_comes_first_then_the_browsers_then_english() {
        let pages = Pages::new(&config());
        for (chosen, accepted, language) in [
            ("de", "fr", "de"),
            ("", "fr-CA, en;q=0.9", "fr"),
            ("", "nl, it;q=0.2, es;q=0.8", "es"),
            ("", "pt-BR", "pt"),
            ("", "nl, da", "en"),
            ("", "", "en"),
            ("xx", "ja", "ja"),
            ("../..", "zz\"><script>", "en"),
            ("de\r\nX: y", "*", "en"),
        ] {
            let html = body_for(&pages, "/", chosen, accepted);
            assert!(html.contains(&format!("<html lang=\"{language}\"")), "{chosen:?} {accepted:?}");
        }
    }

    #[test]
    fn the_texts_of_the_scripts_are_json_in_a_template() {
        let pages = Pages::new(&config());
        for texts in texts::ALL {
            let html = body_for(&pages, "/", texts.tag, "");
            let (_, rest) = html.split_once("<template id=\"texts\">").unwrap();
            let (json, _) = rest.split_once("</template>").unwrap();
            assert!(!json.contains(['<', '&']));
            let read: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(read, serde_json::to_value(&texts.script).unwrap());
        }
    }

    #[test]
    fn whatever_a_browser_sends_it_gets_a_page_in_one_of_the_languages() {
        let pages = Pages::new(&config());
        proptest!(|(chosen in ".{0,60}", accepted in ".{0,200}")| {
            let html = body_for(&pages, "/", &chosen, &accepted);
            let is_one = texts::ALL.iter().any(|texts| html.contains(&format!("<html lang=\"{}\" dir=", texts.tag)));
            prop_assert!(is_one);
        });
    }

    /// What the scripts ask for by name is there.
    #[test]
    fn every_text_that_a_script_names_exists_and_every_text_is_named() {
        let script = serde_json::to_value(&texts::ALL[0].script).unwrap();
        let scripts: String = assets::ALL.iter().filter(|(_, kind, _)| *kind == assets::SCRIPT).map(|(.., body)| *body).collect();
        for call in ["text('", "counted('"] {
            for rest in scripts.split(call).skip(1) {
                let (name, _) = rest.split_once('\'').unwrap();
                assert!(script.get(name).is_some(), "{name}");
            }
        }
        for name in script.as_object().unwrap().keys() {
            let is_made = [
                "code_",
                "link_",
                "invalid_",
                "enter_",
                "length_in_",
                "code_of_",
                "throttled",
                "unavailable",
                "method_",
                "delivery_",
                "unreach",
                "soon",
                "again",
                "new_code",
            ];
            let is_named = scripts.contains(&format!("'{name}'")) || is_made.iter().any(|start| name.starts_with(start));
            assert!(is_named, "no script says {name}");
        }
    }

    #[test]
    fn the_policy_is_the_contracts() {
        assert_eq!(
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
    }
}
