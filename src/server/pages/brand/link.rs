//! Where the pages lead besides: terms, privacy, help.

use std::fmt;

use reqwest::Url;

/// An address below a page: `https`, `http` on this machine, or, where it is allowed, `mailto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLink(String);

impl SiteLink {
    /// Reads the address of a page.
    ///
    /// # Errors
    /// What is wrong with it, and what would do.
    pub fn parse_page(text: &str) -> Result<Self, String> {
        let url = parse(text)?;
        match url.scheme() {
            "https" | "http" => judge_page(&url).map(|()| Self(url.into())),
            _ => Err(format!("{text:?} must start with https://")),
        }
    }

    /// Reads the address of a page, or one that mail is sent to: `mailto:help@example.com`.
    ///
    /// # Errors
    /// What is wrong with it, and what would do.
    pub fn parse_page_or_mail(text: &str) -> Result<Self, String> {
        let url = parse(text)?;
        match url.scheme() {
            "https" | "http" => judge_page(&url).map(|()| Self(url.into())),
            "mailto" if url.path().split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty()) => {
                Ok(Self(url.into()))
            }
            "mailto" => Err(format!("{text:?} has no address: write mailto:help@example.com")),
            _ => Err(format!("{text:?} must start with https:// or mailto:")),
        }
    }

    /// As it stands in a page.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a URL parser would drop or turn is refused: what a person reads in the file is where the page leads.
fn parse(text: &str) -> Result<Url, String> {
    let is_plain = |character: char| !character.is_control() && !character.is_whitespace() && character != '\\';
    if !text.chars().all(is_plain) {
        return Err(format!("{text:?} has white space or a backslash"));
    }
    Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))
}

fn judge_page(url: &Url) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{:?} has a name or a password in it", url.as_str()));
    }
    if url.scheme() == "http" && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        return Err(format!("{:?} must be https: http is only for this machine", url.as_str()));
    }
    if host.is_empty() { Err(format!("{:?} has no host", url.as_str())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_are_https_and_help_may_be_a_mail() {
        for good in ["https://example.com/terms?a=b#c", "http://localhost:3000/", "http://127.0.0.1/x", "http://[::1]:9/"] {
            assert_eq!(SiteLink::parse_page(good).unwrap().as_str(), good);
            assert_eq!(SiteLink::parse_page_or_mail(good).unwrap().as_str(), good);
        }
        let mail = "mailto:help@example.com?subject=Login";
        assert_eq!(SiteLink::parse_page_or_mail(mail).unwrap().as_str(), mail);
        assert!(SiteLink::parse_page(mail).is_err());
    }

    #[test]
    fn what_leads_elsewhere_than_it_says_is_refused() {
        for bad in [
            "",
            "/terms",
            "//example.com",
            "example.com",
            "http://example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.2/",
            "javascript:alert(1)",
            "JavaScript://example.com/%0aalert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "https:/\\example.com",
            "https://ann@example.com/",
            "https://ann:pw@example.com/",
            "https://exam ple.com/",
            "https://example.com/\r\nX: y",
            "mailto:",
            "mailto:help",
            "mailto:@example.com",
            "ftp://example.com/",
            "https://",
        ] {
            assert!(SiteLink::parse_page(bad).is_err(), "{bad:?}");
            assert!(SiteLink::parse_page_or_mail(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_one_of_three_schemes(text in ".{0,60}", rest in "[!-~]{0,40}") {
            for text in [text, format!("https:{rest}"), format!("mailto:{rest}"), format!("http://{rest}")] {
                if let Ok(link) = SiteLink::parse_page_or_mail(&text) {
                    let link = link.as_str();
                    let is_page = link.starts_with("https://") || link.starts_with("http://");
                    prop_assert!(is_page || link.starts_with("mailto:"), "{}", link);
                    prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{}", link);
                }
            }
        }
    }
}
