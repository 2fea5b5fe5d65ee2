//! The effective configuration as text: TOML, with secrets masked.

use std::{collections::BTreeMap, fmt::Write as _};

use reqwest::Url;

use super::{fault::Origin, schema::Schema};

/// What is in force: every key with its value as TOML, secrets masked.
#[derive(Debug, Default)]
pub(crate) struct Effective {
    values: BTreeMap<(&'static str, &'static str), String>,
    toml: String,
}

impl Effective {
    /// In the order of the schema; a comment says where a value that isn't a default came from.
    pub(crate) fn new<'a>(
        schema: &'static Schema,
        values: BTreeMap<(&'static str, &'static str), String>,
        origin: impl Fn(&'static str, &'static str) -> Option<&'a Origin>,
    ) -> Self {
        let mut toml = String::new();
        for section in schema {
            let gap = if toml.is_empty() { "" } else { "\n" };
            let _ = writeln!(toml, "{gap}[{}]", section.name);
            for key in section.keys {
                let value = values.get(&(section.name, key.name)).map_or("\"\"", String::as_str);
                let comment = origin(section.name, key.name).map(|origin| format!("  # {origin}")).unwrap_or_default();
                // A line break in a file's name would end the comment.
                let _ = writeln!(toml, "{} = {value}{}", key.name, comment.replace(char::is_control, " "));
            }
        }
        Self { values, toml }
    }

    /// The whole as TOML.
    pub(crate) fn as_toml(&self) -> &str {
        &self.toml
    }

    /// The keys, as `section.key`, whose values differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let differing = self.values.iter().filter(|(name, value)| other.values.get(name) != Some(value));
        differing.map(|((section, key), _)| format!("{section}.{key}")).collect()
    }
}

/// A basic TOML string.
pub(crate) fn quoted(text: &str) -> String {
    let mut toml = String::with_capacity(text.len() + 2);
    toml.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => toml.extend(['\\', character]),
            '\n' => toml.push_str("\\n"),
            '\t' => toml.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(toml, "\\u{:04X}", u32::from(control));
            }
            plain => toml.push(plain),
        }
    }
    toml.push('"');
    toml
}

/// A TOML array of strings.
pub(crate) fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A TOML inline table of strings.
pub(crate) fn table<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let is_bare = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let name = |name: &str| if is_bare(name) { name.to_owned() } else { quoted(name) };
    let entries: Vec<_> = entries.map(|(key, text)| format!("{} = {}", name(key), quoted(text))).collect();
    if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// A TOML number.
pub(crate) fn number(number: f64) -> String {
    let text = format!("{number:?}");
    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}

/// Whether there is a secret, and nothing else about it.
pub(crate) fn masked(secret: &str) -> String {
    if secret.is_empty() { "\"\"".into() } else { "\"***\"".into() }
}

/// A URL without its password and query. What can't be read as a URL is masked whole: a secret may be anywhere in it.
pub(crate) fn masked_url(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("+sentinel://") {
        return masked_sentinels(scheme, rest).unwrap_or_else(|| "***".into());
    }
    // Redis takes several, separated by commas, each with a password of its own.
    if text.starts_with("redis") && text.contains(',') {
        return text.split(',').map(|url| masked_url(url.trim())).collect::<Vec<_>>().join(",");
    }
    let masked = || -> Option<String> {
        let mut url = Url::parse(text).ok().filter(Url::has_host)?;
        if url.password().is_some() {
            url.set_password(Some("***")).ok()?;
        } else if !url.username().is_empty() {
            url.set_username("***").ok()?;
        }
        // What an SMTP URL asks for is no secret: `?tls=required`.
        if url.query().is_some() && !url.scheme().starts_with("smtp") {
            url.set_query(Some("***"));
        }
        Some(url.into())
    };
    if text.is_empty() { String::new() } else { masked().unwrap_or_else(|| "***".into()) }
}

/// `user:password@host,host/NAME/0?…`, which is no URL to a library for URLs; `None` where it isn't of this form.
fn masked_sentinels(scheme: &str, rest: &str) -> Option<String> {
    let (place, query) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?***"));
    let (authority, path) = place.split_once('/')?;
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user = match user.split_once(':') {
        Some((user, _)) => format!("{user}:***@"),
        None if user.is_empty() => String::new(),
        None => "***@".into(),
    };
    let is_of = |text: &str, others: &[u8]| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte));
    let is_right = is_of(scheme, b"") && is_of(hosts, b".-_:[], ") && is_of(path, b".-_/");
    is_right.then(|| format!("{scheme}+sentinel://{user}{hosts}/{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_toml() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}é"), r#""a\"b\\c\nd\u0001é""#);
        assert_eq!(list(["a", "b"].into_iter()), r#"["a", "b"]"#);
        assert_eq!(table([("a-1", "x"), ("b.c", "\"")].into_iter()), r#"{ a-1 = "x", "b.c" = "\"" }"#);
        assert_eq!(table([].into_iter()), "{}");
        assert_eq!((number(1e-4), number(1.0)), ("0.0001".into(), "1.0".into()));
    }

    #[test]
    fn passwords_and_queries_are_masked() {
        for (url, shown) in [
            ("smtp://ann:hunter2@mail:587?tls=required", "smtp://ann:***@mail:587?tls=required"),
            ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
            ("redis://:hunter2@a,redis://:hunter2@b:1", "redis://:***@a,redis://:***@b:1"),
            ("unix:///run/redis.sock?pass=hunter2", "***"),
            ("https://hooks.example/a?key=hunter2", "https://hooks.example/a?***"),
            ("https://hunter2@hooks.example/", "https://***@hooks.example/"),
            ("hunter2", "***"),
            (
                "redis+sentinel://ann:hunter2@s1:26379,s2/m/0?sentinel_password=hunter2",
                "redis+sentinel://ann:***@s1:26379,s2/m/0?***",
            ),
            ("redis+sentinel://s1/m", "redis+sentinel://s1/m"),
            ("redis+sentinel://hunter2@s1/m", "redis+sentinel://***@s1/m"),
            ("redis+sentinel://:hun/ter2@s1/m", "***"),
            ("redis+sentinel://:hunter2", "***"),
            ("data:hunter2", "***"),
            ("", ""),
        ] {
            assert_eq!(masked_url(url), shown);
        }
    }
}
