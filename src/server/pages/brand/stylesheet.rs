//! A stylesheet of the site's own.

use std::fmt;

use super::MAX_FILE_BYTES;

/// CSS that is read after the pages' own. The pages' policy lets it load nothing from elsewhere, whatever it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Stylesheet(Box<str>);

impl Stylesheet {
    /// Takes a file's bytes.
    ///
    /// # Errors
    /// It is too long, or no UTF-8.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(format!("has more than {MAX_FILE_BYTES} bytes"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
        Ok(Self(text.into()))
    }

    /// The CSS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Stylesheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stylesheet({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stylesheet_is_utf8_of_64_kib_at_most() {
        assert_eq!(Stylesheet::read(b"a{b:c}").unwrap().as_str(), "a{b:c}");
        assert!(Stylesheet::read(&vec![b' '; MAX_FILE_BYTES]).is_ok());
        assert!(Stylesheet::read(&vec![b' '; MAX_FILE_BYTES + 1]).unwrap_err().contains("more than 65536 bytes"));
        assert!(Stylesheet::read(&[0xff, 0xfe]).unwrap_err().contains("UTF-8"));
    }
}
