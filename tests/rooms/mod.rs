//! The house of docs/architecture.md: which room of `src` may import which, and what of the world a room may know.
//!
//! Imports point downwards, so that what is pure stays so, and an adapter can be changed without a look at the others. Code
//! that only tests compile may import what it likes.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use source::{Named, Source, module_of, read};

/// Plain values and formulas: everybody may import them, and they import each other only.
const VALUES: &[&str] = &["crypto", "network", "seldom", "time", "typed", "unavailable"];
/// What is pure: each of these may import those before it.
const INSIDE: &[&str] = &["recipient", "user", "keyring", "challenge", "token", "browser", "edge", "fleet", "keys"];
/// Ports, and the adapters behind them: these may import all that is inside, the means, and each other's ports.
const PORTS: &[&str] = &["guard", "ended", "directory", "delivery", "verify", "events", "captcha"];
/// What adapters and the server go out with: these may import what is inside.
const MEANS: &[&str] = &["files", "outbound"];
/// What these may import is said beside them in `may_import`.
const ABOVE: &[&str] = &["engine", "config", "server", "serve", "cli"];

/// The adapters: what of a port's room is behind the port. Configuration names their settings, `serve` builds them, and nobody
/// else knows which there are.
const BEHIND_PORTS: &[&str] = &[
    "guard::counting",
    "guard::journal",
    "guard::memory",
    "guard::redis",
    "ended::journal",
    "ended::memory",
    "directory::file",
    "directory::http",
    "delivery::carriers",
    "events::audit",
    "events::webhooks",
    "verify::http",
    "verify::telnyx",
    "verify::twilio",
];

/// Inside a room: a module, and what it doesn't know of its own room.
const INSIDE_A_ROOM: &[(&str, &[&str])] = &[
    ("config::reader", &["config::Config", "config::schema", "config::sections", "config::together"]),
    ("config::sections", &["config::schema", "config::together"]),
    (
        "delivery::carriers",
        &[
            "delivery::breaker",
            "delivery::letter",
            "delivery::queue",
            "delivery::route",
            "delivery::transport",
            "delivery::worker",
        ],
    ),
    ("events::audit", &["events::webhooks"]),
    ("events::webhooks", &["events::audit"]),
    ("directory::file", &["directory::http"]),
    ("directory::http", &["directory::file"]),
    ("guard::counting", &["guard::journal", "guard::memory", "guard::redis"]),
    ("guard::journal", &["guard::redis"]),
    ("guard::memory", &["guard::journal", "guard::redis"]),
    ("guard::redis", &["guard::journal", "guard::memory"]),
    ("guard::rules", &["guard::counting", "guard::journal", "guard::memory", "guard::redis"]),
    ("verify::callbacks", &["verify::http", "verify::telnyx", "verify::twilio"]),
    ("verify::http", &["verify::telnyx", "verify::twilio"]),
    ("verify::telnyx", &["verify::http", "verify::twilio"]),
    ("verify::twilio", &["verify::http", "verify::telnyx"]),
    ("server::fleet", &["server::app", "server::endpoints", "server::service"]),
    ("server::http", &["server::app", "server::endpoints", "server::fleet", "server::grpc", "server::service"]),
    ("server::wire", &["server::app", "server::endpoints", "server::fleet", "server::service"]),
];

/// Of the world outside: crates and parts of std, and the rooms that may name them. Clocks and random numbers are kept out by
/// `clippy.toml`.
const WORLD: &[(&[&str], &[&str])] = &[
    (&["hyper", "hyper_util", "http_body_util", "http", "multer", "form_urlencoded"], &["outbound", "server", "serve", "cli"]),
    (
        &["tokio", "reqwest", "lettre", "rustls", "rustls_native_certs"],
        &["guard", "ended", "directory", "delivery", "verify", "events", "captcha", "outbound", "server", "serve", "cli"],
    ),
    (&["redis"], &["guard"]),
    (&["clap"], &["cli"]),
    (&["std::env", "std::process"], &["guard", "config", "serve", "cli"]),
    (&["std::fs"], &["files", "guard", "ended", "directory", "delivery", "events", "config", "server", "serve", "cli"]),
];

/// Plain values that crates of the world give.
const WORLDLY_VALUES: &[&str] = &["hyper::body::Bytes", "reqwest::Url"];

