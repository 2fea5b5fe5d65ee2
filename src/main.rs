//! The program `countersign`: see [`countersign::cli`].
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    countersign::cli::run()
}
