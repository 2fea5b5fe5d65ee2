//! Reads a message as the `file` transport or an SMTP server keeps it.

use base64::{Engine, prelude::BASE64_STANDARD};

/// A received e-mail.
#[derive(Clone, Debug)]
pub struct Message {
    /// As it came.
    pub source: String,
    /// The text part, decoded.
    pub text: String,
}

impl Message {
    /// Reads RFC 5322 with a MIME body.
    pub fn parse(source: &str) -> Self {
        let source = source.replace("\r\n", "\n");
        let text = text_part(&source).unwrap_or_else(|| panic!("no text part in {source}"));
        Self { source, text }
    }

    /// A header of the message, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.source, name)
    }

    /// The code: the line that has this many characters and nothing else.
    pub fn code(&self, length: usize) -> String {
        let is_code = |line: &&str| line.chars().count() == length && line.chars().all(char::is_alphanumeric);
        let line = self.text.lines().map(str::trim).find(is_code);
        line.unwrap_or_else(|| panic!("no code of {length} in {}", self.text)).to_owned()
    }

    /// The link, if there is one.
    pub fn link(&self) -> Option<String> {
        self.text.split_whitespace().find(|word| word.contains("://") && word.contains("/link#")).map(str::to_owned)
    }
}

/// The first text/plain part, decoded.
fn text_part(entity: &str) -> Option<String> {
    let (_, body) = entity.split_once("\n\n")?;
    let kind = header(entity, "content-type").unwrap_or_default();
    if let Some((_, boundary)) = kind.split_once("boundary=") {
        let boundary = format!("--{}", boundary.split(';').next()?.trim_matches('"'));
        return body.split(&boundary).skip(1).find_map(|part| text_part(part.trim_start_matches('\n')));
    }
    if !kind.is_empty() && !kind.starts_with("text/plain") {
        return None;
    }
    Some(match header(entity, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase().as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => {
            let letters: String = body.split_whitespace().collect();
            String::from_utf8_lossy(&BASE64_STANDARD.decode(letters).ok()?).into_owned()
        }
        _ => body.to_owned(),
    })
}

fn header(entity: &str, name: &str) -> Option<String> {
    let head = entity.split("\n\n").next()?.replace("\n ", " ").replace("\n\t", " ");
    let line = head.lines().find(|line| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name)))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn quoted_printable(text: &str) -> String {
    let bytes = text.replace("=\n", "").into_bytes();
    let mut decoded = Vec::new();
    let mut rest = &bytes[..];
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'=').then(|| tail.get(..2)).flatten().and_then(|hex| str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
