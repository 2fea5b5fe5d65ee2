//! Writes messages: derives the code, seals the link, renders the text. In the delivery worker, never in a request.

use std::sync::Arc;

use super::{Templates, transport::Message};
use crate::challenge::{Challenges, CodeFormat, Links};

/// What a site says of itself in its messages.
#[derive(Clone, Debug)]
pub struct Site {
    /// The name that messages use.
    pub name: String,
    /// The host of the public URL, without the port.
    pub host: String,
    /// Whether the public URL is `https`: then the last line of an SMS binds the code to `host`.
    pub is_https: bool,
    /// Where a magic link leads; each `{token}` in it is replaced.
    pub link_url: String,
    /// The long code that links carry, where they are good only in the requesting browser.
    pub browser_link: Option<CodeFormat>,
}

/// Writes the messages of one site.
#[derive(Debug)]
pub struct Composer {
    challenges: Arc<Challenges>,
    links: Arc<Links>,
    site: Site,
    templates: Templates,
}

impl Composer {
    /// With the keys of one fleet and the words of one site.
    #[must_use]
    pub const fn new(challenges: Arc<Challenges>, links: Arc<Links>, site: Site, templates: Templates) -> Self {
        Self { challenges, links, site, templates }
    }

    pub(super) fn compose(&self) -> Message {
        let _ = (&self.challenges, &self.links, &self.site, &self.templates);
        todo!()
    }
}
