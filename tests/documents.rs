//! What the documents cite exists: files, and the tests that show a promise.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let others = ["README.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name));
    files(&["docs"], ".md").into_iter().chain(others).collect()
}

/// Every file below these folders that ends like this.
fn files(folders: &[&str], end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_string_lossy().ends_with(end) => found.push(path),
                false => {}
            }
        }
    }
    found
}

/// The parts of `text` between `open` and `close`.
fn between<'t>(text: &'t str, open: &'t str, close: char) -> impl Iterator<Item = &'t str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close)).map(|(inside, _)| inside)
}

#[test]
fn links_lead_to_files() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in between(&text, "](", ')').filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap();
            assert!(document.parent().unwrap().join(file).exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn files_in_backticks_exist() {
    const FOLDERS: [&str; 8] = ["src/", "tests/", "docs/", "benches/", "examples/", "fuzz/", ".ci/", "deny.toml"];
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        // Code blocks aside, every second part between backticks is inside of them.
        let text: String = text.split("```").step_by(2).collect();
        for cited in text.split('`').skip(1).step_by(2) {
            let path = cited.split([' ', ':']).next().unwrap();
            let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder)) && !path.contains(['*', '<', '{', '…']);
            assert!(!is_path || root().join(path).exists(), "{}: {path}", document.display());
        }
    }
}

#[test]
fn tests_that_show_a_promise_exist() {
    let sources: String = files(&["src", "tests"], ".rs").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let names: BTreeSet<&str> = between(&sources, "fn ", '(').collect();
    // Tests of parts from outside are listed by name, and some of those names are sentences of a few words.
    let is_listed = |name: &str| ["\"", "::"].iter().any(|before| sources.contains(&format!("{before}{name}\"")));
    let text = fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1));
    let mut cited = 0;
    for row in rows {
        let quoted = row.split('`').skip(1).step_by(2);
        for name in quoted.filter(|name| name.contains('_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
            assert!(names.contains(name) || is_listed(name), "no test is called {name}");
            cited += 1;
        }
    }
    assert!(cited > 20, "the table cites its tests");
}

/// Whoever reads a doc comment by itself, in an editor or on docs.rs, doesn't see the one above.
#[test]
fn doc_comments_stand_alone() {
    const LEANING: [&str; 12] =
        [",", ".", " as ", " at ", " for ", " in ", " of ", " to ", " where ", " while ", " with ", " without "];
    for path in files(&["src", "tests", "benches", "examples"], ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let mut before = "";
        for (number, line) in text.lines().map(str::trim).enumerate() {
            let is_first = !before.starts_with("///") && !before.starts_with("//!");
            let doc = line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! ")).filter(|_| is_first);
            let rest = doc.and_then(|doc| doc.strip_prefix("The same"));
            let leans = rest.is_some_and(|rest| LEANING.iter().any(|word| rest.starts_with(word)));
            assert!(!leans, "{}:{}: the same as what? {line}", path.display(), number + 1);
            before = line;
        }
    }
}
