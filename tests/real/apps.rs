//! The example apps, each with the whole round in Chromium: protected page, login, back, logout, refused.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpStream,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use libtest_mimic::Trial;
use serde_json::json;
use tempfile::TempDir;

use super::{
    pages::run,
    parts::{Part, axum_example, folder, node, python, trial},
};
use crate::harness::{Server, free_port, wait_for, with_ports};

/// For HS256: an app that has it could make tokens.
const KEY: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn trials() -> Vec<Trial> {
    type Scenarios = &'static [&'static str];
    let by_session = |name: &str, file: &'static str, parts: &[Part], scenarios: Scenarios, app: fn(&Path) -> Command| {
        let parts = [&[Part::Node, Part::Chromium], parts].concat();
        trial(&format!("apps::{name}"), &parts, move || {
            let port = free_port();
            let server = Server::start_public_in(settings_of(file, &[(3000, port)].into()), &[]);
            let _app = App::start(port, app, &server.url());
            play(scenarios, &server, &format!("http://localhost:{port}"));
        })
    };
    vec![
        by_session("express", "express/app.mjs", &[], &["round_by_session", "posts_from_elsewhere_are_refused"], |folder| {
            let mut node = node();
            // Modules are looked for beside the importing one.
            symlink(node.get_current_dir().expect("it has one").join("node_modules"), folder.join("node_modules"))
                .expect("a link");
            fs::copy(example("express/app.mjs"), folder.join("app.mjs")).expect("a copy");
            node.arg(folder.join("app.mjs"));
            node
        }),
        by_session("fastapi", "fastapi/app.py", &[Part::Python], &["round_by_session"], |_| {
            let mut python = python();
            python.arg(example("fastapi/app.py"));
            python
        }),
        by_session("axum", "axum.rs", &[Part::AxumExample], &["round_by_session"], |_| Command::new(axum_example())),
        trial("apps::django_with_bearer_tokens", &[Part::Node, Part::Chromium, Part::Python], || {
            let port = free_port();
            let settings = settings_of("django/bearer.py", &[(3000, port)].into());
            let server = Server::start_public_in(settings, &[("tokens.hs256_secret", KEY)]);
            let _app = App::start(port, |_| django("bearer.py"), &server.url());
            play(&["round_by_bearer"], &server, &format!("http://localhost:{port}"));
        }),
        trial("apps::django_behind_nginx", &[Part::Node, Part::Chromium, Part::Python, Part::Nginx], django_behind_nginx),
    ]
}

fn django_behind_nginx() {
    let [edge, countersign, app] = [free_port(), free_port(), free_port()];
    let origin = format!("http://localhost:{edge}");
    let ports = [(8080, edge), (8000, countersign), (3000, app)].into();
    let listen = format!("127.0.0.1:{countersign}");
    let server = Server::start_in(settings_of("django/behind_nginx.py", &ports), &[("server.listen", &*listen)]);
    let listens = |mut python: Command| {
        python.env("LISTEN", format!("127.0.0.1:{app}"));
        python
    };
    let _app = App::start(app, |_| listens(django("behind_nginx.py")), &server.url());
    let nginx = |folder: &Path| {
        let text = fs::read_to_string(example("django/nginx.conf")).expect("an example");
        let text = with_ports(&text, &ports);
        let config = folder.join("nginx.conf");
        fs::write(&config, text).expect("its copy");
        let mut nginx = Command::new("nginx");
        nginx
            .args(["-e", "stderr", "-g"])
            .arg(format!("daemon off; pid {};", folder.join("pid").display()))
            .arg("-c")
            .arg(config);
        nginx
    };
    let _nginx = App::start(edge, nginx, &server.url());
    play(&["round_by_session", "posts_from_elsewhere_are_refused"], &server, &origin);
}

fn django(script: &str) -> Command {
    let mut python = python();
    python.arg(example("django").join(script)).env("KEY", KEY);
    python
}

fn example(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "examples", "apps", name].iter().collect()
}

/// A folder with the settings that stand at the head of an example, for other ports.
fn settings_of(name: &str, ports: &BTreeMap<u16, u16>) -> TempDir {
    let text = fs::read_to_string(example(name)).expect("an example");
    let lines = text.lines().map(|line| line.trim_start_matches(['/', '!', ' ']));
    let settings =
        lines.skip_while(|line| !line.starts_with('[')).take_while(|line| !line.is_empty() && !line.starts_with("\"\"\""));
    let settings = settings.collect::<Vec<_>>().join("\n");
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("countersign.toml"), with_ports(&settings, ports)).expect("its settings");
    folder
}

fn play(scenarios: &[&str], server: &Server, app: &str) {
    for scenario in scenarios {
        let given = json!({ "app": app, "mail": server.folder().join("mail"), "chromium": "/usr/bin/chromium" });
        run(node().arg(folder().join("apps.cjs")).arg(scenario), &given);
    }
}

/// A program that listens at a port of this machine, until it is dropped.
struct App {
    child: Child,
    folder: TempDir,
}

impl App {
    fn start(port: u16, command: impl FnOnce(&Path) -> Command, countersign: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a log");
        let mut command = command(folder.path());
        command.env("AUTH", format!("{countersign}/passwordless")).env("APP", format!("http://localhost:{port}"));
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let mut app = Self { child: command.spawn().expect("the app starts"), folder };
        wait_for(|| {
            let ended = app.child.try_wait().expect("it is ours");
            assert!(ended.is_none(), "{ended:?}\n{}", fs::read_to_string(app.folder.path().join("log")).unwrap_or_default());
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        app
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // nginx's workers end with their master only where it is asked to end.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
