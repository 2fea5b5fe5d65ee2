//! The configurations of `examples/edge`, each in its proxy and attacked: nothing in them is changed but the three ports.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _, copy},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::parts::{Part, output, packaged, python, trial};
use crate::harness::{self, Answer, Connection, Server, free_port, wait_for, with_ports};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("edge::nginx", &[Part::Nginx], || {
            let edge = Edge::start(&["nginx.conf"], |folder| {
                let mut nginx = Command::new("nginx");
                let config = folder.join("nginx.conf");
                nginx.args(["-e", "stderr", "-g"]).arg(format!("daemon off; pid {};", folder.join("pid").display()));
                nginx.arg("-c").arg(config);
                nginx
            });
            edge.challenges_are_exchanged_only_with_a_living_one(is_told_by_us);
            edge.withstands_attacks();
        }),
        trial("edge::haproxy", &[Part::Haproxy], || {
            const ES256: [(&str, &str); 2] = [("tokens.algorithm", "ES256"), ("tokens.challenge_algorithm", "ES256")];
            let edge = Edge::start_with(&ES256, &["haproxy.cfg"], |folder| {
                fs::write(folder.join("access.pem"), exported(folder, &ES256, &[])).expect("keys");
                fs::write(folder.join("challenges.pem"), exported(folder, &ES256, &["--challenges"])).expect("keys");
                let mut haproxy = Command::new("haproxy");
                haproxy.args(["-db", "-f", "haproxy.cfg"]);
                haproxy
            });
            edge.challenges_are_exchanged_only_with_a_living_one(is_told_by_us);
            edge.lets_people_through_as_themselves();
            edge.refuses_everybody_else(is_told_by_us);
            edge.gives_bodies_to_the_app();
            edge.has_its_headers_arrive_whatever_connection_lists();
            edge.gives_nobody_a_tunnel();
        }),
        trial("edge::envoy_by_public_keys", &[Part::Proxies], || {
            for challenge_algorithm in ["EdDSA", "ES256"] {
                let settings = [("tokens.challenge_algorithm", challenge_algorithm)];
                let edge = Edge::start_with(&settings, &["envoy-jwt.yaml"], |_| {
                    let mut envoy = packaged("envoy");
                    envoy.args(["-c", "envoy-jwt.yaml", "--disable-hot-restart", "--concurrency", "1"]);
                    envoy
                });
                let is_told_by_envoy = |denied: &Answer| matches!(denied.status, 401 | 403);
                edge.challenges_are_exchanged_only_with_a_living_one(is_told_by_envoy);
                edge.lets_people_through_as_themselves();
                edge.refuses_everybody_else(is_told_by_envoy);
                edge.gives_bodies_to_the_app();
                edge.has_its_headers_arrive_whatever_connection_lists();
                edge.gives_nobody_a_tunnel();
            }
        }),
        trial("edge::pages_do_what_they_say", &[Part::Proxies, Part::Nginx, Part::Haproxy], || {
            for name in ["nginx", "caddy", "traefik", "envoy", "haproxy"] {
                follow(name);
            }
        }),
        trial("edge::exported_keys_check_tokens", &[Part::Python], || {
            let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/rsa2048-pkcs1.pem");
            for (algorithm, file) in [("EdDSA", ""), ("ES256", ""), ("RS256", key)] {
                let settings = [("tokens.algorithm", algorithm), ("tokens.private_key_file", file)];
                let server = Server::start(&settings);
                let tokens = Edge::sign_in(&server);
                let pem = exported(server.folder(), &settings, &[]);
                let script = "import jwt, sys
_, token, pem, algorithm = sys.argv
print(jwt.decode(token, pem, algorithms=[algorithm], audience='http://localhost:8000', issuer='http://localhost:8000')['sub'])";
                let pem = &pem[pem.find("-----BEGIN").expect("a key")..];
                let subject = output(python().args(["-c", script, tokens["access"].as_str().unwrap(), pem, algorithm]));
                assert_eq!(subject.trim(), "ann@example.com", "{algorithm}");
            }
        }),
        trial("edge::caddy", &[Part::Proxies], || {
            Edge::start(&["Caddyfile"], |folder| {
                let mut caddy = packaged("caddy");
                caddy.args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]).env("HOME", folder);
                caddy
            })
            .withstands_attacks();
        }),
        trial("edge::traefik", &[Part::Proxies], || {
            Edge::start(&["traefik.yml", "traefik-routes.yml"], |_| {
                let mut traefik = packaged("traefik");
                traefik.arg("--configFile=traefik.yml");
                traefik
            })
            .withstands_attacks();
        }),
        trial("edge::envoy_by_grpc", &[Part::Proxies], || {
            let grpc = format!("127.0.0.1:{}", free_port());
            let settings = [("authz.grpc_listen", &*grpc)];
            Edge::start_asking(Some(&grpc), &settings, &["envoy-grpc.yaml"], |_| {
                let mut envoy = packaged("envoy");
                envoy.args(["-c", "envoy-grpc.yaml", "--disable-hot-restart", "--concurrency", "1"]);
                envoy
            })
            .withstands_attacks();
        }),
        trial("edge::envoy", &[Part::Proxies], || {
            Edge::start(&["envoy.yaml"], |_| {
                let mut envoy = packaged("envoy");
                envoy.args(["-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1"]);
                envoy
            })
            .withstands_attacks();
        }),
    ]
}

