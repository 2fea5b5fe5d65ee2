"""Judges the manifests of examples/kubernetes, and prints their documents as JSON.

What Kubernetes itself defines is held against its own schemas, strictly. Resources that others define are held against the fields
of their API references: gateway.envoyproxy.io/v1.10/api/extension_types and gateway-api.sigs.k8s.io/reference/spec.
"""

import json
import pathlib
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
            "headersToExtAuth": [str],
            "http": {"backendRefs": BACKEND, "path": str, "headersToBackend": [str]},
        },
    },
    "ClientTrafficPolicy": {
        "targetRefs": TARGET,
        "headers": {"withUnderscoresAction": {"Allow", "RejectRequest", "DropHeader"}},
        "path": {
            "disableMergeSlashes": bool,
            "escapedSlashesAction": {"KeepUnchanged", "RejectRequest", "UnescapeAndForward", "UnescapeAndRedirect"},
        },
    },
}
GROUPS = {"HTTPRoute": "gateway.networking.k8s.io/v1"}


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
        else:
            kubernetes_validate.validate(document, "1.37", strict=True)
        documents.append({"file": path.name, **document})

# A mistake is found.
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
