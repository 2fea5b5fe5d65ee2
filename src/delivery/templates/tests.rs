//! Built-in messages in every language, and folders of templates.

use std::fs;

use super::*;
use crate::delivery::Segments;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Templates {
    Templates::load(folder(files).path()).unwrap()
}

fn words<'a>(code: &'a str, link: &'a str, site_name: &'a str, locale: &'a Tag) -> Words<'a> {
    // 30 November 2026, 14:55 UTC.
    let requested_at = UnixTime::from_seconds(1_796_050_500);
    let agent = Agent { browser: Some(Browser::Firefox), system: Some(System::Windows) };
    Words { code, link, site_name, minutes: 10, host: "example.com", locale, requested_at, agent, code_in_subject: false }
}

fn tag(tag: &str) -> Tag {
    Tag::parse(tag).unwrap()
}

const LINK: &str = "https://example.com/link#a.b";

#[test]
fn the_built_in_ones_say_what_they_must() {
    let templates = Templates::built_in();
    for locale in &LANGUAGES {
        let words = words("123456", LINK, "example.com", locale);
        let WrittenEmail { subject, text, html } = templates.email(&words).unwrap();
        assert!(subject.contains("example.com") && !subject.contains("123456"), "{subject}");
        let sms = templates.sms(&words).unwrap();
        for text in [&text, &sms] {
            assert!(text.lines().any(|line| line == "123456"), "the code is on a line of its own: {text}");
            assert!(text.contains("10") && text.contains("example.com"), "{text}");
        }
        assert!(!sms.contains("http"), "{sms}");
        assert!(text.lines().any(|line| line == LINK), "{text}");
        assert!(text.contains("2026") && text.contains("Firefox") && text.contains("Windows"), "{text}");
        assert!(html.contains(&format!(r#"href="{LINK}""#)) && html.contains(">123456<"), "{html}");
        assert!(html.contains(&format!(r#"<html lang="{locale}" dir="{}">"#, locale.direction())), "{html}");
        assert!(!html.contains("src=") && !html.contains("@import") && !html.contains("url("), "nothing is loaded: {html}");
        assert!(html.len() < 12_000, "{}", html.len());

        let plain = Words { link: "", minutes: 1, agent: Agent::default(), ..words };
        let written = templates.email(&plain).unwrap();
        assert!(!written.text.contains("http") && !written.html.contains("<a "), "{}", written.text);
        assert!(!written.text.contains("Firefox") && !written.text.ends_with([' ', '\n']), "{}", written.text);
        assert_ne!(templates.sms(&plain).unwrap(), sms, "one minute isn't ten");

        let first = Words { code_in_subject: true, ..words };
        assert!(templates.email(&first).unwrap().subject.starts_with("123456 "), "{locale}");
    }
    let english = words("123456", "", "example.com", &Tag::ENGLISH);
    assert_eq!(templates.email(&english).unwrap().subject, "Login on example.com");
    assert!(templates.email(&english).unwrap().text.contains("It is valid for 10 minutes.\n"));
    assert!(templates.email(&Words { minutes: 1, ..english }).unwrap().text.contains("valid for 1 minute.\n"));
}

#[test]
fn minutes_and_dates_are_as_each_language_has_them() {
    let templates = Templates::built_in();
    for (locale, minutes, expected) in [
        ("de", 1, "1 Minute gültig"),
        ("de", 2, "2 Minuten gültig"),
        ("fr", 1, "1 minute."),
        ("es", 1, "durante 1 minuto."),
        ("it", 1, "per 1 minuto."),
        ("it", 15, "per 15 minuti."),
        ("pt", 2, "por 2 minutos."),
        ("fi", 1, "voimassa 1 minuutin."),
        ("fi", 10, "voimassa 10 minuuttia."),
        ("ja", 10, "有効期限は10分です"),
        ("ar", 1, "لمدة دقيقة واحدة."),
        ("ar", 2, "لمدة دقيقتين."),
        ("ar", 3, "لمدة 3 دقائق."),
        ("ar", 10, "لمدة 10 دقائق."),
        ("ar", 11, "لمدة 11 دقيقة."),
        ("ar", 100, "لمدة 100 دقيقة."),
        ("ar", 103, "لمدة 103 دقائق."),
        ("en", 10, "30 November 2026, 14:55 UTC"),
        ("de", 10, "30. November 2026, 14:55 Uhr"),
        ("fr", 10, "le 30 novembre 2026 à 14:55"),
        ("fi", 10, "30.11.2026 klo 14.55"),
        ("ja", 10, "2026年11月30日 14:55"),
        ("ar", 10, "30 نوفمبر 2026، 14:55"),
    ] {
        let locale = tag(locale);
        let words = Words { minutes, ..words("123456", "", "example.com", &locale) };
        let text = templates.email(&words).unwrap().text;
        assert!(text.contains(expected), "{locale}: {text}");
    }
    let (locale, moment) = (tag("fr"), UnixTime::from_seconds(1_767_225_540));
    let words = Words { requested_at: moment, ..words("1", "", "example.com", &locale) };
    assert!(templates.email(&words).unwrap().text.contains("le 31 décembre 2025 à 23:59"));
    let words = Words { requested_at: moment.plus(60), ..words };
    assert!(templates.email(&words).unwrap().text.contains("le 1er janvier 2026 à 00:00"));
    let words = Words { requested_at: UnixTime::from_seconds(u64::MAX), ..words };
    assert!(templates.email(&words).is_ok(), "whatever the time is");
}

/// With the line that binds the code to a host, a long code and longish names.
#[test]
fn an_sms_is_one_in_every_language_that_its_alphabet_can_write() {
    let templates = Templates::built_in();
    for locale in &LANGUAGES {
        let words = words("BCDFGHJKLMNPQRS", "", "login.example.com", locale);
        let sms = format!("{}\n\n@login.example.com #BCDFGHJKLMNPQRS", templates.sms(&words).unwrap());
        let segments = Segments::of(&sms);
        assert_eq!(segments.is_gsm7, !["ja", "ar"].contains(&locale.as_str()), "{sms}");
        assert!(!segments.is_gsm7 || segments.count == 1, "{segments:?}: {sms}");
        let short = templates.sms(&super::Words { code: "123456", site_name: "Example", ..words }).unwrap();
        assert_eq!(Segments::of(&format!("{short}\n\n@example.com #123456")).count, 1, "{short}");
    }
}

#[test]
fn language_then_folder_then_built_in() {
    let templates = load(&[
        ("email.txt", "folder {{ code }}"),
        ("de/email.txt", "deutsch {{ code }} {{ locale }}"),
        ("de/sms.txt", "SMS {{ code }}"),
        ("de_at/sms.txt", "Servus {{ code }}"),
        ("nl/email.subject.txt", "Inloggen bij {{ site_name }}"),
        ("README.md", "{{ broken"),
        ("drafts.old/email.txt", "{{ broken"),
    ]);
    let text = |locale: &str| templates.email(&words("1", "", "s", &tag(locale))).unwrap().text;
    let subject = |locale: &str| templates.email(&words("1", "", "s", &tag(locale))).unwrap().subject;
    let sms = |locale: &str| templates.sms(&words("1", "", "s", &tag(locale))).unwrap();
    assert_eq!(text("de"), "deutsch 1 de");
    assert_eq!(text("de-CH"), "deutsch 1 de-CH");
    assert_eq!(text("de-AT"), "deutsch 1 de-AT", "what a region doesn't have is its language's");
    assert_eq!(sms("de-AT"), "Servus 1");
    assert_eq!(subject("de-AT"), "Anmeldung bei s");
    assert_eq!(text("fr"), "folder 1");
    assert_eq!(text("en"), "folder 1");
    assert_eq!((&*subject("nl"), &*text("nl"), &*sms("nl")), ("Inloggen bij s", "folder 1", &*sms("en")));
    let there: Vec<_> = templates.languages().map(Tag::as_str).collect();
    assert_eq!(there, ["ar", "de", "de-AT", "en", "es", "fi", "fr", "it", "ja", "nl", "pt"]);
    assert!(templates.has(&tag("nl")) && !templates.has(&tag("nl-BE")) && templates.have_like(&tag("nl-BE")));
    assert!(!templates.have_like(&tag("sv")));
}

#[test]
fn texts_can_be_replaced_one_by_one_and_make_a_new_language() {
    let templates = load(&[
        ("en/texts.toml", "button = \"Let me in\""),
        ("de/texts.toml", "button = \"Rein\"\nduration = \"bald\""),
        ("de-AT/texts.toml", "heading = \"Servus\""),
        ("cs/texts.toml", "heading = \"Váš kód pro {{ site_name }}\""),
    ]);
    let html = |locale: &str| templates.email(&words("1", LINK, "s", &tag(locale))).unwrap().html;
    assert!(html("en").contains(">Let me in<"));
    assert!(
        html("de").contains(">Rein<")
            && html("de").contains("Code und Link sind bald gültig.")
            && html("de").contains("Ihr Code für s")
    );
    assert!(html("de-AT").contains(">Rein<") && html("de-AT").contains("Servus"));
    assert!(html("cs").contains("Váš kód pro s") && html("cs").contains(">Let me in<"), "the rest is English");
    assert!(html("fr").contains(">Se connecter<"));
}

#[test]
fn a_folder_with_every_built_in_file_changes_nothing() {
    let files: Vec<(String, &str)> = Templates::built_in_files().collect();
    assert_eq!(files.len(), 4 + LANGUAGES.len());
    let exported = load(&files.iter().map(|(name, text)| (name.as_str(), *text)).collect::<Vec<_>>());
    let built_in = Templates::built_in();
    for locale in &LANGUAGES {
        for (link, minutes) in [("", 1), (LINK, 10)] {
            let words = Words { minutes, ..words("123456", link, "A & B", locale) };
            let all = |templates: &Templates| {
                let WrittenEmail { subject, text, html } = templates.email(&words).unwrap();
                [subject, text, html, templates.sms(&words).unwrap()]
            };
            assert_eq!(all(&exported), all(&built_in), "{locale}");
        }
    }
}

#[test]
fn html_is_escaped_in_html_only() {
    let hostile = r#"</title><script>"'&"#;
    let words = words("<b>", "https://e.x/?a=1&b=\"2\"", hostile, &Tag::ENGLISH);
    let templates = Templates::built_in();
    let WrittenEmail { text, html, .. } = templates.email(&words).unwrap();
    assert!(html.contains("&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;") && !html.contains("<script>"), "{html}");
    assert!(html.contains("&lt;b&gt;") && html.contains("https://e.x/?a=1&amp;b=&quot;2&quot;"), "{html}");
    assert!(text.contains(hostile), "{text}");
    let templates = load(&[("email.html", "{{ code|safe }} {{ code|upper }} {{ minutes }} {{ text.heading }}")]);
    let html = templates.email(&words).unwrap().html;
    assert!(html.starts_with("<b> &lt;B&gt; 10 Your code for &lt;/title&gt;"), "{html}");
}

#[test]
fn every_broken_template_is_a_fault_of_the_start() {
    let folder = folder(&[
        ("email.txt", "line\n{{ code"),
        ("email.html", "{{ cod }}"),
        ("sms.txt", "{% include 'email.txt' %}"),
        ("de/email.subject.txt", "{% if link %}{{ link.nothing.there }}{% endif %}"),
        ("fr/email.txt", "{{ code|nonsense }}"),
        ("es/texts.toml", "subject = \"{{ site }}\""),
        ("it/texts.toml", "sujet = \"{{ site_name }}\""),
        ("texts.toml", ""),
    ]);
    fs::write(folder.path().join("email.subject.txt"), [0xff, 0xfe]).unwrap();
    let faults = Templates::load(folder.path()).unwrap_err();
    let name = |fault: &TemplateFault| fault.path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
    let mut files: Vec<_> = faults.iter().map(name).collect();
    files.sort();
    let expected = [
        "de/email.subject.txt",
        "email.html",
        "email.subject.txt",
        "email.txt",
        "es/texts.toml",
        "fr/email.txt",
        "it/texts.toml",
        "sms.txt",
        "texts.toml",
    ];
    assert_eq!(files, expected);
    let fault = |file| faults.iter().find(|fault| name(fault) == file).unwrap().to_string();
    assert!(fault("email.txt").contains("line 2"), "{}", fault("email.txt"));
    assert!(fault("es/texts.toml").contains("subject: undefined value"), "{}", fault("es/texts.toml"));
    assert!(fault("texts.toml").contains("en/texts.toml"), "{}", fault("texts.toml"));
    let missing = folder.path().join("missing");
    let [fault] = &Templates::load(&missing).unwrap_err()[..] else { panic!("one fault") };
    assert!(fault.to_string().starts_with(&format!("{}: ", missing.display())), "{fault}");
}

#[test]
fn two_folders_of_one_language_are_a_fault() {
    let folder = folder(&[("pt-BR/sms.txt", "a"), ("pt_br/sms.txt", "b")]);
    assert_eq!(Templates::load(folder.path()).unwrap_err().len(), 1);
}
