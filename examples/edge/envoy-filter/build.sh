#!/usr/bin/env bash
# Builds the filter: target/wasm/countersign-filter.wasm. On Debian:
#
#   apt-get install rustc-web cargo-web rust-web-src lld binaryen
set -euo pipefail
cd "$(dirname "$0")/../../.."
. examples/edge/wasm/toolchain.sh
"${cargo[@]}" --profile wasm --manifest-path examples/edge/envoy-filter/Cargo.toml
small "$CARGO_TARGET_DIR/wasm32-unknown-unknown/wasm/countersign_envoy_filter.wasm" target/wasm/countersign-filter.wasm
