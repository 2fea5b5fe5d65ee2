//! What the pages load: what is in the binary, and what belongs to the site.

use hyper::body::Bytes;

use super::brand::Brand;
use crate::server::wire::etag::EntityTag;

/// One file, as it is served.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    name: &'static str,
    /// The value of `Content-Type`.
    pub(crate) content_type: &'static str,
    /// The body.
    pub(crate) body: Bytes,
    /// Its tag.
    pub(crate) tag: EntityTag,
}

/// All that is below `assets/`.
#[derive(Debug)]
pub(super) struct Assets(Vec<Asset>);

/// The stylesheet of the accent.
pub(super) const ACCENT: &str = "accent.css";
/// The stylesheet of the site's own.
pub(super) const SITE: &str = "site.css";
/// What stands in a tab of the browser.
const ICON: &str = "icon.svg";

impl Assets {
    pub(super) fn new(brand: &Brand) -> Self {
        let asset = |name, content_type, body: Bytes| Asset { name, content_type, tag: EntityTag::of(&body), body };
        let mut all: Vec<_> = BUILT_IN
            .iter()
            .map(|(name, content_type, body)| asset(name, content_type, without_comments(content_type, body).into()))
            .collect();
        if let Some(accent) = brand.accent {
            let (ground, ink) = accent.icon();
            let icon = include_str!("assets/icon.svg").replace("#18181b", &ground).replace("#fff", &ink);
            all.retain(|asset| asset.name != ICON);
            all.push(asset(ICON, SVG, icon.into()));
            all.push(asset(ACCENT, STYLE, accent.stylesheet().into()));
        }
        if let Some(stylesheet) = &brand.stylesheet {
            all.push(asset(SITE, STYLE, stylesheet.as_str().to_owned().into()));
        }
        if let Some(logo) = &brand.logo {
            all.push(asset(logo.file_name(), logo.content_type(), Bytes::copy_from_slice(logo.bytes())));
        }
        Self(all)
    }

    /// The asset of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Asset> {
        self.0.iter().find(|asset| asset.name == name)
    }
}

/// Without the lines that only people read: a fifth of all. Comments that share a line with something else stay.
fn without_comments(content_type: &str, source: &str) -> String {
    let starts: &[&str] = match content_type {
        SCRIPT => &["//", "/**", "* ", "*/"],
        STYLE => &["/*"],
        _ => return source.to_owned(),
    };
    let is_read = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !starts.iter().any(|start| line.starts_with(start))
    };
    source.lines().filter(is_read).fold(String::new(), |all, line| all + line + "\n")
}

/// All modules that a script imports, and that those import: a page names them, so that they are fetched at once.
pub(super) fn modules(script: &str) -> Vec<&'static str> {
    let body = |name: &str| BUILT_IN.iter().find(|(asset, ..)| *asset == name).map(|(.., body)| *body);
    let mut found = Vec::new();
    let mut rest: Vec<_> = body(script).into_iter().collect();
    while let Some(script) = rest.pop() {
        for name in imports(script) {
            if !found.contains(&name) {
                found.push(name);
                rest.extend(body(name));
            }
        }
    }
    found
}

/// The names of the modules that this one imports, each from beside it.
pub(super) fn imports(script: &str) -> impl Iterator<Item = &str> {
    script.lines().filter_map(|line| line.split_once(" from './")?.1.strip_suffix("';"))
}

pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const STYLE: &str = "text/css; charset=utf-8";
pub(super) const SVG: &str = "image/svg+xml";

pub(super) const BUILT_IN: [(&str, &str, &str); 19] = [
    ("style.css", STYLE, include_str!("assets/style.css")),
    (ICON, SVG, include_str!("assets/icon.svg")),
    // The pages.
    ("login.js", SCRIPT, include_str!("assets/login.js")),
    ("link.js", SCRIPT, include_str!("assets/link.js")),
    ("logout.js", SCRIPT, include_str!("assets/logout.js")),
    // The engine.
    ("client.js", SCRIPT, include_str!("assets/client.js")),
    // What is known.
    ("asked.js", SCRIPT, include_str!("assets/asked.js")),
    ("code.js", SCRIPT, include_str!("assets/code.js")),
    ("link-token.js", SCRIPT, include_str!("assets/link-token.js")),
    ("mail-programs.js", SCRIPT, include_str!("assets/mail-programs.js")),
    ("storage.js", SCRIPT, include_str!("assets/storage.js")),
    ("watch.js", SCRIPT, include_str!("assets/watch.js")),
    // What is shown.
    ("code-field.js", SCRIPT, include_str!("assets/code-field.js")),
    ("explain.js", SCRIPT, include_str!("assets/explain.js")),
    ("language.js", SCRIPT, include_str!("assets/language.js")),
    ("session.js", SCRIPT, include_str!("assets/session.js")),
    ("texts.js", SCRIPT, include_str!("assets/texts.js")),
    ("view.js", SCRIPT, include_str!("assets/view.js")),
    ("waiting.js", SCRIPT, include_str!("assets/waiting.js")),
];
