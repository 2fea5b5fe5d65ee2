//! What is wrong with JSON that should be users: the field, what is there, what would do. Never a text's content, which may
//! be an address.

use serde_json::{Value, error::Category};

use crate::user::User;

/// What a field may hold, with an example.
#[derive(Clone, Copy)]
enum Kind {
    Id,
    Text,
    Switch,
    Object,
}

/// Every field of a user, and whether it has to be there.
const FIELDS: [(&str, Kind, bool); 9] = [
    ("id", Kind::Id, true),
    ("email", Kind::Text, false),
    ("phone_number", Kind::Text, false),
    ("is_active", Kind::Switch, true),
    ("is_staff", Kind::Switch, false),
    ("is_superuser", Kind::Switch, false),
    ("epoch", Kind::Text, false),
    ("claims", Kind::Object, false),
    ("locale", Kind::Text, false),
];

/// A fault and the line that it stands on, from 1.
pub(super) struct Located {
    pub line: usize,
    pub reason: String,
}

/// Why `text` isn't a list of users.
pub(super) fn of_list(text: &[u8], error: &serde_json::Error) -> Located {
    if let Some(fault) = of_syntax(error) {
        return fault;
    }
    if let Ok(other) = serde_json::from_slice::<Value>(text)
        && !other.is_array()
    {
        let reason = format!("must be a list of users, [{{…}}, {{…}}], and is {}", noun(&other));
        return Located { line: 1, reason };
    }
    let mut faulty = elements(text).enumerate().filter_map(|(at, (start, element))| {
        let error = serde_json::from_slice::<User>(element).err()?;
        let line = line_of(text, start);
        let (reason, is_of_field) = match of_user(element) {
            Some(fault) => fault,
            None => ("has a field twice".into(), true),
        };
        let line = if is_of_field { line + error.line() - 1 } else { line };
        Some(Located { line, reason: format!("user {} {reason}", at + 1) })
    });
    faulty.next().unwrap_or_else(|| Located { line: error.line(), reason: "is not a list of users".into() })
}

/// Why an endpoint's answer isn't one about a user.
pub(super) fn of_answer(text: &[u8], error: &serde_json::Error) -> String {
    if let Some(Located { line, reason }) = of_syntax(error) {
        return format!("line {line}: it {reason}");
    }
    let Ok(answer) = serde_json::from_slice::<Value>(text) else { return "it can't be read".into() };
    match (&answer, answer.get("user")) {
        (Value::Object(_), Some(user)) => {
            let fault = of_user(user.to_string().as_bytes());
            format!("its \"user\" {}", fault.map_or_else(|| "has a field twice".into(), |(reason, _)| reason))
        }
        (Value::Object(_), None) => "it has no \"user\": write {\"user\": {…}}, or {\"user\": null} for nobody".into(),
        (other, _) => format!("it must be {{\"user\": {{…}}}} or {{\"user\": null}}, and is {}", noun(other)),
    }
}

/// The lines on which the users begin that `is_meant` accepts.
pub(super) fn lines_of(text: &[u8], is_meant: impl Fn(&User) -> bool) -> Vec<usize> {
    let user = |element: &[u8]| serde_json::from_slice::<User>(element).ok();
    let meant = elements(text).filter(|(_, element)| user(element).is_some_and(|user| is_meant(&user)));
    meant.map(|(start, _)| line_of(text, start)).collect()
}

/// What isn't JSON at all. These messages of the parser hold nothing of the text.
fn of_syntax(error: &serde_json::Error) -> Option<Located> {
    match error.classify() {
        Category::Data => None,
        Category::Io | Category::Syntax | Category::Eof => {
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            Some(Located { line: error.line(), reason: format!("is not JSON: {what}, column {}", error.column()) })
        }
    }
}

/// What is wrong with one user, and whether it is about a field that is there.
fn of_user(text: &[u8]) -> Option<(String, bool)> {
    let user: Value = serde_json::from_slice(text).ok()?;
    let Some(fields) = user.as_object() else {
        return Some((format!("is {}; write {{\"id\": \"1\", \"is_active\": true}}", noun(&user)), false));
    };
    FIELDS.iter().find_map(|(name, kind, required)| {
        let example = kind.example(name);
        match fields.get(*name) {
            None if *required => Some((format!("has no \"{name}\"; add {example}"), false)),
            None => None,
            Some(Value::Null) if !required => None,
            Some(value) if kind.fits(value) => None,
            Some(value) => Some((format!("has {} as \"{name}\"; write {example}", noun(value)), true)),
        }
    })
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Id => value.as_str().is_some_and(|id| !id.is_empty()),
            Self::Text => value.is_string(),
            Self::Switch => value.is_boolean(),
            Self::Object => value.is_object(),
        }
    }

    fn example(self, name: &str) -> String {
        let value = match (self, name) {
            (Self::Id, _) => "a text that isn't empty, as in \"id\": \"1\"",
            (Self::Text, _) => return format!("a text in quotes, \"{name}\": \"…\""),
            (Self::Switch, _) => return format!("\"{name}\": true or \"{name}\": false, without quotes"),
            (Self::Object, _) => return format!("an object, \"{name}\": {{…}}"),
        };
        value.into()
    }
}

