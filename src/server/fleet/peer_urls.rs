//! Where the other nodes of a fleet are: one URL with a placeholder for the node's name, or a URL for each node.

use std::collections::BTreeMap;

use reqwest::Url;

use crate::challenge::NodeName;

/// What stands for a node's name.
const NODE: &str = "{node}";

/// Where each node is reached: `http://host:port`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerUrls(Form);

/// What follows `http://`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// One for all nodes, with the placeholder.
    Template(Box<str>),
    /// Of each node, by its name.
    Each(BTreeMap<NodeName, Box<str>>),
}

impl PeerUrls {
    /// Reads `http://{node}.countersign:8000`, with or without a final slash.
    ///
    /// # Errors
    /// What is wrong with it, and what would do.
    pub fn template(text: &str) -> Result<Self, String> {
        if !text.contains(NODE) {
            return Err(
                "must contain {node}, as http://{node}.countersign:8000; or give each node a URL of its own, in a table: \
                        [guard.peer_url] with lines as a = \"http://10.0.0.1:8000\""
                    .into(),
            );
        }
        // On one machine the nodes may be named like their ports.
        let of = |node: &str| read(&text.replace(NODE, node));
        of("node").or_else(|fault| of("1").map_err(|_| fault))?;
        let authority = text.split_once("://").map_or("", |(_, authority)| authority).trim_end_matches('/');
        if !authority.contains(NODE) {
            return Err("must contain {node} in its host or port".into());
        }
        Ok(Self(Form::Template(authority.into())))
    }

    /// Reads a URL for each name.
    ///
    /// # Errors
    /// What is wrong with each entry that can't be used.
    pub fn each<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<String>> {
        let (mut urls, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, url) in entries {
            let (named, authority) = (NodeName::parse(name), entry(url));
            faults.extend(named.as_ref().err().map(|reason| format!("the name of a node: {reason}")));
            faults.extend(authority.as_ref().err().map(|reason| format!("the URL of node {name:?} {reason}")));
            let (Ok(named), Ok(authority)) = (named, authority) else { continue };
            if let Some((other, _)) = urls.iter().find(|(_, known)| **known == authority) {
                faults.push(format!("nodes \"{other}\" and {name:?} have the same URL, http://{authority}"));
            }
            urls.insert(named, authority);
        }
        if faults.is_empty() { Ok(Self(Form::Each(urls))) } else { Err(faults) }
    }

    /// Host and port of one node; `None` where nobody said.
    #[must_use]
    pub fn authority_of(&self, node: &str) -> Option<String> {
        match &self.0 {
            Form::Template(authority) => Some(authority.replace(NODE, node)),
            Form::Each(urls) => urls.iter().find(|(name, _)| name.as_str() == node).map(|(_, authority)| authority.to_string()),
        }
    }

    /// The names of the nodes that have a URL of their own; `None` where one URL holds for all names.
    #[must_use]
    pub fn names(&self) -> Option<Vec<&NodeName>> {
        match &self.0 {
            Form::Template(_) => None,
            Form::Each(urls) => Some(urls.keys().collect()),
        }
    }
}

/// Host and port of a node's own URL.
fn entry(text: &str) -> Result<Box<str>, String> {
    if text.contains(NODE) {
        return Err(format!(
            "contains {NODE}, which belongs to the other form, one URL for all nodes: peer_url = \"http://{NODE}.countersign:8000\""
        ));
    }
    let url = read(text)?;
    let host = url.host_str().unwrap_or_default();
    Ok(url.port().map_or_else(|| host.into(), |port| format!("{host}:{port}").into()))
}

/// An `http://` URL without anything but host and port.
fn read(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if url.scheme() != "http" || !url.has_host() {
        return Err("must start with http://: what nodes send to each other is sealed".into());
    }
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err("must be scheme, host and port, nothing else".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_takes_its_place() {
        let of = |url: &str, node: &str| PeerUrls::template(url).unwrap().authority_of(node).unwrap();
        assert_eq!(of("http://{node}.countersign:8000/", "n1"), "n1.countersign:8000");
        assert_eq!(of("HTTP://{node}", "n1"), "n1");
        assert_eq!(of("http://127.0.0.1:{node}", "8001"), "127.0.0.1:8001");
        assert_eq!(PeerUrls::template("http://{node}").unwrap().names(), None);
    }

    #[test]
    fn whatever_is_no_such_url_is_refused() {
        for bad in [
            "",
            "http://countersign:8000",
            "{node}",
            "ftp://{node}",
            "https://{node}",
            "http://{node}/x",
            "http://a/{node}",
            "http://a?{node}",
            "http://u:{node}@a",
            "http://{node}@a",
        ] {
            assert!(PeerUrls::template(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_node_has_its_own() {
        let urls = PeerUrls::each([("a", "http://127.0.0.1:8101"), ("b.c", "http://[::1]:8102/"), ("d", "HTTP://Host")]).unwrap();
        let of = |node| urls.authority_of(node);
        assert_eq!(of("a").as_deref(), Some("127.0.0.1:8101"));
        assert_eq!(of("b.c").as_deref(), Some("[::1]:8102"));
        assert_eq!(of("d").as_deref(), Some("host"));
        assert_eq!((of("e"), of("A")), (None, None), "nobody said where these are");
        assert_eq!(urls.names().unwrap().iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["a", "b.c", "d"]);
    }

    #[test]
    fn every_entry_that_cannot_be_used_is_named() {
        let faults = PeerUrls::each([
            ("a", "http://127.0.0.1:8101"),
            ("b", "http://127.0.0.1:8101/"),
            ("c_d", "http://127.0.0.1:8103"),
            ("e", "https://127.0.0.1:8104"),
            ("f", "http://127.0.0.1:8105/relay"),
            ("g", "http://{node}:8000"),
            ("h", "127.0.0.1"),
        ])
        .unwrap_err();
        for (fault, says) in faults.iter().zip([
            "nodes \"a\" and \"b\" have the same URL",
            "the name of a node: \"c_d\" is not 1 to 63",
            "the URL of node \"e\" must start with http://",
            "the URL of node \"f\" must be scheme, host and port",
            "the URL of node \"g\" contains {node}",
            "the URL of node \"h\" is no URL",
        ]) {
            assert!(fault.contains(says), "{says}: {faults:?}");
        }
        assert_eq!(faults.len(), 6, "{faults:?}");
    }
}
