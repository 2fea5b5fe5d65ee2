#!/usr/bin/env bash
# Builds the modules of this folder into target/wasm/: countersign-checks.wasm and countersign-login.wasm. On Debian:
#
#   apt-get install rustc-web cargo-web rust-web-src lld binaryen
set -euo pipefail
cd "$(dirname "$0")/../../.."
. examples/edge/wasm/toolchain.sh
"${cargo[@]}" --locked --profile wasm --no-default-features --example countersign_checks --example countersign_login
for module in checks login; do
    small "$CARGO_TARGET_DIR/wasm32-unknown-unknown/wasm/examples/countersign_$module.wasm" "target/wasm/countersign-$module.wasm"
done
