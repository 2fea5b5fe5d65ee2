//! The pages and what they load, without a server.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::prelude::*;

use super::*;
use crate::{
    delivery::LANGUAGES,
    server::{
        PublicUrl,
        wire::return_to::{Destination, Destinations},
    },
};

/// A site that has set nothing but its name.
static PLAIN: LazyLock<Brand> = LazyLock::new(|| Brand { name: "example.com".into(), ..Brand::default() });

fn config() -> PagesConfig<'static> {
    PagesConfig {
        base_path: "/passwordless",
        brand: &PLAIN,
        default_locale: &Tag::ENGLISH,
        channels: &Channel::ALL,
        email_field_name: "email",
        mobile_field_name: "phone_number",
        needs_country_code: true,
        bound_link_length: None,
        has_sessions: false,
    }
}

fn body_of(found: &Found<'_>) -> String {
    let body = match found {
        Found::Page(body) => body,
        Found::Asset(asset) => &asset.body,
    };
    String::from_utf8(body.to_vec()).unwrap()
}

fn find<'p>(pages: &'p Pages, path: &str) -> Option<Found<'p>> {
    pages.find(path, Languages::default, &Visit::default())
}

fn body(pages: &Pages, path: &str) -> String {
    body_of(&find(pages, path).unwrap_or_else(|| panic!("nothing at {path}")))
}

fn is_page(pages: &Pages, path: &str) -> bool {
    matches!(find(pages, path), Some(Found::Page(_)))
}

fn is_served(pages: &Pages, path: &str) -> bool {
    find(pages, path).is_some()
}

fn get(pages: &Pages, path: &str, headers: &HeaderMap) -> Answer {
    pages.answer(path, headers, Languages::default, &Visit::default()).unwrap_or_else(|| panic!("nothing at {path}"))
}

/// As who chose a language on a page, with a browser that asks for others.
fn body_for(pages: &Pages, path: &str, chosen: &str, accepted: &str) -> String {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    let wanted = || Languages { requested: some(chosen), accepted: some(accepted) };
    body_of(&pages.find(path, wanted, &Visit::default()).unwrap())
}

