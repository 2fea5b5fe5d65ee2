//! Reads a file of Rust as far as its paths go: what it imports and names, and on which line. Code that only tests compile is
//! left out.

use std::path::Path;

/// A path as the file's author wrote it, made absolute: `crate` is left away, and `super` and `self` are resolved. A path of
/// another crate begins with that crate's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub line: usize,
    pub is_ours: bool,
    pub path: Vec<String>,
    /// The name that a `use` gives it, and whether others see that name.
    pub import: Option<Import>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub name: String,
    pub is_public: bool,
}

/// What stands in one file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub named: Vec<Named>,
    /// Files, relative to this one's folder and without `.rs`, that only tests compile.
    pub test_files: Vec<String>,
}

impl Source {
    /// Whether a `use` of this file brings such a name.
    pub(crate) fn has_imported(&self, name: &str) -> bool {
        self.named.iter().any(|named| named.import.as_ref().is_some_and(|import| import.name == name && named.path != [name]))
    }
}

/// The module that a file below `src` is.
pub(crate) fn module_of(below_src: &Path) -> Vec<String> {
    let path = below_src.with_extension("");
    let mut module: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// Reads the text of this module's file.
pub(crate) fn read(text: &str, module: &[String]) -> Source {
    let mut reader = Reader { tokens: tokens(text), at: 0, module: module.to_vec(), inline: Vec::new(), depth: 0 };
    let mut source = Source::default();
    reader.read(&mut source);
    source
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
}

/// Names, `::`, and every other character by itself; a string shrinks to `"` and what it holds, comments go.
fn tokens(text: &str) -> Vec<Token> {
    let mut rest = Characters { all: text.chars().collect(), at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(first) = rest.next() {
        let line = rest.line;
        let mut word = String::from(first);
        match first {
            _ if first.is_whitespace() => continue,
            '/' if rest.peek(0) == Some('/') => {
                rest.take_while(|next| next != '\n');
                continue;
            }
            '/' if rest.peek(0) == Some('*') => {
                rest.skip_comment();
                continue;
            }
            '"' => word.push_str(&rest.string()),
            // A character; else it is the start of a lifetime, which is left out with its name.
            '\'' if rest.peek(0) == Some('\\') || rest.peek(1) == Some('\'') => {
                if rest.next() == Some('\\') {
                    rest.next();
                }
                rest.take_while(|next| next != '\'');
                rest.next();
                continue;
            }
            '\'' => {
                rest.take_while(is_in_name);
                continue;
            }
            _ if is_in_name(first) => {
                word.push_str(&rest.take_while(is_in_name));
                let hashes = rest.all[rest.at..].iter().take_while(|next| **next == '#').count();
                if matches!(&*word, "r" | "br" | "cr") && rest.peek(hashes) == Some('"') {
                    rest.skip_raw_string(hashes);
                    continue;
                }
                if word == "r" && hashes == 1 {
                    // r#type: the name follows.
                    rest.next();
                    continue;
                }
            }
            ':' if rest.peek(0) == Some(':') => word.extend(rest.next()),
            _ => {}
        }
        found.push(Token { line, text: word });
    }
    found
}

struct Characters {
    all: Vec<char>,
    at: usize,
    line: usize,
}

impl Characters {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.all.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while self.peek(0).is_some_and(&wanted) {
            taken.extend(self.next());
        }
        taken
    }

    /// Passes a comment whose `/` has been read, with those inside it.
    fn skip_comment(&mut self) {
        let mut depth = 1;
        self.next();
        while depth > 0 {
            match (self.next(), self.peek(0)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (None, _) => break,
                _ => continue,
            }
            self.next();
        }
    }

    /// What a string holds whose `"` has been read.
    fn string(&mut self) -> String {
        let mut held = String::new();
        while let Some(next) = self.next() {
            match next {
                '"' => break,
                '\\' => drop(self.next()),
                _ => held.push(next),
            }
        }
        held
    }

    /// Passes a raw string whose `r` has been read.
    fn skip_raw_string(&mut self, hashes: usize) {
        self.at += hashes + 1;
        while let Some(next) = self.next() {
            if next == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
        }
    }
}

fn is_in_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    module: Vec<String>,
    /// Modules with a body inside this file that are open, and at which depth of brackets each began.
    inline: Vec<(String, usize)>,
    depth: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| &token.text)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn read(&mut self, source: &mut Source) {
        let mut before = String::new();
        while let Some(token) = self.next() {
            match &*token.text {
                "#" => {
                    self.at -= 1;
                    let attributes = self.attributes();
                    if attributes.iter().any(|attribute| is_for_tests(attribute)) {
                        self.skip_item(&attributes, source);
                    }
                }
                "use" if self.peek(0) != "<" => {
                    let is_public = before == "pub" || before == ")";
                    self.import(&[], is_public, &mut source.named);
                }
                "mod" if self.peek(1) == "{" => self.inline.push((self.peek(0).to_owned(), self.depth)),
                "{" => self.depth += 1,
                "}" => {
                    self.depth -= 1;
                    self.inline.pop_if(|(_, depth)| *depth == self.depth);
                }
                name if is_name(name) && self.peek(0) == "::" && before != "::" => {
                    let mut path = vec![token.text.clone()];
                    while self.peek(0) == "::" && is_name(self.peek(1)) {
                        self.at += 1;
                        path.extend(self.next().map(|token| token.text));
                    }
                    source.named.push(self.resolve(token.line, path, None));
                }
                _ => {}
            }
            before = token.text;
        }
    }

    /// The attributes that stand here, each as its tokens.
    fn attributes(&mut self) -> Vec<Vec<String>> {
        let mut attributes = Vec::new();
        while self.peek(0) == "#" {
            self.at += if self.peek(1) == "!" { 2 } else { 1 };
            attributes.push(self.skip_brackets());
        }
        attributes
    }

    /// Passes what the next token opens, and returns what was inside.
    fn skip_brackets(&mut self) -> Vec<String> {
        let (mut depth, mut inside) = (0, Vec::new());
        while let Some(token) = self.next() {
            match &*token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            inside.push(token.text);
            if depth == 0 {
                break;
            }
        }
        inside
    }

    /// Passes the item, field or arm that these attributes belong to.
    fn skip_item(&mut self, attributes: &[Vec<String>], source: &mut Source) {
        const ITEMS: [&str; 13] =
            ["pub", "fn", "mod", "use", "struct", "enum", "impl", "trait", "const", "static", "type", "async", "macro_rules"];
        let is_item = ITEMS.contains(&self.peek(0));
        let is_import = self.peek(0) == "use" || self.peek(1) == "use";
        if self.peek(0) == "mod" && self.peek(2) == ";" {
            let path = attributes.iter().find(|attribute| attribute.get(1).is_some_and(|name| name == "path"));
            let path = path.and_then(|attribute| attribute.iter().find_map(|token| token.strip_prefix('"')));
            source.test_files.push(path.map_or(self.peek(1), |path| path.trim_end_matches(".rs")).to_owned());
        }
        loop {
            match self.peek(0) {
                "" | ")" | "]" | "}" => return,
                ";" => return self.at += 1,
                "," if !is_item => return self.at += 1,
                "{" => {
                    self.skip_brackets();
                    if is_item && !is_import {
                        return;
                    }
                }
                "(" | "[" => drop(self.skip_brackets()),
                _ => self.at += 1,
            }
        }
    }

    /// One branch of a `use`, up to the `,`, `}` or `;` that ends it.
    fn import(&mut self, before: &[String], is_public: bool, named: &mut Vec<Named>) {
        let mut path = before.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut name = None;
        while let Some(token) = self.next() {
            match &*token.text {
                "::" => {}
                "{" => {
                    while !["}", ""].contains(&self.peek(0)) {
                        self.import(&path, is_public, named);
                        if self.peek(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => name = self.next().map(|token| token.text),
                "," | "}" | ";" => {
                    self.at -= 1;
                    break;
                }
                _ => path.push(token.text),
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        named.push(self.resolve(line, path, Some(Import { name, is_public })));
    }

    fn resolve(&self, line: usize, path: Vec<String>, import: Option<Import>) -> Named {
        let here = self.module.iter().chain(self.inline.iter().map(|(name, _)| name));
        let mut here: Vec<String> = here.cloned().collect();
        let mut rest = path.iter().peekable();
        let is_ours = match rest.peek().map(|first| first.as_str()) {
            Some("crate") => {
                here.clear();
                true
            }
            Some("self") => true,
            Some("super") => {
                while rest.next_if(|next| *next == "super").is_some() {
                    here.pop();
                }
                here.extend(rest.cloned());
                return Named { line, is_ours: true, path: here, import };
            }
            _ => return Named { line, is_ours: false, path, import },
        };
        here.extend(rest.skip(1).cloned());
        Named { line, is_ours, path: here, import }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// `[cfg(test)]`, or one of `all` that is `test`.
fn is_for_tests(attribute: &[String]) -> bool {
    let has = |wanted: &str| attribute.iter().any(|token| token == wanted);
    attribute.get(1).is_some_and(|name| name == "cfg") && has("test") && !has("not") && !has("any")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(usize, bool, String)> {
        let module = ["guard".to_owned(), "redis".to_owned()];
        read(text, &module).named.into_iter().map(|named| (named.line, named.is_ours, named.path.join("::"))).collect()
    }

    #[test]
    fn every_way_to_name_something_is_read() {
        let text = r##"
            //! use crate::config::Comment; `crate::config::Comment`
            use crate::{
                time::UnixTime, /* crate::config::Comment /* nested */ */
                token::{self, claims::Claims as Held},
            };
            pub(crate) use super::Limits;
            use self::names::*;
            fn f<'a>(x: &'a str) -> impl Sized + use<'a> {
                let _ = (r#"crate::config::"Text"#, "\"crate::config::Text", '"', 'c', b'\'');
                crate::server::start(tokio::spawn(x));
                super::super::engine::begin::<u8>()
            }
            mod inline {
                use super::Names;
            }
        "##;
        let expected = [
            (4, true, "time::UnixTime"),
            (5, true, "token"),
            (5, true, "token::claims::Claims"),
            (7, true, "guard::Limits"),
            (8, true, "guard::redis::names::*"),
            (11, true, "server::start"),
            (11, false, "tokio::spawn"),
            (12, true, "engine::begin"),
            (15, true, "guard::redis::Names"),
        ];
        assert_eq!(named(text), expected.map(|(line, is_ours, path)| (line, is_ours, path.to_owned())));
    }

    #[test]
    fn what_only_tests_compile_is_left_out() {
        let text = r#"
            #[cfg(test)]
            use crate::{config::Config, server::App};
            #[cfg(all(test, unix))]
            #[allow(dead_code)]
            fn f<A, B>(a: [u8; 2]) { crate::config::read() }
            enum E { #[cfg(test)] Stub(crate::config::Stub), Real(crate::time::UnixTime) }
            #[cfg(not(test))]
            use crate::time::Clock;
            #[cfg(test)]
            #[path = "redis_tests.rs"]
            mod tests;
            #[cfg(test)]
            mod inline { use crate::config::Config; fn g() {} }
            #[cfg(test)]
            mod support;
        "#;
        let module = ["guard".to_owned(), "redis".to_owned()];
        let source = read(text, &module);
        let paths: Vec<String> = source.named.iter().map(|named| named.path.join("::")).collect();
        assert_eq!(paths, ["time::UnixTime", "time::Clock"]);
        assert_eq!(source.test_files, ["redis_tests", "support"]);
    }

    #[test]
    fn an_import_says_its_name_and_who_sees_it() {
        let source = read("pub use memory::MemoryGuard as Memory;\nuse crate::time;", &[]);
        let imports: Vec<_> = source.named.iter().map(|named| named.import.clone().unwrap()).collect();
        let import = |name: &str, is_public| Import { name: name.into(), is_public };
        assert_eq!(imports, [import("Memory", true), import("time", false)]);
    }
}
