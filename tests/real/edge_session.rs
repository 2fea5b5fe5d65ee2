//! Sessions at the edge, in a real browser: protected page → login → back → logout → refused, through the configurations of
//! `examples/edge`, in which only the three ports are changed; then with what an enemy would send.

use std::{fmt::Write as _, net::TcpStream, path::Path, process::Command};

use libtest_mimic::Trial;
use serde_json::json;

use super::{
    edge::{App, Proxy},
    pages::run,
    parts::{Part, folder, node, packaged, trial},
};
use crate::harness::{Answer, Connection, Server, free_port, wait_for};

pub(crate) fn trials() -> Vec<Trial> {
    let browser = [Part::Node, Part::Chromium];
    let needs = |proxy| [&browser[..], &[proxy]].concat();
    vec![
        trial("edge_session::nginx", &needs(Part::Nginx), || {
            // nginx shows whatever it doesn't know as 500.
            the_whole_round(&["nginx-session.conf"], 500, |folder| {
                let mut nginx = Command::new("nginx");
                nginx.args(["-e", "stderr", "-g"]).arg(format!("daemon off; pid {};", folder.join("pid").display()));
                nginx.arg("-c").arg(folder.join("nginx-session.conf"));
                nginx
            });
        }),
        trial("edge_session::caddy", &needs(Part::Proxies), || {
            the_whole_round(&["session.Caddyfile"], 502, |folder| {
                let mut caddy = packaged("caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config", "session.Caddyfile"]).env("HOME", folder);
                caddy
            });
        }),
        trial("edge_session::traefik", &needs(Part::Proxies), || {
            the_whole_round(&["traefik-session.yml", "traefik-session-routes.yml"], 500, |_| {
                let mut traefik = packaged("traefik");
                traefik.arg("--configFile=traefik-session.yml");
                traefik
            });
        }),
        trial("edge_session::envoy", &needs(Part::Proxies), || {
            the_whole_round(&["envoy-session.yaml"], 503, |_| envoy("envoy-session.yaml"));
        }),
        trial("edge_session::envoy_by_grpc", &needs(Part::Proxies), || {
            the_whole_round(&["envoy-session-grpc.yaml"], 503, |_| envoy("envoy-session-grpc.yaml"));
        }),
    ]
}

fn envoy(file: &str) -> Command {
    let mut envoy = packaged("envoy");
    envoy.args(["-c", file, "--disable-hot-restart", "--concurrency", "1"]);
    envoy
}

