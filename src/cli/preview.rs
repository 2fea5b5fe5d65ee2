//! `preview`: every message in every language, as files to look at.

use std::{fmt::Write as _, fs, io, path::Path};

use super::{
    ConfigFile,
    exit::Exit,
    print, sources,
    templates::{unavailable, write},
};
use crate::{
    browser::agent::{Agent, Browser, System},
    config::Config,
    delivery::{Composer, Languages, Message, Sample, Segments, Tag},
    recipient::{Channel, Recipient},
    serve::{assembly, clock},
};

/// How a page of ours is known again.
const GENERATOR: &str = "<meta name=\"generator\" content=\"countersign preview\">";

/// Writes a folder a language, and a page that shows them all, with the templates and the site of the configuration.
pub(super) fn preview(folder: &Path, file: &ConfigFile) -> Result<(), Exit> {
    let config = sources::load(file)?;
    let index = folder.join("index.html");
    match fs::read_to_string(&index) {
        Ok(page) if !page.contains(GENERATOR) => {
            let index = index.display();
            return Err(Exit::Usage(format!("countersign: {index} is no preview of ours, and is left: name another folder")));
        }
        Ok(_) => {}
        // A folder of templates has files by the same names.
        Err(error) if error.kind() == io::ErrorKind::NotFound && holds_anything(folder) => {
            let folder = folder.display();
            return Err(Exit::Usage(format!(
                "countersign: {folder} isn't empty and holds no preview of ours: name another folder, or one that there isn't"
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unavailable("read", &index, &error)),
    }
    let composer = assembly::composer(&config);
    let mut shown = String::new();
    let mut languages: Vec<&Tag> = config.email.templates.languages().collect();
    // What most people will see comes first.
    languages.sort_by_key(|tag| **tag != config.passwordless.default_locale);
    for tag in languages {
        let email = compose(&composer, &config, tag, Channel::Email)?;
        let sms = compose(&composer, &config, tag, Channel::Mobile)?;
        let folder = folder.join(tag.as_str());
        let text = format!("Subject: {}\n\n{}\n", email.subject, email.text.as_str());
        write(&folder.join("email.html"), &email.html)?;
        write(&folder.join("email.txt"), &text)?;
        write(&folder.join("sms.txt"), &format!("{}\n", sms.text.as_str()))?;
        show(&mut shown, tag, &text, &sms.text);
    }
    write(&index, &page(&config.passwordless.site_name, &shown))?;
    print(&format!("Wrote the messages in every language. Look at {}\n", index.display()))
}

fn holds_anything(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// A message as it is sent, but for its code and link, which open nothing.
fn compose(composer: &Composer, config: &Config, tag: &Tag, channel: Channel) -> Result<Message, Exit> {
    let policy = &config.passwordless.policy;
    let recipient = match channel {
        Channel::Email => Recipient::from_canonical(channel, "ann@example.com"),
        Channel::Mobile => Recipient::from_canonical(channel, "+12025550123"),
    };
    let sample = Sample {
        recipient,
        format: policy.code_format.clone(),
        lifetime: policy.challenge_lifetime,
        languages: Languages { requested: Some(tag.as_str().into()), accepted: None },
        agent: Agent { browser: Some(Browser::Firefox), system: Some(System::Android) },
    };
    let now = clock::now();
    let composed = composer.compose(&sample.dispatch(now, &mut rand::rng()), now, &mut rand::rng());
    composed.map_err(|error| Exit::Unavailable(format!("a template fails in {tag}: {error}")))
}

/// One language: the e-mail on a phone's width in both schemes, and the texts.
fn show(page: &mut String, tag: &Tag, text: &str, sms: &str) {
    let dir = tag.direction();
    let Segments { is_gsm7, length, count } = Segments::of(sms);
    let alphabet = if is_gsm7 { "GSM-7" } else { "UCS-2" };
    let frame = |scheme: &str| {
        format!("<iframe src=\"{tag}/email.html\" title=\"{tag}, {scheme}\" style=\"color-scheme:{scheme}\"></iframe>\n")
    };
    let _ = write!(
        page,
        "<h2 id=\"{tag}\">{tag}: <a href=\"{tag}/email.html\">email.html</a>, <a href=\"{tag}/email.txt\">email.txt</a>, \
         <a href=\"{tag}/sms.txt\">sms.txt</a> ({count} SMS: {length} characters of {alphabet})</h2>\n<div class=\"messages\">\n{}{}\
         <div><pre lang=\"{tag}\" dir=\"{dir}\">{}</pre>\n<pre lang=\"{tag}\" dir=\"{dir}\">{}</pre></div>\n</div>\n",
        frame("light"),
        frame("dark"),
        escaped(text),
        escaped(sms),
    );
}

fn page(site_name: &str, shown: &str) -> String {
    let site_name = escaped(site_name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{GENERATOR}\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Messages of {site_name}</title>\n<style>\n\
         body {{ margin: 24px; font: 15px/1.5 system-ui, sans-serif; }}\n\
         .messages {{ display: flex; flex-wrap: wrap; gap: 24px; align-items: start; }}\n\
         iframe {{ width: 390px; height: 780px; border: 1px solid #888; border-radius: 8px; }}\n\
         pre {{ width: 390px; margin: 0 0 24px; padding: 16px; box-sizing: border-box; border: 1px solid #888; border-radius: 8px;\n\
         white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }}\n</style>\n</head>\n<body>\n<h1>Messages of {site_name}</h1>\n{shown}</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
