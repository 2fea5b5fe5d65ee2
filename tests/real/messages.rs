//! E-mails in Chromium: on a phone and a desktop, in both colour schemes and every language.

use std::fs;

use countersign::delivery::LANGUAGES;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    pages::run,
    parts::{Part, folder, node, trial},
};
use crate::harness::command;

pub(crate) fn trials() -> Vec<Trial> {
    let browser = [Part::Node, Part::Chromium];
    vec![
        trial("messages::fit_every_screen_in_every_language_and_load_nothing", &browser, || look(&[], 6)),
        trial("messages::with_long_codes_and_names_fit_a_phone", &browser, || {
            let name =
                ("passwordless.site_name", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft");
            let chars = ("passwordless.short_token_chars", "BCDFGHJKLMNPQRSTVWXZ");
            look(&[name, ("passwordless.short_token_length", "15"), chars], 15);
        }),
    ]
}

/// Writes every message with these settings, and looks at each in Chromium.
fn look(settings: &[(&str, &str)], length: usize) {
    let written = tempfile::tempdir().expect("a temporary folder");
    let output = command(written.path(), settings).args(["preview", "look"]).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let look = fs::canonicalize(written.path().join("look")).expect("it is there");
    let languages: Vec<Value> = LANGUAGES.iter().map(|tag| json!({ "tag": tag.as_str(), "dir": tag.direction() })).collect();
    let given = json!({ "folder": look, "languages": languages, "length": length, "chromium": "/usr/bin/chromium" });
    run(node().arg(folder().join("messages.cjs")), &given);
}
