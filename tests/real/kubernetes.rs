//! The manifests of `examples/kubernetes`, judged by Kubernetes' own schemas; the configuration in them by countersign itself, and
//! started with it.

use std::{fs, process::Command};

use libtest_mimic::Trial;
use serde_json::Value;

use super::parts::{Part, folder, output, python, trial};
use crate::harness::{self, Server, command, wait_for};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("kubernetes::manifests", &[Part::Python], manifests)]
}

fn manifests() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kubernetes");
    let printed = output(python().arg(folder().join("kubernetes.py")).arg(examples));
    let documents: Vec<Value> = serde_json::from_str(&printed).expect("JSON");
    for file in ["countersign.yaml", "countersign-journal.yaml"] {
        let find = |kind: &str| documents.iter().find(|document| document["kind"] == kind && document["file"] == file);
        is_a_fleet(find("ConfigMap").expect("a configuration"), find("StatefulSet").expect("nodes"));
    }
    is_a_fleet_with_sessions(&documents);
    let budget = documents.iter().find(|document| document["kind"] == "PodDisruptionBudget").expect("a budget");
    let nodes = documents.iter().find(|document| document["kind"] == "StatefulSet").expect("nodes");
    assert_eq!(budget["spec"]["selector"], nodes["spec"]["selector"]);
}

