//! The login page, the landing page of links, and what they load. All of it is in the binary, and nothing comes from elsewhere.
//!
//! The pages are rendered once, at the start: configuration reaches the scripts as attributes of the document. A page
//! spends nothing by being fetched; everything happens by POST, after a click.

use minijinja::{Environment, Value, context};

use crate::recipient::Channel;

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
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the pages say and where they send.
#[derive(Clone, Debug)]
pub struct PagesConfig<'a> {
    /// Path that the endpoints are under: `/passwordless`, or empty.
    pub base_path: &'a str,
    /// Shown to people.
    pub site_name: &'a str,
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

/// One answer to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset<'a> {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a str,
}

/// The pages of one configuration.
#[derive(Debug)]
pub struct Pages {
    base_path: String,
    login: String,
    link: String,
}

impl Pages {
    /// Renders both pages.
    #[must_use]
    pub fn new(config: &PagesConfig<'_>) -> Self {
        let base_path = config.base_path.trim_end_matches('/').to_owned();
        let fields = config.channels.iter().map(|channel| field(*channel, config)).collect::<Value>();
        let render = |page, steps| {
            let values = context! {
                page,
                base => path_value(&base_path),
                site_name => config.site_name,
                email_field => config.email_field_name,
                bound_link_length => config.bound_link_length,
                fields => &fields,
            };
            let steps = Value::from_safe_string(render(steps, &values));
            render(LAYOUT, &context! { steps, ..values })
        };
        Self { login: render("login", LOGIN), link: render("link", LINK), base_path }
    }

    /// The page or asset at a path, with or without a trailing slash.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<Asset<'_>> {
        let page = |body| Some(Asset { content_type: HTML, body });
        if path == "/" {
            return page(&self.login);
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        match path.strip_prefix(&*self.base_path)? {
            "/login" => page(&self.login),
            // What else may follow is the router's affair.
            below if below.starts_with("/link") => page(&self.link),
            below => {
                let name = below.strip_prefix("/assets/")?;
                let (_, content_type, body) = ASSETS.iter().find(|(asset, ..)| *asset == name)?;
                Some(Asset { content_type, body })
            }
        }
    }
}

fn render(template: &str, values: &Value) -> String {
    let templates = Environment::new();
    templates.render_named_str("page.html", template, values).expect("a built-in template renders: a test does it")
}

/// A path of plain characters goes into attributes as it is; the engine would write its slashes as `&#x2f;`.
fn path_value(path: &str) -> Value {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte));
    if is_plain { Value::from_safe_string(path.to_owned()) } else { Value::from(path) }
}

/// One input of the login page.
fn field(channel: Channel, config: &PagesConfig<'_>) -> Value {
    match channel {
        Channel::Email => context! {
            channel => channel.as_str(), name => config.email_field_name, kind => "email", label => "E-mail address",
        },
        Channel::Mobile => context! {
            channel => channel.as_str(), name => config.mobile_field_name, kind => "tel", label => "Mobile number",
            hint => config.needs_country_code.then_some("With + and the country code."),
        },
    }
}

const LAYOUT: &str = include_str!("layout.html");
const LOGIN: &str = include_str!("login.html");
const LINK: &str = include_str!("link.html");

const ASSETS: [(&str, &str, &str); 14] = [
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("login.js", SCRIPT, include_str!("assets/login.js")),
    ("link.js", SCRIPT, include_str!("assets/link.js")),
    ("api.js", SCRIPT, include_str!("assets/api.js")),
    ("asked.js", SCRIPT, include_str!("assets/asked.js")),
    ("code.js", SCRIPT, include_str!("assets/code.js")),
    ("code-field.js", SCRIPT, include_str!("assets/code-field.js")),
    ("link-token.js", SCRIPT, include_str!("assets/link-token.js")),
    ("session.js", SCRIPT, include_str!("assets/session.js")),
    ("storage.js", SCRIPT, include_str!("assets/storage.js")),
    ("puzzle.js", SCRIPT, include_str!("assets/puzzle.js")),
    ("puzzle-worker.js", SCRIPT, include_str!("assets/puzzle-worker.js")),
    ("view.js", SCRIPT, include_str!("assets/view.js")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> PagesConfig<'static> {
        PagesConfig {
            base_path: "/passwordless",
            site_name: "example.com",
            channels: &Channel::ALL,
            email_field_name: "email",
            mobile_field_name: "phone_number",
            needs_country_code: true,
            bound_link_length: None,
        }
    }

    fn body(pages: &Pages, path: &str) -> String {
        pages.answer(path).unwrap_or_else(|| panic!("nothing at {path}")).body.to_owned()
    }

    #[test]
    fn pages_and_assets_are_where_the_contract_says() {
        let pages = Pages::new(&config());
        for path in ["/", "/passwordless/login", "/passwordless/login/", "/passwordless/link", "/passwordless/link/"] {
            assert_eq!(pages.answer(path).map(|asset| asset.content_type), Some(HTML), "{path}");
        }
        for path in
            ["/link", "/login", "/passwordless", "/passwordless/assets", "/passwordless/assets/mod.rs", "/passwordlesslink", ""]
        {
            assert_eq!(pages.answer(path), None, "{path}");
        }
        let at_the_root = Pages::new(&PagesConfig { base_path: "", ..config() });
        for path in ["/", "/login", "/link", "/assets/login.js"] {
            assert!(at_the_root.answer(path).is_some(), "{path}");
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
                assert!(pages.answer(attribute).is_some(), "{page} names {attribute}");
            }
        }
        for (name, _, script) in ASSETS.iter().filter(|(_, kind, _)| *kind == SCRIPT) {
            for import in script.lines().filter_map(|line| line.split_once(" from './")).map(|(_, import)| import) {
                let import = import.trim_end_matches("';");
                assert!(ASSETS.iter().any(|(asset, ..)| *asset == import), "{name} imports {import}");
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
        for (name, kind, asset) in ASSETS {
            assert!(kind == "image/svg+xml" || !asset.contains("://"), "{name} names another origin");
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
    fn the_policy_is_the_contracts() {
        assert_eq!(
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
    }
}
