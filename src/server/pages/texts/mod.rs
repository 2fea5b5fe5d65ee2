//! What the pages say, one table a language. A language that lacks a text doesn't compile.
//!
//! `{recipient}`, `{host}`, `{time}`, `{n}`, `{code}` and `{program}` are filled in by the scripts. `{time}` is what
//! `Intl.RelativeTimeFormat` makes of some seconds: "in 42 seconds"; [`ScriptTexts::soon`] where they aren't known.

mod arabic;
mod english;
mod finnish;
mod french;
mod german;
mod italian;
mod japanese;
mod portuguese;
mod spanish;

use serde::{Serialize, Serializer};

/// All languages, as the menu shows them.
pub(super) const ALL: [&Texts; 9] = [
    &english::TEXTS,
    &german::TEXTS,
    &french::TEXTS,
    &spanish::TEXTS,
    &italian::TEXTS,
    &portuguese::TEXTS,
    &finnish::TEXTS,
    &japanese::TEXTS,
    &arabic::TEXTS,
];

/// One language.
#[derive(Debug)]
pub(super) struct Texts {
    /// Its BCP 47 tag.
    pub tag: &'static str,
    /// Its own name for itself.
    pub name: &'static str,
    /// What stands in the documents.
    pub page: PageTexts,
    /// What the scripts say.
    pub script: ScriptTexts,
}

/// What stands in the documents.
#[derive(Debug, Serialize)]
pub(super) struct PageTexts {
    pub language: &'static str,
    pub terms: &'static str,
    pub privacy: &'static str,
    pub support: &'static str,
    pub needs_script: &'static str,
    pub sign_in: &'static str,
    pub no_password: &'static str,
    pub email: &'static str,
    pub mobile: &'static str,
    pub mobile_hint: &'static str,
    pub or: &'static str,
    pub send_code: &'static str,
    pub have_code: &'static str,
    pub enter_code: &'static str,
    pub code: &'static str,
    pub new_code: &'static str,
    pub signed_in: &'static str,
    pub signed_in_as: &'static str,
    pub go_on: &'static str,
    pub sign_out: &'static str,
    pub nobody: &'static str,
    pub everywhere: &'static str,
    pub opaque: &'static str,
    pub access_token: &'static str,
    pub elsewhere: &'static str,
    pub elsewhere_here: &'static str,
    pub sign_in_here: &'static str,
    pub unasked: &'static str,
    pub other_device: &'static str,
    pub link_recipient: &'static str,
    pub same_message: &'static str,
}

/// What the scripts say.
#[derive(Debug, Serialize)]
pub(super) struct ScriptTexts {
    // Steps.
    pub sent_to: &'static str,
    pub code: &'static str,
    pub code_of_digits: Counted,
    pub code_of_characters: Counted,
    pub again: &'static str,
    pub again_in: &'static str,
    pub new_code: &'static str,
    pub new_code_in: &'static str,
    pub change_address: &'static str,
    pub change_number: &'static str,
    pub open_program: &'static str,
    pub look_in_spam: &'static str,
    pub look_at_number: &'static str,
    pub elsewhere_used: &'static str,
    pub sign_in: &'static str,
    pub sign_in_as: &'static str,
    pub as_recipient: &'static str,
    pub signed_in: &'static str,
    pub signed_out: &'static str,
    pub then_to: &'static str,
    pub on_the_way: &'static str,
    // How it goes.
    pub soon: &'static str,
    pub sent_again: &'static str,
    pub sent_before: &'static str,
    pub sent_before_wait: &'static str,
    pub solving: &'static str,
    // What is typed.
    pub enter_email_first: &'static str,
    pub enter_mobile_first: &'static str,
    pub enter_code_first: &'static str,
    pub length_in_digits: Counted,
    pub length_in_characters: Counted,
    pub invalid_email: &'static str,
    pub invalid_mobile: &'static str,
    // What the engine refuses.
    pub code_wrong: &'static str,
    pub attempts_left: Counted,
    pub no_attempts_left: &'static str,
    pub code_expired: &'static str,
    pub code_spent: &'static str,
    pub code_forgotten: &'static str,
    pub exhausted: &'static str,
    pub link_wrong: &'static str,
    pub link_expired: &'static str,
    pub link_spent: &'static str,
    pub link_forgotten: &'static str,
    pub no_challenge: &'static str,
    pub method_disabled: &'static str,
    pub throttled: &'static str,
    pub delivery_failed: &'static str,
    pub unavailable: &'static str,
    pub needs_cookies: &'static str,
    pub unreachable: &'static str,
    pub too_slow: &'static str,
    pub not_understood: &'static str,
    pub unexpected: &'static str,
    // Links.
    pub link_lost_its_end: &'static str,
    pub link_damaged: &'static str,
    pub link_bound_elsewhere: &'static str,
    pub link_reloaded: &'static str,
    pub link_and_address: &'static str,
    pub enter_link_recipient: &'static str,
    pub enter_message_recipient: &'static str,
    pub code_goes_here: &'static str,
    pub code_goes_there: &'static str,
}

/// A text with a number, by CLDR's plural categories: what `Intl.PluralRules` calls a number chooses among them.
#[derive(Debug)]
pub(super) struct Counted(&'static [(&'static str, &'static str)]);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The names in braces.
    fn blanks(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_language_fills_in_what_english_does_and_says_all_of_it() {
        let english = serde_json::to_value(&english::TEXTS.script).unwrap();
        for texts in ALL {
            let script = serde_json::to_value(&texts.script).unwrap();
            for (name, text) in script.as_object().unwrap() {
                let forms: Vec<_> = match (text, &english[name]) {
                    (Value::String(text), Value::String(wanted)) => vec![(text, wanted)],
                    (Value::Object(forms), Value::Object(wanted)) => {
                        assert!(forms.contains_key("other"), "{} {name}", texts.tag);
                        forms.values().map(|form| (form, &wanted["other"])).map(strings).collect()
                    }
                    other => panic!("{} {name}: {other:?}", texts.tag),
                };
                for (form, wanted) in forms {
                    // "One attempt" needs no digit.
                    let fits = blanks(form) == blanks(wanted) || text.is_object() && blanks(form).is_empty();
                    assert!(fits && !form.trim().is_empty(), "{} {name}: {form}", texts.tag);
                }
            }
            let page = serde_json::to_value(&texts.page).unwrap();
            assert!(page.as_object().unwrap().values().all(|text| !text.as_str().unwrap().trim().is_empty()), "{}", texts.tag);
        }
    }

    fn strings<'v>((form, wanted): (&'v Value, &'v Value)) -> (&'v String, &'v String) {
        match (form, wanted) {
            (Value::String(form), Value::String(wanted)) => (form, wanted),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_was_left_in_english() {
        let english = serde_json::to_value(&english::TEXTS.script).unwrap();
        for texts in ALL.iter().skip(1) {
            let script = serde_json::to_value(&texts.script).unwrap();
            let same: Vec<_> =
                script.as_object().unwrap().iter().filter(|(name, text)| english[name.as_str()] == **text).collect();
            // "Code" is a word of several languages.
            assert!(same.iter().all(|(name, _)| *name == "code"), "{}: {same:?}", texts.tag);
        }
    }
}
