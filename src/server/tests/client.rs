//! The JavaScript client, as a browser fetches it.

use hyper::{Method, Request, body::Bytes};
use sha2::{Digest as _, Sha256};

use super::{Got, Server};
use crate::{crypto::hex, server::endpoints::client::SOURCE};

async fn fetch(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
    let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    server.send(request.method(method).uri(path).body(Bytes::new().into()).unwrap()).await
}

fn hash() -> String {
    hex::encode(&Sha256::digest(SOURCE))[..16].to_owned()
}

/// As a header has it.
fn header<'g>(got: &'g Got, name: &str) -> Option<&'g str> {
    got.headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_node_serves_the_client_by_its_name_and_by_its_hash() {
    let by_hash = format!("countersign.{}.js", hash());
    let names = [("countersign.js", "no-cache"), (&*by_hash, "max-age=31536000, immutable")];
    for (settings, base) in [
        (&[][..], "/passwordless"),
        (&[("server.pages", "false")], "/passwordless"),
        (&[("server.base_path", "/")], ""),
        (&[("server.base_path", "/a/b")], "/a/b"),
        (&[("server.cors_origins", "https://app.example.com")], "/passwordless"),
    ] {
        let server = Server::start(settings).await;
        for (name, kept) in names {
            for method in [Method::GET, Method::HEAD] {
                let path = format!("{base}/assets/{name}");
                let got = fetch(&server, method, &path, &[("origin", "https://app.example.com")]).await;
                assert_eq!((got.status, header(&got, "cache-control")), (200, Some(kept)), "{path} {settings:?}");
                assert_eq!(header(&got, "etag").unwrap(), format!("\"{}\"", hash()));
                assert_eq!(header(&got, "access-control-allow-origin"), Some("*"));
                assert_eq!(header(&got, "access-control-allow-credentials"), None);
                assert_eq!(header(&got, "content-type"), Some("text/javascript; charset=utf-8"));
                assert_eq!(got.body, SOURCE);
            }
        }
    }
}

#[tokio::test]
async fn who_has_the_client_is_told_so() {
    let server = Server::start(&[]).await;
    let hash = hash();
    for (name, kept) in
        [("countersign.js".to_owned(), "no-cache"), (format!("countersign.{hash}.js"), "max-age=31536000, immutable")]
    {
        let path = format!("/passwordless/assets/{name}");
        for held in [format!("\"{hash}\""), format!("W/\"{hash}\""), format!("\"x\", \"{hash}\""), "*".to_owned()] {
            let got = fetch(&server, Method::GET, &path, &[("if-none-match", &held)]).await;
            assert_eq!((got.status, got.body.len(), header(&got, "cache-control")), (304, 0, Some(kept)), "{held}");
            assert_eq!(header(&got, "etag").unwrap(), format!("\"{hash}\""));
            assert_eq!(header(&got, "access-control-allow-origin"), Some("*"));
        }
        let other = fetch(&server, Method::GET, &path, &[("if-none-match", "\"0123456789abcdef\"")]).await;
        assert_eq!((other.status, &*other.body), (200, SOURCE.as_bytes()));
    }
}

#[tokio::test]
async fn another_hash_is_not_found() {
    let hash = hash();
    for pages in ["true", "false"] {
        let server = Server::start(&[("server.pages", pages)]).await;
        for name in [
            "countersign.0123456789abcdef.js",
            "countersign..js",
            "countersign.js.js",
            "Countersign.js",
            "countersign.d.ts",
            &format!("countersign.{}.js", hash.to_uppercase()),
            &format!("countersign.{}.js", &hash[..15]),
            &format!("countersign.{hash}0.js"),
            &format!("x/countersign.{hash}.js"),
            &format!("countersign.{hash}.mjs"),
        ] {
            let got = server.ask(Method::GET, &format!("/passwordless/assets/{name}")).await;
            assert_eq!(got.refusal(), (404, "not_found".into()), "{name}");
        }
        let posted = server.ask(Method::POST, "/passwordless/assets/countersign.js").await;
        assert_eq!((posted.status, header(&posted, "allow")), (405, Some("GET, HEAD")));
    }
}

/// What is gzipped is counted in tests/real; this is a bound that needs no compressor.
#[test]
fn the_client_is_small_and_imports_nothing() {
    assert!(SOURCE.len() < 11 * 1024, "{} bytes", SOURCE.len());
    assert!(!SOURCE.contains("from\"") && !SOURCE.contains("import("), "it has imports");
}