#[test]
fn pages_and_assets_are_where_the_contract_says() {
    let pages = Pages::new(&config());
    for path in ["/", "/passwordless/login", "/passwordless/login/", "/passwordless/link", "/passwordless/link/"] {
        assert!(is_page(&pages, path), "{path}");
    }
    for path in
        ["/link", "/login", "/passwordless", "/passwordless/assets", "/passwordless/assets/mod.rs", "/passwordlesslink", ""]
    {
        assert!(!is_served(&pages, path), "{path}");
    }
    let at_the_root = Pages::new(&PagesConfig { base_path: "", ..config() });
    for path in ["/", "/login", "/link", "/assets/login.js"] {
        assert!(is_served(&at_the_root, path), "{path}");
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
    for (base_path, has_sessions) in [("/passwordless", false), ("/auth/login", false), ("/auth/login", true)] {
        let pages = Pages::new(&PagesConfig { base_path, has_sessions, ..config() });
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

/// Every node serves it, to the pages of any site.
const CLIENT: &str = "/passwordless/assets/countersign.js";

#[test]
fn everything_that_a_page_or_script_names_is_served() {
    let pages = Pages::new(&config());
    for page in ["/", "/passwordless/link"] {
        let html = body(&pages, page);
        for attribute in html.split(['"', '\'']).filter(|value| value.starts_with("/passwordless/")) {
            assert!(is_served(&pages, attribute) || attribute == CLIENT, "{page} names {attribute}");
        }
    }
    for (name, _, script) in assets::BUILT_IN.iter().filter(|(_, kind, _)| *kind == assets::SCRIPT) {
        assert_eq!(assets::imports(script).count(), script.matches(" from '").count(), "{name}");
        for import in assets::imports(script) {
            assert!(pages.assets.find(import).is_some() || CLIENT.ends_with(&format!("/{import}")), "{name} imports {import}");
        }
    }
}

/// The JavaScript client is how they ask; there is no second way beside it.
#[test]
fn the_pages_ask_by_the_client_alone() {
    for (name, _, script) in assets::BUILT_IN.iter().filter(|(_, kind, _)| *kind == assets::SCRIPT) {
        for other in ["fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket", "EventSource", "import("] {
            assert!(!script.contains(other), "{name}: {other}");
        }
        assert_eq!(script.contains("countersign.js"), *name == "client.js", "{name}");
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
    for (name, kind, asset) in assets::BUILT_IN {
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
    let brand = Brand { name: "<script>alert(1)</script>\" onload=\"x".into(), ..Brand::default() };
    let html = body(&Pages::new(&PagesConfig { brand: &brand, ..config() }), "/");
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
        let html = body_of(&pages.find("/", || wanted, &Visit::default()).unwrap());
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
    let scripts: String =
        assets::BUILT_IN.iter().filter(|(_, kind, _)| *kind == assets::SCRIPT).map(|(.., body)| *body).collect();
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

fn judged(address: &str) -> ReturnTo {
    let own = PublicUrl::parse("https://login.example.com").unwrap();
    let app = Destination::parse("https://app.example.com", None).unwrap();
    Destinations::new([&own], vec![app]).judge(address).unwrap()
}

fn login_of(pages: &Pages, language: &str, visit: &Visit<'_>) -> String {
    let wanted = || Languages { requested: Some(language.into()), accepted: None };
    body_of(&pages.find("/passwordless/login", wanted, visit).unwrap())
}

#[test]
fn who_is_signed_in_is_told_so_and_can_go_on_or_leave() {
    let pages = Pages::new(&PagesConfig { has_sessions: true, ..config() });
    let return_to = judged("https://app.example.com/it's?a=1&b=\"<2>\"");
    let escaped = "https://app.example.com/it&#39;s?a=1&amp;b=%22%3C2%3E%22";
    let visit = Visit { account: Some("a…@example.com"), return_to: Some(&return_to) };
    let html = login_of(&pages, "en", &visit);
    for part in [
        "<section id=\"ask\" hidden>",
        "<section id=\"signed-in\">",
        "<h1 tabindex=\"-1\">Signed in as a…@example.com</h1>",
        &format!("<a class=\"main\" id=\"go-on\" href=\"{escaped}\">Continue</a>"),
        &format!("data-return-to=\"{escaped}\""),
        "<form id=\"leave\" method=\"post\" action=\"/passwordless/logout/\">\n<button type=\"submit\" class=\"second\">Sign out</button>",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let nowhere = login_of(&pages, "en", &Visit { account: Some("a…@example.com"), return_to: None });
    assert!(nowhere.contains("id=\"go-on\">Continue</a>") && !nowhere.contains("data-return-to"), "{nowhere}");
    let stranger = login_of(&pages, "en", &Visit { account: None, return_to: Some(&return_to) });
    assert!(stranger.contains("<section id=\"ask\">") && stranger.contains("<section id=\"signed-in\" hidden>"), "{stranger}");
    assert!(stranger.contains(&format!("data-return-to=\"{escaped}\"")), "{stranger}");
    // Without sessions a page shows what the token says, and there is nobody to sign out.
    let without = body(&Pages::new(&config()), "/");
    assert!(without.contains("id=\"claims\"") && !without.contains("logout") && !without.contains("data-sessions"), "{without}");
    for language in PageLanguage::all() {
        let html = login_of(&pages, language.tag(), &visit);
        assert!(html.contains("a…@example.com</h1>") || language.tag() == "ja", "{html}");
        assert!(!html.contains("{recipient}</h1>"), "{html}");
    }
}

#[test]
fn the_page_that_signs_out_has_one_button_and_leads_where_it_was_told() {
    let pages = Pages::new(&PagesConfig { has_sessions: true, ..config() });
    let return_to = judged("https://app.example.com/x?a=1&b=2");
    let policy = |answer: &Answer| answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let html = |visit: &Visit<'_>| {
        let version = pages.version(&Languages::default());
        version.logout.render(&pages.templates, visit)
    };
    let visit = Visit { account: Some("a…@example.com"), return_to: Some(&return_to) };
    assert_eq!(
        policy(&pages.logout(&Languages::default(), &visit)),
        CONTENT_SECURITY_POLICY.replace("form-action 'self'", "form-action 'self' https://app.example.com")
    );
    let page = html(&visit);
    assert_eq!(
        (page.matches("<button").count(), page.matches("<form method=\"post\" action=\"/passwordless/logout/\">").count()),
        (1, 1)
    );
    assert!(
        page.contains("<input type=\"hidden\" name=\"return_to\" value=\"https://app.example.com/x?a=1&amp;b=2\">"),
        "{page}"
    );
    assert!(page.contains("Signed in as a…@example.com") && page.contains("<title>Sign out · example.com</title>"), "{page}");
    let nobody = html(&Visit::default());
    assert!(nobody.contains("Nobody is signed in") && !nobody.contains("return_to"), "{nobody}");
    assert_eq!(policy(&pages.logout(&Languages::default(), &Visit::default())), CONTENT_SECURITY_POLICY);
}

#[test]
fn the_policy_is_the_contracts() {
    assert_eq!(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
}

/// A brand that has set all there is.
fn whole_brand() -> Brand {
    let svg = include_str!("assets/icon.svg");
    Brand {
        name: "Ann & Bob’s".into(),
        logo: Some(Logo::read(svg.as_bytes()).unwrap()),
        accent: Some(brand::Accent::parse("#0f62fe").unwrap()),
        stylesheet: Some(brand::Stylesheet::read(b"h1 { font-style: italic }").unwrap()),
        terms: Some(brand::SiteLink::parse_page("https://example.com/ann's/terms?a=1&b=\"2").unwrap()),
        privacy: Some(brand::SiteLink::parse_page("https://example.com/privacy").unwrap()),
        support: Some(brand::SiteLink::parse_page_or_mail("mailto:help@example.com").unwrap()),
        languages: vec![PageLanguage::parse("de").unwrap(), PageLanguage::parse("ar").unwrap()],
    }
}

#[test]
fn a_brand_stands_on_every_page() {
    let brand = whole_brand();
    let pages = Pages::new(&PagesConfig { brand: &brand, ..config() });
    for path in ["/", "/passwordless/link"] {
        let html = body(&pages, path);
        for part in [
            "<img class=\"logo\" src=\"/passwordless/assets/logo.svg\" alt=\"Ann &amp; Bob’s\"",
            "href=\"/passwordless/assets/style.css\">\n<link rel=\"stylesheet\" href=\"/passwordless/assets/accent.css\">\n\
             <link rel=\"stylesheet\" href=\"/passwordless/assets/site.css\">",
            "<a href=\"https://example.com/ann&#39;s/terms?a=1&amp;b=%222\" target=\"_blank\" rel=\"noopener\">Nutzungsbedingungen</a>",
            "<a href=\"https://example.com/privacy\" target=\"_blank\" rel=\"noopener\">Datenschutz</a>",
            "<a href=\"mailto:help@example.com\" rel=\"noopener\">Hilfe</a>",
        ] {
            assert!(html.contains(part), "{path}: {part}\n{html}");
        }
        assert!(!html.contains("style=") && !html.contains("<style"));
    }
    assert!(body(&pages, "/passwordless/assets/accent.css").contains("--accent:#0f62fe;"));
    assert_eq!(body(&pages, "/passwordless/assets/site.css"), "h1 { font-style: italic }");
    assert!(body(&pages, "/passwordless/assets/icon.svg").contains("fill=\"#0f62fe\""));
    let plain = Pages::new(&config());
    for name in ["accent.css", "site.css", "logo.svg", "logo.png"] {
        assert!(!is_served(&plain, &format!("/passwordless/assets/{name}")), "{name}");
        assert!(!body(&plain, "/").contains(name), "{name}");
    }
}

#[test]
fn the_chosen_languages_are_all_that_there_are() {
    let brand = whole_brand();
    let pages = Pages::new(&PagesConfig { brand: &brand, ..config() });
    for (accepted, language) in [("ar", "ar"), ("en", "de"), ("", "de"), ("fr, ar;q=0.1", "ar")] {
        let html = body_for(&pages, "/", "", accepted);
        assert!(html.contains(&format!("<html lang=\"{language}\"")), "{accepted}");
        assert_eq!(html.matches("<option ").count(), 2);
    }
    let brand = Brand { languages: vec![PageLanguage::parse("fi").unwrap()], ..whole_brand() };
    let html = body(&Pages::new(&PagesConfig { brand: &brand, ..config() }), "/");
    assert!(html.contains("<html lang=\"fi\"") && !html.contains("<select"), "{html}");
}

#[test]
fn pages_are_never_stored_and_assets_are_asked_for_again() {
    let brand = whole_brand();
    let pages = Pages::new(&PagesConfig { brand: &brand, ..config() });
    let header = |answer: &Answer, name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    for path in ["/", "/passwordless/login/", "/passwordless/link"] {
        let page = get(&pages, path, &HeaderMap::new());
        assert_eq!(header(&page, "cache-control").as_deref(), Some("no-store"), "{path}");
        assert_eq!(header(&page, "referrer-policy").as_deref(), Some("same-origin"), "{path}");
        assert_eq!(header(&page, "content-security-policy").as_deref(), Some(CONTENT_SECURITY_POLICY), "{path}");
        assert_eq!(header(&page, "etag"), None, "{path}");
    }
    for name in ["style.css", "login.js", "icon.svg", "logo.svg", "accent.css", "site.css"] {
        let path = format!("/passwordless/assets/{name}");
        let asset = get(&pages, &path, &HeaderMap::new());
        assert_eq!(header(&asset, "cache-control").as_deref(), Some("no-cache"), "{name}");
        let tag = header(&asset, "etag").unwrap();
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.parse().unwrap())]);
        let again = get(&pages, &path, &headers);
        assert_eq!((again.status(), header(&again, "etag")), (StatusCode::NOT_MODIFIED, Some(tag)), "{name}");
        assert_eq!(header(&again, "cache-control").as_deref(), Some("no-cache"), "{name}");
        assert_eq!(hyper::body::Body::size_hint(again.body()).exact(), Some(0), "{name}");
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"0000000000000000\""))]);
        assert_eq!(get(&pages, &path, &headers).status(), StatusCode::OK, "{name}");
    }
    // Whoever opens a picture by itself opens a document of this origin.
    let logo = get(&pages, "/passwordless/assets/logo.svg", &HeaderMap::new());
    assert_eq!(
        header(&logo, "content-security-policy").as_deref(),
        Some("default-src 'none'; style-src 'unsafe-inline'; sandbox")
    );
}

