//! URLs that this server calls, or is called by.

use reqwest::Url;

/// An `http` or `https` URL with a host.
pub(crate) fn parse_http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("must start with http:// or https://".into()),
    }
}