/// Whether code of the room `from` may import this, a path without re-exports on its way.
fn may_import(from: &str, path: &[String]) -> bool {
    let to = path[0].as_str();
    let is_behind = || BEHIND_PORTS.iter().any(|module| begins_with(path, module));
    if from == to || VALUES.contains(&to) {
        return true;
    }
    if VALUES.contains(&from) {
        return false;
    }
    let is_inside = INSIDE.contains(&to);
    if let Some(floor) = INSIDE.iter().position(|room| *room == from) {
        return INSIDE[..floor].contains(&to);
    }
    if MEANS.contains(&from) {
        return is_inside;
    }
    if PORTS.contains(&from) {
        return is_inside || MEANS.contains(&to) || PORTS.contains(&to) && !is_behind();
    }
    match from {
        "engine" => is_inside || PORTS.contains(&to) && !is_behind(),
        "server" => !["config", "serve", "cli"].contains(&to) && !is_behind(),
        "config" => !["serve", "cli"].contains(&to),
        "serve" => to != "cli",
        "cli" => true,
        _ => panic!("{from} is no room: give it a place in tests/rooms/mod.rs"),
    }
}

/// Whether this module is to know nothing of that part of its room.
fn is_kept_apart(from: &[String], to: &[String]) -> bool {
    let is_one = |parts: &[&str]| parts.iter().any(|part| begins_with(to, part));
    INSIDE_A_ROOM.iter().any(|(module, parts)| begins_with(from, module) && is_one(parts))
}

fn begins_with(path: &[String], start: &str) -> bool {
    start.split("::").enumerate().all(|(at, part)| path.get(at).is_some_and(|found| found == part))
}

/// The files that are compiled outside of tests, by module, each with its path from the root of the repository.
struct House(BTreeMap<Vec<String>, (String, Source)>);

impl House {
    fn open() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut folders, mut files, mut for_tests) = (vec![root.join("src")], Vec::new(), BTreeSet::<PathBuf>::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.extension().is_some_and(|end| end == "rs") => {
                        let below = path.strip_prefix(root.join("src")).unwrap();
                        let module = module_of(below);
                        let source = read(&fs::read_to_string(&path).unwrap(), &module);
                        // A module's files are beside a `mod.rs`, else in a folder that is called like it.
                        let is_folder = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| path.ends_with(name));
                        let beside = path.parent().unwrap();
                        let inside = if is_folder { beside.to_owned() } else { path.with_extension("") };
                        for_tests.extend(source.test_files.iter().flat_map(|name| [beside.join(name), inside.join(name)]));
                        files.push((path, module, source));
                    }
                    false => {}
                }
            }
        }
        let is_for_tests = |path: &Path| path.with_extension("").ancestors().any(|above| for_tests.contains(above));
        let kept = files.into_iter().filter(|(path, ..)| !is_for_tests(path));
        let kept = kept.map(|(path, module, source)| {
            let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            (module, (path, source))
        });
        Self(kept.collect())
    }

    /// The path as it is without the re-exports on its way, and absolute where the first name is a module of ours.
    fn follow(&self, module: &[String], named: &Named) -> Option<Vec<String>> {
        let mut path = named.path.clone();
        if !named.is_ours {
            path = module.iter().cloned().chain(path).collect();
            if !self.0.contains_key(&path[..=module.len()]) {
                return None;
            }
        }
        // A re-export of a re-export may come; a circle can't compile.
        for _ in 0..8 {
            let Some(next) = self.follow_once(&path) else { break };
            path = next;
        }
        Some(path)
    }

    fn follow_once(&self, path: &[String]) -> Option<Vec<String>> {
        let modules = (1..path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let (module, name) = (&path[..modules], &path[modules]);
        let exported = self.0[module].1.named.iter().find(|named| {
            named.import.as_ref().is_some_and(|import| import.is_public && import.name == *name) && named.path != path
        })?;
        let mut found = match exported.is_ours {
            true => exported.path.clone(),
            false if self.0.contains_key(&[module, &exported.path[..1]].concat()) => [module, &exported.path].concat(),
            false => return None,
        };
        found.extend_from_slice(&path[modules + 1..]);
        Some(found)
    }

    /// Everything that is named though it may not be: the file, the line, the room it is in, and what is named.
    fn breaches(&self) -> Vec<(&str, usize, &str, String)> {
        let mut found = Vec::new();
        for (module, (path, source)) in &self.0 {
            // lib.rs and main.rs only list the rooms.
            let Some(room) = module.first() else { continue };
            for named in &source.named {
                let breach = match self.follow(module, named) {
                    Some(to) if to.is_empty() => None,
                    Some(to) => (!may_import(room, &to) || is_kept_apart(module, &to)).then(|| to.join("::")),
                    // The `use` that brought the name was judged.
                    None if named.import.is_none() && source.has_imported(&named.path[0]) => None,
                    None => {
                        let is_named = |thing: &&str| begins_with(&named.path, thing);
                        let kept = WORLD.iter().find(|(things, _)| things.iter().any(is_named));
                        let kept =
                            kept.filter(|(_, rooms)| !rooms.contains(&room.as_str()) && !WORLDLY_VALUES.iter().any(is_named));
                        kept.map(|_| named.path.join("::"))
                    }
                };
                found.extend(breach.map(|breach| (path.as_str(), named.line, room.as_str(), breach)));
            }
        }
        found
    }
}