/// What is left out is comments and nothing else: they are whole lines, and blocks end where they say.
#[test]
fn scripts_and_styles_are_served_without_their_comments() {
    let pages = Pages::new(&config());
    for (name, kind, source) in assets::BUILT_IN {
        let served = body(&pages, &format!("/passwordless/assets/{name}"));
        assert!(served.len() <= source.len() && !served.is_empty(), "{name}");
        let mut is_within = false;
        let mut code = Vec::new();
        for line in source.lines().filter(|line| !line.trim().is_empty()) {
            let text = line.trim_start();
            is_within |= text.starts_with("/*");
            let is_comment = is_within || kind == assets::SCRIPT && text.starts_with("//");
            if !is_comment {
                code.push(line);
            }
            is_within &= !text.ends_with("*/");
        }
        assert!(!is_within, "{name}: a comment has no end");
        assert_eq!(served.lines().collect::<Vec<_>>(), code, "{name}");
    }
}

/// All that the login page loads, the client included: a phone on a slow network waits for it.
#[test]
fn a_login_page_loads_little() {
    let pages = Pages::new(&config());
    let html = body(&pages, "/");
    let names: BTreeSet<_> = html.split('"').filter_map(|value| value.strip_prefix("/passwordless/assets/")).collect();
    let client = include_str!("../../../clients/js/countersign.js").len();
    let bytes = |name: &&str| {
        if *name == "countersign.js" { client } else { body(&pages, &format!("/passwordless/assets/{name}")).len() }
    };
    let all: usize = names.iter().map(bytes).sum();
    assert!(names.len() <= 18 && all <= 56 << 10, "{} files, {all} bytes", names.len());
}