/// What a value is, without what a text says.
fn noun(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(switch) => switch.to_string(),
        // Which one isn't said: it may be somebody's.
        Value::Number(_) => "a number".into(),
        Value::String(text) if text.is_empty() => "an empty text".into(),
        Value::String(_) => "a text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// The elements of a list with their places in the text.
fn elements(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = text.iter().position(|byte| *byte == b'[').map_or(text.len(), |open| open + 1);
    std::iter::from_fn(move || {
        at += text[at..].iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count();
        let mut values = serde_json::Deserializer::from_slice(&text[at..]).into_iter::<serde::de::IgnoredAny>();
        values.next()?.ok()?;
        let (start, end) = (at, at + values.byte_offset());
        at = end;
        Some((start, &text[start..end]))
    })
}

fn line_of(text: &[u8], at: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text[..at]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let error = serde_json::from_str::<Vec<User>>(text).unwrap_err();
        let Located { line, reason } = of_list(text.as_bytes(), &error);
        (line, reason)
    }

    #[test]
    fn a_fault_names_the_line_the_field_what_is_there_and_what_would_do() {
        const ANN: &str = r#"{"id": "1", "email": "ann@example.com", "is_active": true}"#;
        for (user, line, expected) in [
            (
                r#"{"id": 1, "is_active": true}"#,
                3,
                r#"user 2 has a number as "id"; write a text that isn't empty, as in "id": "1""#,
            ),
            (r#"{"id": "", "is_active": true}"#, 3, r#"user 2 has an empty text as "id""#),
            (r#"{"id": null, "is_active": true}"#, 3, r#"user 2 has null as "id""#),
            (r#"{"is_active": true}"#, 3, r#"user 2 has no "id"; add a text"#),
            ("{\n\"id\": \"2\"\n}", 3, r#"user 2 has no "is_active"; add "is_active": true or"#),
            (
                "{\"id\": \"2\",\n\"is_active\": \"ann@example.com\"}",
                4,
                r#"user 2 has a text as "is_active"; write "is_active": true"#,
            ),
            (
                r#"{"id": "2", "is_active": true, "email": ["bob@example.com"]}"#,
                3,
                r#"user 2 has a list as "email"; write a text in quotes"#,
            ),
            (r#"{"id": "2", "is_active": true, "phone_number": 12025550123}"#, 3, r#"user 2 has a number as "phone_number""#),
            (r#"{"id": "2", "is_active": true, "epoch": 7}"#, 3, r#"user 2 has a number as "epoch""#),
            (r#"{"id": "2", "is_active": true, "claims": "x"}"#, 3, r#"user 2 has a text as "claims"; write an object"#),
            (r#"{"id": "2", "is_active": true, "is_staff": 1}"#, 3, r#"user 2 has a number as "is_staff""#),
            (r#"{"id": "2", "id": "3", "is_active": true}"#, 3, "user 2 has a field twice"),
            (r#""bob""#, 3, "user 2 is a text; write {"),
        ] {
            let (at, reason) = fault(&format!("[\n{ANN},\n{user}\n]\n"));
            assert!(reason.starts_with(expected), "{user}: {reason}");
            assert_eq!(at, line, "{user}");
            assert!(!reason.contains('@'), "{reason}");
        }
    }

    #[test]
    fn what_is_no_list_or_no_json_is_said() {
        for (text, line, expected) in [
            ("", 1, "is not JSON: EOF"),
            ("[\n{\"id\": \"1\",}\n]", 2, "is not JSON: trailing comma, column 12"),
            ("{\"users\": []}", 1, "must be a list of users, [{…}, {…}], and is an object"),
            ("null", 1, "must be a list of users, [{…}, {…}], and is null"),
        ] {
            let (at, reason) = fault(text);
            assert!(reason.starts_with(expected), "{text}: {reason}");
            assert_eq!(at, line, "{text}: {reason}");
        }
    }

    #[test]
    fn an_answer_s_fault_names_the_field() {
        #[derive(serde::Deserialize)]
        struct Answer {
            #[allow(dead_code, reason = "only its faults are looked at")]
            #[serde(deserialize_with = "Option::deserialize")]
            user: Option<User>,
        }
        for (text, expected) in [
            ("<html>", "line 1: it is not JSON: expected value, column 1"),
            ("[]", r#"it must be {"user": {…}} or {"user": null}, and is a list"#),
            ("{}", r#"it has no "user": write {"user": {…}}, or {"user": null} for nobody"#),
            (r#"{"user":{"id":42,"is_active":true}}"#, r#"its "user" has a number as "id"; write a text"#),
            (r#"{"user":{"id":"42"}}"#, r#"its "user" has no "is_active"; add "is_active": true"#),
            (r#"{"user":"ann@example.com"}"#, r#"its "user" is a text"#),
        ] {
            let error = serde_json::from_str::<Answer>(text).err().unwrap();
            let fault = of_answer(text.as_bytes(), &error);
            assert!(fault.starts_with(expected), "{text}: {fault}");
            assert!(!fault.contains('@'), "{fault}");
        }
    }
}
