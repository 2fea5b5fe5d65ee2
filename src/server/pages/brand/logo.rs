//! The picture that stands in the place of the site's name.

use std::fmt;

use super::{MAX_FILE_BYTES, svg};

/// An SVG that loads and runs nothing, or a PNG.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    kind: LogoKind,
    bytes: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogoKind {
    Svg,
    Png,
}

/// <https://www.w3.org/TR/png-3/#5PNG-file-signature>, and the header that has to be the first chunk.
const PNG_START: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
/// The chunk that has to be the last one, with its checksum.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

impl Logo {
    /// Takes a file's bytes.
    ///
    /// # Errors
    /// It is too long, neither SVG nor PNG, or an SVG that could run or load something; with its line.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(format!("has more than {MAX_FILE_BYTES} bytes"));
        }
        let kind = if bytes.starts_with(PNG_START) {
            if !bytes.ends_with(PNG_END) {
                return Err("is a PNG that is cut off".into());
            }
            LogoKind::Png
        } else {
            let text = std::str::from_utf8(bytes).map_err(|_| "is neither a PNG nor an SVG in UTF-8")?;
            svg::judge(text)?;
            LogoKind::Svg
        };
        Ok(Self { kind, bytes: bytes.into() })
    }

    /// What it is served as, below the assets.
    pub(in super::super) const fn file_name(&self) -> &'static str {
        match self.kind {
            LogoKind::Svg => "logo.svg",
            LogoKind::Png => "logo.png",
        }
    }

    /// The value of `Content-Type`.
    pub(in super::super) const fn content_type(&self) -> &'static str {
        match self.kind {
            LogoKind::Svg => "image/svg+xml; charset=utf-8",
            LogoKind::Png => "image/png",
        }
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png() -> Vec<u8> {
        [PNG_START, b"\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89", PNG_END].concat()
    }

    #[test]
    fn a_png_is_known_by_its_start_and_end() {
        assert_eq!(Logo::read(&png()).unwrap().content_type(), "image/png");
        assert!(Logo::read(&png()[..40]).unwrap_err().contains("cut off"));
        for bad in [&b"GIF89a"[..], b"\xff\xd8\xff\xe0", b"\x89PNG", b"", b"\xfe\xff\0<\0s", b"RIFF\0\0\0\0WEBP"] {
            assert!(Logo::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_logo_has_64_kib_at_most() {
        let svg = |length: usize| {
            let text = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>"#;
            format!("{text}{}", " ".repeat(length - text.len()))
        };
        assert_eq!(Logo::read(svg(MAX_FILE_BYTES).as_bytes()).unwrap().file_name(), "logo.svg");
        assert!(Logo::read(svg(MAX_FILE_BYTES + 1).as_bytes()).unwrap_err().contains("more than 65536 bytes"));
    }
}
