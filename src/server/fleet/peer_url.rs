//! Where the other nodes of a fleet are: one URL with a placeholder for the node's name.

use reqwest::Url;

/// What stands for a node's name.
const NODE: &str = "{node}";

/// `http://{node}.countersign:8000`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerUrl {
    /// What follows `http://`, with the placeholder.
    authority: Box<str>,
}

impl PeerUrl {
    /// Reads `http://{node}.countersign:8000`, with or without a final slash.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.contains(NODE) {
            return Err("must contain {node}, as http://{node}.countersign:8000".into());
        }
        // On one machine the nodes may be named like their ports.
        let of = |node: &str| Url::parse(&text.replace(NODE, node));
        let url = of("node").or_else(|_| of("1")).map_err(|error| format!("is no URL: {error}"))?;
        if url.scheme() != "http" || !url.has_host() {
            return Err("must start with http://: what nodes send to each other is sealed".into());
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err("must be scheme, host and port, nothing else".into());
        }
        let authority = text.split_once("://").map_or("", |(_, authority)| authority).trim_end_matches('/');
        if !authority.contains(NODE) {
            return Err("must contain {node} in its host or port".into());
        }
        Ok(Self { authority: authority.into() })
    }

    /// Host and port of one node.
    #[must_use]
    pub fn authority_of(&self, node: &str) -> String {
        self.authority.replace(NODE, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_takes_its_place() {
        let of = |url: &str, node: &str| PeerUrl::parse(url).unwrap().authority_of(node);
        assert_eq!(of("http://{node}.countersign:8000/", "n1"), "n1.countersign:8000");
        assert_eq!(of("HTTP://{node}", "n1"), "n1");
        assert_eq!(of("http://127.0.0.1:{node}", "8001"), "127.0.0.1:8001");
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
            assert!(PeerUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
