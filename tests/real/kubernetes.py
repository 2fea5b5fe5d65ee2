"""Judges the manifests of examples/kubernetes, and prints their documents as JSON.

What Kubernetes itself defines is held against its own schemas, strictly. Resources that others define are held against the names,
types and words of their definitions, as far as they are used here. They were read from these releases:

- envoyproxy/gateway v1.9.0: charts/gateway-crds-helm/templates/generated/gateway.envoyproxy.io_{securitypolicies,clienttrafficpolicies}.yaml
- kubernetes-sigs/gateway-api v1.6.1: config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
- kubernetes/ingress-nginx controller-v1.15.1: internal/ingress/annotations/authreq/main.go, internal/ingress/annotations/parser/validators.go
"""

import json
import pathlib
import re
import sys

import kubernetes_validate
import yaml

BACKEND = [{"name": str, "port": int}]
TARGET = [{"group": str, "kind": str, "name": str}]
OTHERS = {
    "HTTPRoute": {
        "parentRefs": [{"name": str}],
        "hostnames": [str],
        "rules": [{"matches": [{"path": {"type": {"PathPrefix", "Exact"}, "value": str}}], "backendRefs": BACKEND}],
    },
    "SecurityPolicy": {
        "targetRefs": TARGET,
        "extAuth": {
            "failOpen": bool,
            "statusOnError": int,
            "timeout": re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}"),
            "headersToExtAuth": [str],
            "contextExtensions": [{"name": str, "type": {"Value"}, "value": str}],
            "http": {"backendRefs": BACKEND, "path": str, "headersToBackend": [str]},
            "grpc": {"backendRefs": BACKEND},
        },
    },
    "ClientTrafficPolicy": {
        "targetRefs": TARGET,
        "headers": {
            "withUnderscoresAction": {"Allow", "RejectRequest", "DropHeader"},
            "earlyRequestHeaders": {
                "removeOnMatch": [{"type": {"Exact", "Prefix", "Suffix", "RegularExpression"}, "value": str}],
            },
        },
        "path": {
            "disableMergeSlashes": bool,
            "escapedSlashesAction": {"KeepUnchanged", "RejectRequest", "UnescapeAndForward", "UnescapeAndRedirect"},
        },
    },
}
GROUPS = {"HTTPRoute": "gateway.networking.k8s.io/v1"}
ANNOTATIONS = {
    "auth-url": re.compile(r"[-._~a-zA-Z0-9/:,?&=$ ]*"),
    "auth-method": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"},
    "auth-response-headers": re.compile(r"[A-Za-z0-9_, -]*"),
}


def fits(value, shape, where):
    match shape:
        case dict():
            assert isinstance(value, dict), f"{where} is no mapping"
            for key, inner in value.items():
                assert key in shape, f"{where}: no such field as {key}"
                fits(inner, shape[key], f"{where}.{key}")
        case list():
            assert isinstance(value, list) and value, f"{where} is no list"
            for inner in value:
                fits(inner, shape[0], where)
        case set():
            assert value in shape, f"{where}: {value!r} is none of {shape}"
        case re.Pattern():
            assert shape.fullmatch(value), f"{where}: {value!r} isn't of the form {shape.pattern}"
        case _:
            assert type(value) is shape, f"{where}: {value!r}"


documents = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    for document in yaml.safe_load_all(path.read_text()):
        kind = document["kind"]
        if kind in OTHERS:
            assert document["apiVersion"] == GROUPS.get(kind, "gateway.envoyproxy.io/v1alpha1"), f"{path}: {kind}"
            assert set(document) == {"apiVersion", "kind", "metadata", "spec"}, f"{path}: {kind}"
            fits(document["spec"], OTHERS[kind], f"{path.name}: {kind}")
            if kind == "SecurityPolicy":
                # "only one of grpc or http can be specified"
                assert ("http" in document["spec"]["extAuth"]) != ("grpc" in document["spec"]["extAuth"]), path
        else:
            kubernetes_validate.validate(document, "1.37", strict=True)
        if kind == "Ingress":
            for name, value in document["metadata"].get("annotations", {}).items():
                group, name = name.split("/")
                assert group == "nginx.ingress.kubernetes.io", f"{path.name}: {group}"
                fits(value, ANNOTATIONS[name], f"{path.name}: {name}")
        documents.append({"file": path.name, **document})

# Mistakes are found.
for kind, spec in {
    "SecurityPolicy": {"extAuth": {"failOpen": False, "status": 503}},
    "ClientTrafficPolicy": {"headers": {"withUnderscoresAction": "Drop"}},
}.items():
    try:
        fits(spec, OTHERS[kind], kind)
    except AssertionError:
        pass
    else:
        raise AssertionError(f"a wrong {kind} passes")
statefulset = next(document for document in documents if document["kind"] == "StatefulSet")
wrong = {key: value for key, value in statefulset.items() if key != "file"}
wrong["spec"] = {**wrong["spec"], "replica": 3}
try:
    kubernetes_validate.validate(wrong, "1.37", strict=True)
except kubernetes_validate.ValidationError:
    pass
else:
    raise AssertionError("an unknown field passes")

print(json.dumps(documents))