#[test]
fn every_room_imports_only_what_it_may() {
    let house = House::open();
    let mut report = String::new();
    for (path, line, room, breach) in house.breaches() {
        let _ = writeln!(report, "{path}:{line}: {room} may not import {breach}");
    }
    assert!(report.is_empty(), "who may import whom is in docs/architecture.md, and kept by tests/rooms/mod.rs:\n{report}");
}

#[test]
fn every_room_has_its_place_and_what_the_table_names_is_there() {
    let house = House::open();
    let placed: BTreeSet<&str> = [VALUES, INSIDE, PORTS, MEANS, ABOVE].concat().into_iter().collect();
    let rooms: BTreeSet<&str> = house.0.keys().filter_map(|module| module.first()).map(String::as_str).collect();
    assert_eq!(rooms.difference(&placed).collect::<Vec<_>>(), Vec::<&&str>::new(), "rooms without a place");
    let parts = INSIDE_A_ROOM.iter().flat_map(|(module, parts)| [module].into_iter().chain(*parts));
    for module in BEHIND_PORTS.iter().chain(parts).filter(|module| **module != "config::Config") {
        let path: Vec<String> = module.split("::").map(str::to_owned).collect();
        assert!(house.0.contains_key(&path), "there is no {module}");
    }
}

#[test]
fn a_re_export_hides_no_adapter() {
    let house = House::open();
    let path = ["guard", "MemoryGuard"].map(str::to_owned).to_vec();
    let named = Named { line: 1, is_ours: true, path, import: None };
    let followed = house.follow(&[], &named).unwrap();
    assert!(begins_with(&followed, "guard::memory"), "{followed:?}");
    assert!(!may_import("engine", &followed) && !may_import("server", &followed) && may_import("serve", &followed));
}

#[test]
fn the_table_says_what_the_picture_says() {
    let may = |from: &str, to: &str| may_import(from, &to.split("::").map(str::to_owned).collect::<Vec<_>>());
    let allowed = [
        ("crypto", "time"),
        ("browser", "challenge"),
        ("engine", "guard::Attempt"),
        ("guard", "browser::device"),
        ("directory", "outbound::client"),
        ("delivery", "directory::Found"),
        ("config", "guard::redis::RedisSettings"),
        ("server", "engine::Engine"),
        ("serve", "config::Config"),
        ("cli", "serve::run"),
    ];
    let refused = [
        ("crypto", "recipient::Recipient"),
        ("challenge", "browser::device"),
        ("challenge", "token::claims"),
        ("token", "guard::Limits"),
        ("engine", "server::App"),
        ("engine", "outbound::client"),
        ("engine", "guard::redis::RedisGuard"),
        ("guard", "directory::file::FileDirectory"),
        ("guard", "config::Config"),
        ("fleet", "guard::Guard"),
        ("delivery", "engine::Engine"),
        ("outbound", "config::sections"),
        ("config", "serve::run"),
        ("server", "config::Config"),
        ("server", "delivery::carriers::smtp"),
        ("serve", "cli::run"),
    ];
    let apart = |from: &str, to: &str| {
        let path_of = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
        is_kept_apart(&path_of(from), &path_of(to))
    };
    assert!(apart("guard::redis::start", "guard::journal::JournalGuard") && apart("server::fleet", "server::app::App"));
    assert!(!apart("server::service", "server::app::App") && !apart("guard::redis", "guard::rules"));
    assert!(allowed.iter().all(|(from, to)| may(from, to)));
    let through: Vec<_> = refused.iter().filter(|(from, to)| may(from, to)).collect();
    assert!(through.is_empty(), "{through:?}");
}
