# To be sourced: how small modules are built for wasm32 with Debian's packages, whose Rust compiles its standard library anew.
export CARGO_TARGET_DIR=$PWD/target/wasm
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld
# A panic is a trap, without a text; hash functions are loops.
export RUSTFLAGS='--cfg sha2_backend_soft="compact" -Zunstable-options -Cpanic=immediate-abort'
cargo=(env PATH=/usr/bin:/bin cargo build --target wasm32-unknown-unknown -Z build-std=std,panic_abort)

# small FROM TO: takes out what a smaller spelling does without.
small() {
    wasm-opt -Oz --converge --strip-debug --strip-producers --enable-bulk-memory --enable-sign-ext --enable-mutable-globals --enable-nontrapping-float-to-int "$1" -o "$2"
    wc -c "$2"
}