/// `outage` is what the proxy answers where countersign can't be asked.
fn the_whole_round(files: &[&str], outage: u16, command: impl FnOnce(&Path) -> Command) {
    let port = free_port();
    let grpc = free_port();
    let grpc_listen = format!("127.0.0.1:{grpc}");
    let (url, listen) = (format!("http://localhost:{port}"), format!("127.0.0.1:{}", free_port()));
    let mut server = Server::start(&[
        ("server.listen", &listen),
        ("server.public_url", &url),
        ("server.trusted_proxies", "127.0.0.1"),
        ("session.enabled", "true"),
        ("authz.grpc_listen", &grpc_listen),
        ("passwordless.token_request_throttle_seconds", "0"),
    ]);
    let app = App::start();
    let countersign = server.address.rsplit(':').next().unwrap().parse().unwrap();
    let proxy = Proxy::start(files, &[(8080, port), (8000, countersign), (8002, grpc), (3000, app.port)].into(), command);
    let address = format!("127.0.0.1:{port}");
    wait_for(|| TcpStream::connect(&address).ok());
    wait_for(|| (ask(&address, "GET", "/", &[]).status == 401).then_some(()));

    let given = json!({ "url": url, "mail": server.folder().join("mail"), "chromium": "/usr/bin/chromium" });
    let cookie = run(node().arg(folder().join("edge_session.cjs")), &given);
    let cookie = format!("countersign_session={}", cookie.trim());

    let (own, before) = ([("cookie", &*cookie), ("host", &url["http://".len()..])], app.requests());
    let with = |method: &str, path: &str, headers: &[(&str, &str)]| ask(&address, method, path, &[&own[..], headers].concat());
    // Whatever somebody calls themselves.
    let names = ["X-Auth-Subject", "X-Auth-Session", "X-Auth-Channel", "X-Auth-Token", "X-Challenge-Id", "X_Auth_Subject"];
    let forged: Vec<_> = names.iter().map(|name| (*name, "root")).collect();
    let passed = with("GET", "/x?a=b", &forged);
    let seen = passed.json();
    assert_eq!((passed.status, &seen["headers"]["x-auth-subject"]), (200, &json!(["ann@example.com"])), "{}", proxy.log());
    assert!(!seen.to_string().contains("root"), "{seen}");
    assert_eq!(seen["headers"]["x-auth-channel"], json!(["email"]));
    let session = with("GET", "/passwordless/session/", &[]).json();
    assert!(session["sid"].is_string() && seen["headers"]["x-auth-session"] == json!([session["sid"]]), "{session} {seen}");

    // Without it, what a browser shows is led to the login page and from there back; anything else is 401.
    for shown in [("sec-fetch-mode", "navigate"), ("accept", "text/html")] {
        let led = ask(&address, "GET", "/x?a=b", &[shown, own[1]]);
        let to = led.header("location").unwrap_or_default();
        assert_eq!((led.status, to.split_once('?').map(|(page, _)| page)), (303, Some(&*format!("{url}/passwordless/login"))));
        assert_eq!(led.cookies().len(), 0, "{led:?}");
    }
    for told in [("sec-fetch-mode", "cors"), ("accept", "application/json")] {
        let told = ask(&address, "GET", "/x?a=b", &[told, own[1]]);
        assert_eq!((told.status, told.header("location")), (401, None), "{told:?}");
    }
    assert_eq!(ask(&address, "POST", "/x", &[("sec-fetch-mode", "navigate"), own[1]]).status, 401);

    // What pages of other sites have a browser send.
    let evil = [("origin", "https://evil.example")];
    for refused in [
        with("POST", "/x", &[]),
        with("POST", "/x", &evil),
        with("POST", "/x", &[("origin", "null")]),
        with("DELETE", "/x", &[("sec-fetch-site", "cross-site"), ("origin", &url)]),
        with("POST", "/x", &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")]),
        with("POST", "/x", &[("x-forwarded-method", "GET"), ("x-original-method", "GET"), evil[0]]),
        with("POST", "/x", &[("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https"), evil[0]]),
        with("POST", "/x", &[("x-original-url", "https://evil.example/"), evil[0]]),
        with(
            "GET",
            "/x",
            &[
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
                ("sec-websocket-version", "13"),
            ],
        ),
        with(
            "GET",
            "/x",
            &[
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
                ("sec-websocket-version", "13"),
                evil[0],
            ],
        ),
    ] {
        assert_eq!(refused.status, 403, "{refused:?}\n{}", proxy.log());
    }
    assert_eq!(app.requests(), before + 1, "the app saw nothing of this");
    for passed in [
        with("POST", "/x", &[("origin", &url)]),
        with("POST", "/x", &[("sec-fetch-site", "same-origin")]),
        with("GET", "/x", &[("sec-fetch-site", "cross-site")]),
    ] {
        assert_eq!(passed.status, 200, "{passed:?}\n{}", proxy.log());
    }
    // What Connection lists is taken away by proxies: never ours.
    let listed = with("GET", "/x", &[("connection", "keep-alive, x-auth-subject, x-auth-session")]).json();
    assert_eq!(listed["headers"]["x-auth-subject"], json!(["ann@example.com"]), "{listed}");
    let mut client = Connection::to(&address);
    let upgrade = "connection: Upgrade\r\nupgrade: h2c\r\nsec-fetch-site: same-origin";
    client.send(format!("GET /x HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\n{upgrade}\r\n\r\n", own[1].1).as_bytes());
    assert_eq!(client.receive("GET").status, 200, "a tunnel to the app would be past the edge");

    // A sibling's cookie beside ours, and one of nobody's.
    let beside = format!("countersign_session=x; {cookie}");
    assert_eq!(ask(&address, "GET", "/x", &[("cookie", &beside), own[1]]).status, 200);
    assert_eq!(ask(&address, "GET", "/x", &[("cookie", "countersign_session=x"), own[1]]).status, 401);

    // Ended, it is worth nothing.
    assert_eq!(with("POST", "/passwordless/logout/", &[("origin", &url)]).status, 200);
    assert_eq!(with("GET", "/x", &[]).status, 401);
    // An outage is no sign-out.
    server.kill();
    let navigation = with("GET", "/x", &[("sec-fetch-mode", "navigate"), ("accept", "text/html")]);
    assert_eq!(navigation.status, outage, "{navigation:?}\n{}", proxy.log());
}

fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let host = headers.iter().find(|(name, _)| *name == "host").map_or("localhost", |(_, host)| host);
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if method == "POST" {
        head.push_str("content-length: 0\r\n");
    }
    let mut connection = Connection::to(address);
    connection.send(format!("{head}\r\n").as_bytes());
    connection.receive(method)
}
