//! `[pages]`.

use countersign::server::pages::brand::Stylesheet;

use super::{accepted, assert_refused};

#[test]
fn the_pages_of_a_site_are_its_own() {
    let plain = accepted("[passwordless]\nsite_name = \"Ann’s\"").pages;
    assert_eq!(plain.name, "Ann’s");
    assert!(plain.logo.is_none() && plain.accent.is_none() && plain.stylesheet.is_none() && plain.languages.is_empty());
    assert!(plain.terms.is_none() && plain.privacy.is_none() && plain.support.is_none());
    let config = accepted(
        "[pages]\nname = \"Bob’s\"\nlogo = \"logo.svg\"\naccent = \"#0F62FE\"\nstylesheet = \"site.css\"\n\
         terms_url = \"https://example.com/terms\"\nprivacy_url = \"http://localhost:3000/privacy\"\n\
         support_url = \"mailto:help@example.com\"\nlanguages = [\"de\", \"en\"]",
    );
    let brand = &config.pages;
    assert_eq!(brand.name, "Bob’s");
    assert!(brand.logo.as_ref().is_some_and(|logo| logo.bytes().starts_with(b"<svg")));
    assert_eq!(brand.accent.map(|accent| accent.to_string()).as_deref(), Some("#0f62fe"));
    assert_eq!(brand.stylesheet.as_ref().map(Stylesheet::as_str), Some("h1 { color: red }"));
    assert_eq!(brand.languages.iter().map(|language| language.tag()).collect::<Vec<_>>(), ["de", "en"]);
    assert_eq!(brand.support.as_ref().map(ToString::to_string).as_deref(), Some("mailto:help@example.com"));
    assert!(config.warnings.iter().all(|warning| !warning.starts_with("pages.")), "{:?}", config.warnings);
    let off = accepted("[server]\npages = false\n[pages]\nlogo = \"missing.svg\"");
    assert!(
        off.warnings.iter().any(|warning| warning == "pages.logo: is not used with server.pages = false"),
        "{:?}",
        off.warnings
    );
}

#[test]
fn what_a_page_can_not_show_is_refused() {
    assert_refused(&[
        ("[pages]\nname = \"a\\nb\"", "pages.name", "line break"),
        ("[pages]\nname = \" \"", "pages.name", "1 to 200 bytes"),
        ("[pages]\nlogo = \"missing.svg\"", "pages.logo", "can't read missing.svg"),
        ("[pages]\nlogo = \"hostile.svg\"", "pages.logo", "hostile.svg: line 2: <script> is nothing that a logo may hold"),
        ("[pages]\nlogo = \"users.json\"", "pages.logo", "users.json: is neither a PNG nor an SVG"),
        ("[pages]\nlogo = \"long\"", "pages.logo", "long: has more than 65536 bytes"),
        ("[pages]\naccent = \"blue\"", "pages.accent", "write #rrggbb"),
        ("[pages]\naccent = \"#777777\"", "pages.accent", "4.47:1 against the light ground (#ffffff) and 4.06:1"),
        ("[pages]\nstylesheet = \"missing.css\"", "pages.stylesheet", "can't read missing.css"),
        ("[pages]\nstylesheet = \"binary\"", "pages.stylesheet", "binary: is not UTF-8"),
        ("[pages]\nstylesheet = \"long\"", "pages.stylesheet", "long: has more than 65536 bytes"),
        ("[pages]\nterms_url = \"http://example.com/\"", "pages.terms_url", "must be https"),
        ("[pages]\nterms_url = \"/terms\"", "pages.terms_url", "is no URL"),
        ("[pages]\nprivacy_url = \"javascript:alert(1)\"", "pages.privacy_url", "must start with https://"),
        ("[pages]\nprivacy_url = \"mailto:a@example.com\"", "pages.privacy_url", "must start with https://"),
        ("[pages]\nsupport_url = \"mailto:help\"", "pages.support_url", "has no address"),
        ("[pages]\nlanguages = [\"nl\"]", "pages.languages", "they have en, de, fr, es, it, pt, fi, ja, ar"),
        ("[pages]\nlanguages = [\"de\", \"en\", \"DE\"]", "pages.languages", "names de twice"),
    ]);
}