/// What of countersign a proxy reaches.
#[derive(Clone, Copy)]
enum LeadsTo<'a> {
    /// Its listener for clients.
    Clients,
    /// That for Envoy's questions.
    Grpc(&'a str),
    /// None.
    Nobody,
}

/// Does what a page of `docs/edge` says, line by line: each `curl` has the status that stands behind it.
fn follow(name: &str) {
    // HAProxy knows no EdDSA; its page says so, and the others say what a login needs.
    const ES256: [(&str, &str); 2] = [("tokens.algorithm", "ES256"), ("tokens.challenge_algorithm", "ES256")];
    const LOGIN: [(&str, &str); 2] = [("server.public_url", "http://localhost:8080"), ("session.enabled", "true")];
    let page = fs::read_to_string(format!("{}/docs/edge/{name}.md", env!("CARGO_MANIFEST_DIR"))).expect("a page");
    match page.split_once("\n## Behind a login\n") {
        Some((begin, login)) => {
            follow_part(name, begin, &[]);
            follow_part(name, login, &LOGIN);
        }
        None => follow_part(name, &page, &ES256),
    }
}

/// With these settings of countersign.
fn follow_part(name: &str, page: &str, settings: &[(&str, &str)]) {
    let blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("an end"));
    let lines: Vec<&str> = blocks.flat_map(str::lines).collect();
    let files: Vec<&str> =
        lines.iter().flat_map(|line| line.split(' ')).filter_map(|word| word.strip_prefix("examples/edge/")).collect();
    let at = lines.iter().position(|line| line.ends_with(" &")).expect("a line that starts the proxy");
    let shell = |folder: &Path, line: &str| {
        let own = harness::command(folder, settings);
        let mut shell = Command::new("bash");
        shell.current_dir(folder).env("HOME", folder).args(["-c", line]);
        shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (own_program, envoy) = (Path::new(env!("CARGO_BIN_EXE_countersign")), packaged("envoy"));
        let programs = [own_program.parent(), Path::new(envoy.get_program()).parent()];
        let path = std::env::var_os("PATH").expect("a path");
        let all = programs.into_iter().flatten().map(Path::to_owned).chain(std::env::split_paths(&path));
        shell.env("PATH", std::env::join_paths(all).expect("paths"));
        shell
    };
    let edge = Edge::start_with(settings, &files, |folder| {
        for line in lines[..at].iter().filter(|line| !line.starts_with("cp ")) {
            output(&mut shell(folder, line));
        }
        shell(folder, &format!("exec {}", lines[at].trim_end_matches(" &")))
    });
    let authorization = edge.authorization();
    let token = authorization.trim_start_matches("Bearer ");
    for line in &lines[at + 1..] {
        let (command, expected) = line.split_once('#').expect("what comes of it");
        let command = command.replace("curl ", &format!("curl --connect-to localhost:8080:{} ", edge.address));
        let printed = output(shell(edge.proxy.folder.path(), &command).env("token", token));
        if let Some(status) = expected.trim().get(..3).filter(|status| status.parse::<u16>().is_ok()) {
            assert!(printed.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {line}\n{printed}\n{}", edge.log());
            let is_for_the_app = status == "200" && !command.contains("/passwordless/");
            assert!(!is_for_the_app || printed.contains(r#""x-auth-subject":["ann@example.com"]"#), "{name}: {line}\n{printed}");
        }
    }
}

/// A proxy between clients, countersign and an app.
pub(super) struct Edge {
    proxy: Proxy,
    address: String,
    server: Server,
    asked: Gate,
    app: App,
    /// Of countersign, besides those of each.
    settings: Vec<(String, String)>,
}

impl Edge {
    /// With copies of these files of `examples/edge`.
    fn start(files: &[&str], command: impl FnOnce(&Path) -> Command) -> Self {
        Self::start_with(&[], files, command)
    }

    /// With settings of countersign besides.
    fn start_with(settings: &[(&str, &str)], files: &[&str], command: impl FnOnce(&Path) -> Command) -> Self {
        Self::start_asking(None, settings, files, command)
    }

    /// With a proxy that asks at `grpc`, where there is one, and else where clients connect.
    fn start_asking(
        grpc: Option<&str>,
        settings: &[(&str, &str)],
        files: &[&str],
        command: impl FnOnce(&Path) -> Command,
    ) -> Self {
        let leads_to = grpc.map_or(LeadsTo::Clients, LeadsTo::Grpc);
        let edge = Self::launch(leads_to, settings, files, |folder, _| command(folder));
        // Some listen before they know where to.
        wait_for(|| (edge.get("/open", &[]).status == 401).then_some(()));
        edge
    }

    /// One that checks by itself, while countersign's keys can't be had; `command` is told the folder, and the addresses of the edge,
    /// of countersign and of the app.
    pub(super) fn start_without_keys(
        settings: &[(&str, &str)],
        files: &[&str],
        command: impl FnOnce(&Path, &[String]) -> Command,
    ) -> Self {
        let edge = Self::launch(LeadsTo::Nobody, settings, files, command);
        wait_for(|| (edge.get("/open", &[]).status == 503).then_some(()));
        edge
    }

    fn launch(
        leads_to: LeadsTo<'_>,
        settings: &[(&str, &str)],
        files: &[&str],
        command: impl FnOnce(&Path, &[String]) -> Command,
    ) -> Self {
        let own = [
            ("authz.rules", "/admin amr=hwk"),
            ("passwordless.token_request_throttle_seconds", "0"),
            ("server.trusted_proxies", "127.0.0.1"),
        ];
        let server = Server::start(&[&own, settings].concat());
        let asked = Gate::open(match leads_to {
            LeadsTo::Clients => Some(&server.address),
            LeadsTo::Grpc(address) => Some(address),
            LeadsTo::Nobody => None,
        });
        let (app, port) = (App::start(), free_port());
        let addresses = [port, asked.port, app.port].map(|port| format!("127.0.0.1:{port}"));
        let ports = [(8080, port), (8000, asked.port), (8002, asked.port), (3000, app.port)].into();
        let proxy = Proxy::start(files, &ports, |folder| command(folder, &addresses));
        let of_others = settings.iter().filter(|(key, _)| *key != "authz.grpc_listen");
        let settings = of_others.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let edge = Self { proxy, address: format!("127.0.0.1:{port}"), server, asked, app, settings };
        wait_for(|| TcpStream::connect(&edge.address).ok());
        edge
    }

    /// From now on countersign is reached.
    pub(super) fn let_keys_be_had(&self) {
        self.asked.lead(Some(&self.server.address));
    }

    /// From now on countersign isn't reached.
    pub(super) fn let_no_keys_be_had(&self) {
        self.asked.lead(None);
    }

    /// From now on another countersign is reached.
    pub(super) fn ask_for_keys_at(&self, address: &str) {
        self.asked.lead(Some(address));
    }

    /// From now on this is its countersign.
    pub(super) fn serve_with(&mut self, server: Server) {
        self.server = server;
    }

    /// How often somebody connected to countersign.
    pub(super) fn asked_for_keys(&self) -> usize {
        self.asked.connections()
    }

    /// How many requests the app has seen.
    pub(super) fn app_requests(&self) -> usize {
        self.app.requests()
    }

    pub(super) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        Connection::to(&self.address).request("GET", path, headers, b"")
    }

    /// The tokens of a login at countersign itself.
    pub(super) fn sign_in(server: &Server) -> Value {
        let (envelope, code) = server.challenge("ann@example.com");
        server.post("exchange/email/", &json!({"email": "ann@example.com", "token": code, "challenge": envelope})).json()
    }

    fn withstands_attacks(mut self) {
        self.lets_people_through_as_themselves();
        self.refuses_everybody_else(is_told_by_us);
        self.refuses_what_a_rule_forbids();
        self.gives_bodies_to_the_app();
        self.has_its_headers_arrive_whatever_connection_lists();
        self.gives_nobody_a_tunnel();
        self.keeps_its_connections();
        self.lets_nobody_in_where_nobody_answers();
    }

    /// An access token, as it is sent.
    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", Self::sign_in(&self.server)["access"].as_str().expect("a token"))
    }

    /// Whatever they call themselves.
    pub(super) fn lets_people_through_as_themselves(&self) {
        let good = self.authorization();
        let forged = [
            "X-Auth-Subject",
            "X-Auth-Issuer",
            "X-Auth-Expires",
            "X-Auth-Methods",
            "X-Challenge-Id",
            "X-Challenge-Guard",
            "X-Challenge-Expires",
            "X-Auth-Session",
            "X-Auth-Channel",
            "X-Auth-Token",
        ];
        let mut headers = vec![("Authorization", &*good)];
        headers.extend(forged.map(|name| (name, "root")));
        headers.extend(forged.map(|name| (name, "root")));
        // What becomes of these names in the environment of a CGI or WSGI app is that of the others.
        let spelled: Vec<String> = forged
            .iter()
            .flat_map(|name| [name.replace('-', "_"), name.replacen('-', "_", 1), name.replace("h-", "h_").replace("e-", "e_")])
            .collect();
        headers.extend(spelled.iter().map(|name| (&**name, "root")));
        for headers in [&headers[..1], &headers] {
            let answer = self.get("/open/x?a=b", headers);
            assert_eq!(answer.status, 200, "{answer:?}\n{}", self.log());
            let seen = answer.json();
            assert_eq!(seen["line"], "GET /open/x?a=b HTTP/1.1");
            assert_eq!(seen["headers"]["x-auth-subject"], json!(["ann@example.com"]), "{seen}");
            assert!(!seen.to_string().contains("root"), "{seen}");
        }
    }

    pub(super) fn refuses_everybody_else(&self, is_told: impl Fn(&Answer) -> bool) {
        let tokens = Self::sign_in(&self.server);
        let (access, refresh) = (tokens["access"].as_str().unwrap(), tokens["refresh"].as_str().unwrap());
        let (before, parts) = (self.app.requests(), access.split('.').collect::<Vec<_>>());
        let unsigned = format!("{}.{}.", BASE64.encode(r#"{"alg":"none","typ":"at+jwt"}"#), parts[1]);
        let changed = BASE64.encode(String::from_utf8(BASE64.decode(parts[1]).unwrap()).unwrap().replace("ann@", "bob@"));
        let tampered = format!("{}.{changed}.{}", parts[0], parts[2]);
        let foreign = Server::start(&[("keyring.secrets", "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0A")]);
        let foreign = Self::sign_in(&foreign);
        let (envelope, _) = self.server.challenge("bob@example.com");
        // Of the same root secret, but for others, by others, and over.
        let settings: Vec<_> = self.settings.iter().map(|(key, value)| (&**key, &**value)).collect();
        let of = |more: &[(&'static str, &'static str)]| Self::sign_in(&Server::start(&[&settings[..], more].concat()));
        let for_others = of(&[("tokens.audience", "https://other.example")]);
        let by_others = of(&[("tokens.issuer", "https://other.example"), ("tokens.audience", "http://localhost:8000")]);
        let short = of(&[("tokens.access_lifetime", "1")]);
        let over = format!("Bearer {}", short["access"].as_str().unwrap());
        wait_for(|| (self.get("/open", &[("Authorization", &over)]).status == 401).then_some(()));
        let before = self.app.requests().max(before);
        let others = [&foreign, &for_others, &by_others, &short].map(|tokens| tokens["access"].as_str().unwrap());
        for token in [&*unsigned, &tampered, refresh, &envelope, "", "x"].into_iter().chain(others) {
            let authorization = format!("Bearer {token}");
            let denied = self.get("/open", &[("Authorization", &authorization), ("X-Auth-Subject", "root")]);
            assert!(is_told(&denied), "{token}: {denied:?}\n{}", self.log());
        }
        for path in [format!("/open?access_token={access}"), "/open?x-original-uri=/open&x-forwarded-method=GET".into()] {
            assert_eq!(self.get(&path, &[("Cookie", &format!("access={access}"))]).status, 401);
        }
        assert_eq!(self.app.requests(), before, "the app saw nothing of all this");
    }

    /// However the path is written.
    fn refuses_what_a_rule_forbids(&self) {
        let (good, before) = (self.authorization(), self.app.requests());
        let elsewhere = [
            ("Authorization", &*good),
            ("X-Original-URI", "/open"),
            ("X-Original-URL", "http://a/open"),
            ("X-Forwarded-Uri", "/open"),
            ("X-Envoy-Original-Path", "/open"),
            ("X-Rewrite-Url", "/open"),
        ];
        for path in [
            "/admin",
            "/admin/",
            "/admin/x?y",
            "/%61dmin",
            "//admin",
            "/./admin",
            "/open/../admin",
            "/open/%2e%2e/admin",
            "/open/..%2fadmin",
            "/%2fadmin",
            "/admin;x=1",
            "/open/..;/admin",
            "/open%5c..%5cadmin",
            "/%2561dmin",
            "/admin%00",
            "/admin?/../open",
            "/admin%3F",
            "/admin%23",
        ] {
            let refused = self.get(path, &elsewhere);
            assert!((300..500).contains(&refused.status), "{path}: {refused:?}\n{}", self.log());
        }
        assert_eq!(self.app.requests(), before, "the app saw nothing of all this");
    }

    pub(super) fn gives_bodies_to_the_app(&self) {
        let good = self.authorization();
        let body = vec![b'x'; 300_000];
        let posted = Connection::to(&self.address).request("POST", "/open", &[("Authorization", &good)], &body);
        assert_eq!((posted.status, &posted.json()["body"]), (200, &json!(300_000)), "{posted:?}");
        let denied = Connection::to(&self.address).request("POST", "/open", &[], b"short");
        assert_eq!(denied.status, 401);
    }

    /// A proxy takes away what `Connection` lists (RFC 9110, 7.6.1), and so does the next one: before ours are set, or never.
    pub(super) fn has_its_headers_arrive_whatever_connection_lists(&self) {
        let good = self.authorization();
        for listed in [
            "X-Auth-Subject",
            "keep-alive, x-auth-subject, X-Auth-Methods, X-Auth-Session",
            "close, X-Auth-Expires, X-Auth-Subject",
        ] {
            let answer = self.get("/open", &[("Authorization", &good), ("Connection", listed)]);
            // HAProxy refuses it.
            if answer.status == 400 {
                continue;
            }
            let seen = answer.json();
            assert_eq!(seen["headers"]["x-auth-subject"], json!(["ann@example.com"]), "{listed}: {seen}");
            assert!(!seen["headers"]["connection"].to_string().to_lowercase().contains("x-auth"), "{listed}: {seen}");
        }
    }

    /// Through which whoever has a token would say anything to the app, which would believe it came from the proxy.
    pub(super) fn gives_nobody_a_tunnel(&self) {
        let good = self.authorization();
        let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
        for (first, more) in [
            ("GET /open", h2c),
            ("GET /open", &h2c.replace("h2c", "H2C")),
            ("GET /open", "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
            ("CONNECT app.example:80", ""),
        ] {
            let mut client = Connection::to(&self.address);
            client.send(format!("{first} HTTP/1.1\r\nHost: app.example\r\nAuthorization: {good}\r\n{more}\r\n").as_bytes());
            let Ok(answer) = client.try_receive("GET") else { continue };
            assert_ne!(answer.status, 101, "{first} {more}: {answer:?}");
            client.send(b"GET /open HTTP/1.1\r\nHost: app.example\r\nX-Auth-Subject: root\r\n\r\n");
            let after = client.try_receive("GET");
            assert!(!after.as_ref().is_ok_and(|after| after.status == 200), "{first} {more}: {answer:?} {after:?}");
        }
    }

    /// For those who are let through and for those who aren't.
    fn keeps_its_connections(&self) {
        let good = self.authorization();
        let before = self.asked.connections();
        let mut client = Connection::to(&self.address);
        for (headers, status) in [(&[("Authorization", &*good)][..], 200), (&[], 401)] {
            for _ in 0..50 {
                assert_eq!(client.request("GET", "/open", headers, b"").status, status);
            }
        }
        let more = self.asked.connections() - before;
        assert!(more <= 4, "{more} new connections for 100 requests");
    }

    fn lets_nobody_in_where_nobody_answers(&mut self) {
        let good = self.authorization();
        self.server.kill();
        let before = self.app.requests();
        let refused = self.get("/open", &[("Authorization", &good)]);
        assert!(refused.status >= 500, "an outage is no sign-out: {refused:?}");
        assert_eq!(self.app.requests(), before);
    }

    pub(super) fn challenges_are_exchanged_only_with_a_living_one(&self, is_told: impl Fn(&Answer) -> bool) {
        let (envelope, code) = self.server.challenge("carl@example.com");
        let body = json!({"email": "carl@example.com", "token": code, "challenge": envelope}).to_string();
        let tampered = format!("{}A{}", &envelope[..150], &envelope[151..]);
        let (signed, signature) = envelope.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
        let exchange = |challenge: Option<&str>| {
            let mut headers = vec![("Content-Type", "application/json")];
            headers.extend(challenge.map(|challenge| ("Countersign-Challenge", challenge)));
            Connection::to(&self.address).request("POST", "/passwordless/exchange/email/", &headers, body.as_bytes())
        };
        for challenge in [None, Some(&*tampered), Some(&*forged), Some("x")] {
            let denied = exchange(challenge);
            assert!(is_told(&denied), "{denied:?}\n{}", self.log());
        }
        let signed_in = exchange(Some(&envelope));
        assert_eq!(signed_in.status, 200, "{signed_in:?}\n{}", self.log());
    }

    pub(super) fn log(&self) -> String {
        self.proxy.log()
    }
}

/// A proxy, with copies of files of `examples/edge` in a folder of its own.
pub(super) struct Proxy {
    child: Child,
    folder: TempDir,
}

impl Proxy {
    /// With these ports in the place of those that stand in the files.
    pub(super) fn start(files: &[&str], ports: &BTreeMap<u16, u16>, command: impl FnOnce(&Path) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let examples: PathBuf = [env!("CARGO_MANIFEST_DIR"), "examples", "edge"].iter().collect();
        for file in files {
            let text = fs::read_to_string(examples.join(file)).expect("an example");
            // The issuer's name stays what it is.
            let text = with_ports(&text.replace("localhost:8000", "ISSUER"), ports).replace("ISSUER", "localhost:8000");
            fs::write(folder.path().join(file), text).expect("its copy");
        }
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = command(folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the proxy starts");
        Self { child, folder }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx's workers end with their master only where it is asked to end.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// As countersign says it, or a proxy in its words.
pub(super) fn is_told_by_us(denied: &Answer) -> bool {
    let schemes = [r#"Bearer realm="countersign", error="invalid_token""#, r#"Countersign realm="countersign""#];
    denied.status == 401 && denied.header("www-authenticate").is_some_and(|scheme| schemes.contains(&scheme))
}

/// What `keys export --pem` prints with these settings.
fn exported(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    output(harness::command(folder, settings).args(["keys", "export", "--pem"]).args(arguments))
}

/// Passes connections on, and counts them.
struct Gate {
    port: u16,
    count: Arc<AtomicUsize>,
    way: Arc<Mutex<Way>>,
}

/// Where a gate leads, and who is on the way.
struct Way {
    to: Option<String>,
    connections: Vec<TcpStream>,
}

impl Gate {
    /// That leads to this address, or is shut.
    fn open(to: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let count = Arc::new(AtomicUsize::new(0));
        let way = Arc::new(Mutex::new(Way { to: to.map(str::to_owned), connections: Vec::new() }));
        let (counted, shared) = (Arc::clone(&count), Arc::clone(&way));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut way = shared.lock().unwrap();
                let Some(far) = way.to.as_ref().and_then(|to| TcpStream::connect(to).ok()) else { continue };
                way.connections.push(near.try_clone().expect("a second handle"));
                for (mut from, mut to) in
                    [(&near, &far), (&far, &near)].map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
                {
                    thread::spawn(move || {
                        let _ = copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Self { port, count, way }
    }

    /// From now on it leads there, or nowhere, and whoever was on the way is sent back.
    fn lead(&self, to: Option<&str>) {
        let mut way = self.way.lock().unwrap();
        way.to = to.map(str::to_owned);
        for connection in way.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn connections(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// An app that answers with what it was asked.
pub(super) struct App {
    pub(super) port: u16,
    seen: Arc<Mutex<usize>>,
}

impl App {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let seen = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = Arc::clone(&counted);
                thread::spawn(move || Self::serve(BufReader::new(stream), &counted));
            }
        });
        Self { port, seen }
    }

    pub(super) fn requests(&self) -> usize {
        *self.seen.lock().unwrap()
    }

    fn serve(mut stream: BufReader<TcpStream>, seen: &Mutex<usize>) -> Option<()> {
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let (mut headers, mut length) = (json!({}), 0);
            loop {
                let mut header = String::new();
                stream.read_line(&mut header).ok()?;
                let Some((name, value)) = header.trim_end().split_once(':') else { break };
                let name = name.to_ascii_lowercase();
                if name == "content-length" {
                    length = value.trim().parse().ok()?;
                }
                let values = &mut headers[&name];
                if values.is_null() {
                    *values = json!([]);
                }
                values.as_array_mut()?.push(value.trim().into());
            }
            stream.read_exact(&mut vec![0; length]).ok()?;
            // It takes every tunnel that it can get: what comes behind is a request, too.
            let upgrade = headers["upgrade"][0].as_str().filter(|to| to.eq_ignore_ascii_case("h2c"));
            if let Some(to) = upgrade {
                let switched = format!("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: {to}\r\n\r\n");
                stream.get_mut().write_all(switched.as_bytes()).ok()?;
                continue;
            }
            *seen.lock().unwrap() += 1;
            let body = json!({"line": line.trim_end(), "headers": headers, "body": length}).to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.get_mut().write_all(answer.as_bytes()).ok()?;
        }
    }
}
