# The login of worker.mjs in workerd. Change ISSUER and where your mail endpoint is; then
#
#   SECRET=$(countersign secret) workerd serve worker.capnp
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "login", worker = (
      modules = [
        (name = "worker.mjs", esModule = embed "worker.mjs"),
        (name = "countersign.mjs", esModule = embed "countersign.mjs"),
        (name = "countersign-login.wasm", wasm = embed "countersign-login.wasm"),
      ],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "SECRET", fromEnvironment = "SECRET"),
        (name = "CODE_LENGTH", text = "15"),
        (name = "ISSUER", text = "http://localhost:8080"),
        (name = "MAIL", service = "mail"),
        (name = "SPENT", durableObjectNamespace = "Spent"),
      ],
      durableObjectNamespaces = [(className = "Spent", uniqueKey = "countersign-spent")],
      # What was spent stays spent after a restart.
      durableObjectStorage = (localDisk = "spent"),
    )),
    (name = "spent", disk = (path = "spent", writable = true)),
    (name = "mail", external = (address = "127.0.0.1:3000", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "login")],
);
