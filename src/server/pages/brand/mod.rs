//! How a site's pages are its own: its name, its logo, its colour, a stylesheet, and where its terms stand.

mod accent;
mod link;
mod logo;
mod stylesheet;
mod svg;

pub use self::{accent::Accent, link::SiteLink, logo::Logo, stylesheet::Stylesheet};
use super::texts;
use crate::delivery::Tag;

/// The longest file that a page loads for a brand, in bytes: 64 KiB.
pub const MAX_FILE_BYTES: usize = 64 << 10;

/// What a site puts on its pages.
#[derive(Clone, Debug, Default)]
pub struct Brand {
    /// What people call the site; shown where there is no logo, and in titles.
    pub name: String,
    /// Stands in the place of the name.
    pub logo: Option<Logo>,
    /// Fills buttons; `None`: black, or white where it is dark.
    pub accent: Option<Accent>,
    /// Is read after the pages' own.
    pub stylesheet: Option<Stylesheet>,
    /// The terms of service.
    pub terms: Option<SiteLink>,
    /// What becomes of people's data.
    pub privacy: Option<SiteLink>,
    /// Where people find help.
    pub support: Option<SiteLink>,
    /// The languages that the pages come in, as the menu lists them; empty: all that there are.
    pub languages: Vec<PageLanguage>,
}

/// A language that the pages have.
#[derive(Clone, Copy, Debug)]
pub struct PageLanguage(pub(super) &'static texts::Texts);

impl PartialEq for PageLanguage {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
    }
}

impl Eq for PageLanguage {}

impl PageLanguage {
    /// Reads a language tag: `de`.
    ///
    /// # Errors
    /// The pages have no such language; which they have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let tag = Tag::parse(text);
        let found = Self::all().find(|language| tag.as_ref().is_some_and(|tag| tag.as_str() == language.tag()));
        found.ok_or_else(|| {
            let all: Vec<_> = Self::all().map(Self::tag).collect();
            format!("{text:?} is no language of the pages; they have {}", all.join(", "))
        })
    }

    /// Its BCP 47 tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        self.0.tag
    }

    /// All that there are, in the order of the menu.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        texts::ALL.into_iter().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_those_that_the_pages_have() {
        assert_eq!(PageLanguage::parse("de").map(PageLanguage::tag), Ok("de"));
        assert_eq!(PageLanguage::parse("DE").map(PageLanguage::tag), Ok("de"));
        for bad in ["", "nl", "de-AT", "deutsch", "../de"] {
            let reason = PageLanguage::parse(bad).unwrap_err();
            assert!(reason.ends_with("they have en, de, fr, es, it, pt, fi, ja, ar"), "{reason}");
        }
    }
}