/// What envoy-gateway-session.yaml adds to the configuration makes a right one, which listens where its Service leads.
fn is_a_fleet_with_sessions(documents: &[Value]) {
    let find = |file: &str, kind: &str| documents.iter().find(|document| document["kind"] == kind && document["file"] == file);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kubernetes/envoy-gateway-session.yaml");
    let text = fs::read_to_string(path).expect("an example");
    let added = text.lines().skip_while(|line| *line != "#   [session]").take_while(|line| *line != "# Then");
    let added = added.map(|line| line.trim_start_matches('#').trim_start()).collect::<Vec<_>>().join("\n");
    let config = find("countersign.yaml", "ConfigMap").expect("a configuration");
    let config = format!("{}\n{added}", config["data"]["countersign.toml"].as_str().expect("a file"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("countersign.toml");
    fs::write(&path, config).expect("a file");
    let mut check = command(folder.path(), &[("guard.node", "countersign-0"), ("email.url", "smtps://mail.example.com")]);
    for unset in ["SERVER__LISTEN", "SERVER__ADMIN_LISTEN", "EMAIL__TRANSPORT", "SMS__TRANSPORT"] {
        check.env_remove(format!("COUNTERSIGN_{unset}"));
    }
    let checked = check.env("COUNTERSIGN_CONFIG", &path).arg("check").output().expect("it starts");
    let said = String::from_utf8_lossy(&checked.stderr);
    // What the example's NetworkPolicy is for.
    let warned = said.lines().all(|line| line.contains("authz.grpc_listen: can be reached from other machines"));
    assert!(checked.status.success() && warned, "{said}");
    let effective = String::from_utf8_lossy(&checked.stdout);
    let service = find("envoy-gateway-session.yaml", "Service").expect("a service");
    let port = &service["spec"]["ports"][0]["targetPort"];
    assert!(effective.contains(&format!("grpc_listen = \"0.0.0.0:{port}\"")), "{effective}");
    let nodes = find("countersign.yaml", "StatefulSet").expect("nodes");
    assert_eq!(service["spec"]["selector"], nodes["spec"]["selector"]["matchLabels"]);
    let policy = &find("envoy-gateway-session.yaml", "SecurityPolicy").expect("a policy")["spec"]["extAuth"];
    assert_eq!(policy["contextExtensions"][0]["value"], "session");
    let backend = &policy["grpc"]["backendRefs"][0];
    assert_eq!((&backend["name"], &backend["port"]), (&service["metadata"]["name"], &service["spec"]["ports"][0]["port"]));
}

/// The configuration is right for each pod, goes with what the manifest says, and the probes work.
fn is_a_fleet(config: &Value, nodes: &Value) {
    let toml = config["data"]["countersign.toml"].as_str().expect("a file");
    let (spec, pod) = (&nodes["spec"], &nodes["spec"]["template"]["spec"]);
    let container = &pod["containers"][0];
    let replicas = spec["replicas"].as_u64().expect("a number");
    let names: Vec<String> =
        (0..replicas).map(|number| format!("{}-{number}", nodes["metadata"]["name"].as_str().expect("a name"))).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("countersign.toml");
    let volume = folder.path().join("guard");
    fs::write(&path, toml.replace("/var/lib/countersign/guard", volume.to_str().expect("a path"))).expect("a file");
    let node = |name: &str, more: &[(&str, &str)]| -> Command {
        let own = [("guard.node", name), ("email.url", "smtps://user:password@mail.example.com")];
        let mut command = command(folder.path(), &[&own, more].concat());
        command.env("RUST_LOG", "info").env("COUNTERSIGN_CONFIG", &path);
        for unset in ["SERVER__LISTEN", "SERVER__ADMIN_LISTEN", "EMAIL__TRANSPORT", "SMS__TRANSPORT"] {
            if !more.iter().any(|(key, _)| key.replace('.', "__").eq_ignore_ascii_case(unset)) {
                command.env_remove(format!("COUNTERSIGN_{unset}"));
            }
        }
        command
    };

    // Every pod's is right, and without a warning; another pod's name would be none.
    for name in &names {
        let checked = node(name, &[]).arg("check").output().expect("it starts");
        let said = String::from_utf8_lossy(&checked.stderr);
        assert_eq!((checked.status.code(), &*said), (Some(0), ""));
        let effective = String::from_utf8_lossy(&checked.stdout).into_owned();
        let service = spec["serviceName"].as_str().expect("a name");
        assert!(effective.contains(&format!("peer_url = \"http://{{node}}.{service}:8000\"")), "{effective}");
        let listed = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        assert!(effective.contains(&format!("nodes = [{listed}]")), "{effective}");
        let drain =
            effective.lines().find_map(|line| line.strip_prefix("drain_seconds = ")?.split(' ').next()?.parse::<u64>().ok());
        assert!(pod["terminationGracePeriodSeconds"].as_u64() > drain.map(|drain| drain + 10 + 25), "the end takes that long");
    }
    let beyond = node(&format!("countersign-{replicas}"), &[]).arg("check").output().expect("it starts");
    assert_eq!(beyond.status.code(), Some(64), "a pod more has no place in the fleet");

    // Nothing is written but to the journal's volume.
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    let is_mounted = |path: &str| {
        let mounts = container["volumeMounts"].as_array().expect("mounts");
        mounts.iter().any(|mount| path.starts_with(mount["mountPath"].as_str().expect("a path")))
    };
    assert!(is_mounted("/etc/countersign/countersign.toml"));
    assert_eq!(toml.contains("/var/lib/countersign/guard"), is_mounted("/var/lib/countersign/guard"));

    // The container's command, and the probes in its environment.
    let words = |command: &Value| -> Vec<String> {
        let words = command.as_array().expect("a command").iter().map(|word| word.as_str().expect("a text").to_owned());
        let words: Vec<String> = words.collect();
        assert_eq!(words[0], "countersign");
        words[1..].to_vec()
    };
    let admin = format!("127.0.0.1:{}", harness::free_port());
    let bound = [("server.listen", "127.0.0.1:0"), ("server.admin_listen", &*admin), ("email.transport", "discard")];
    let mut serve = node(&names[0], &bound);
    serve.args(words(&container["command"]));
    let server = Server::run(tempfile::tempdir().expect("a folder"), serve);
    let probe = |name: &str| {
        let mut health = node(&names[0], &bound);
        health.args(words(&container[name]["exec"]["command"])).output().expect("it starts").status.code()
    };
    // A node that starts asks the others first what they know, for 5 s at most. It lives meanwhile.
    wait_for(|| (probe("readinessProbe") == Some(0)).then_some(()));
    let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    assert_eq!(probes.map(probe), [Some(0); 3], "{}", server.log());
    drop(server);
    assert_eq!(probes.map(probe), [Some(69); 3]);
}
