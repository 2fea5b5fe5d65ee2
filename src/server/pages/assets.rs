//! What the pages load. All of it is in the binary.

/// One answer to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset<'a> {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a str,
}

/// The asset of this name.
pub(super) fn find(name: &str) -> Option<Asset<'static>> {
    let (_, content_type, body) = ALL.iter().find(|(asset, ..)| *asset == name)?;
    Some(Asset { content_type, body })
}

/// All modules that a script imports, and that those import: a page names them, so that they are fetched at once.
pub(super) fn modules(script: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut rest: Vec<_> = find(script).map(|asset| asset.body).into_iter().collect();
    while let Some(body) = rest.pop() {
        for name in imports(body) {
            if !found.contains(&name) {
                found.push(name);
                rest.extend(find(name).map(|asset| asset.body));
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

pub(super) const ALL: [(&str, &str, &str); 21] = [
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    // The pages.
    ("login.js", SCRIPT, include_str!("assets/login.js")),
    ("link.js", SCRIPT, include_str!("assets/link.js")),
    // The engine.
    ("api.js", SCRIPT, include_str!("assets/api.js")),
    ("puzzle.js", SCRIPT, include_str!("assets/puzzle.js")),
    ("puzzle-worker.js", SCRIPT, include_str!("assets/puzzle-worker.js")),
    // What is known.
    ("asked.js", SCRIPT, include_str!("assets/asked.js")),
    ("code.js", SCRIPT, include_str!("assets/code.js")),
    ("link-token.js", SCRIPT, include_str!("assets/link-token.js")),
    ("mail-programs.js", SCRIPT, include_str!("assets/mail-programs.js")),
    ("storage.js", SCRIPT, include_str!("assets/storage.js")),
    ("tabs.js", SCRIPT, include_str!("assets/tabs.js")),
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
