//! The command line. `serve` is what happens when nothing is said.

mod bound;
mod check;
mod exit;
mod init;
mod inspect;
mod serve;
mod sources;

use std::{ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, error::ErrorKind};
use rand::Rng as _;

use crate::crypto::base64url;
use exit::Exit;

/// A passwordless login engine that keeps no token table.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve logins (what happens without a command).
    Serve(ConfigFile),
    /// Write a configuration with every key explained and a fresh secret; never over an existing file.
    Init {
        /// Where.
        #[arg(default_value = "countersign.toml")]
        path: PathBuf,
    },
    /// Judge the configuration and show what is in force, with secrets masked.
    Check(ConfigFile),
    /// Print a fresh root secret.
    Secret,
    /// Explain an envelope, a link token, an access token or a refresh token; verify it if there is a configuration.
    Inspect {
        /// The token; `-` or nothing: read from the standard input.
        token: Option<String>,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Say how likely guessing takes over one account in one day.
    Bound {
        #[command(flatten)]
        file: ConfigFile,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which configuration is meant.
#[derive(Clone, Debug, Default, Args)]
struct ConfigFile {
    /// The configuration file. Default: $COUNTERSIGN_CONFIG, else ./countersign.toml if there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the program with the process's own arguments and environment.
#[must_use]
pub fn run() -> ExitCode {
    let exit = parse(std::env::args_os())
        .map_or_else(|exit| exit, |arguments| dispatch(arguments).map_or_else(|exit| exit, |()| Exit::Done));
    exit.report()
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Exit> {
    let command = Arguments::command().after_help("Exit codes: 0 done, 1 not valid or not safe enough, 64 a wrong command or configuration, 69 something is taken or out of reach.");
    let matches = command.try_get_matches_from(arguments).and_then(|matches| Arguments::from_arg_matches(&matches));
    matches.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Printed(error.to_string()),
        _ => Exit::Usage(error.to_string()),
    })
}

fn dispatch(arguments: Arguments) -> Result<(), Exit> {
    match arguments.command {
        None => serve::serve(&arguments.file),
        Some(Command::Serve(file)) => serve::serve(&file),
        Some(Command::Init { path }) => init::init(&path),
        Some(Command::Check(file)) => check::check(&file),
        Some(Command::Secret) => print(&format!("{}\n", fresh_secret())),
        Some(Command::Inspect { token, file }) => inspect::inspect(token.as_deref(), &file),
        Some(Command::Bound { file, json }) => bound::bound(&file, json),
    }
}

/// 32 random bytes as base64url.
fn fresh_secret() -> String {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(&mut *bytes);
    base64url::encode(&*bytes)
}

/// Writes to stdout. A reader that went away, as `head` does, is no failure.
fn print(text: &str) -> Result<(), Exit> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Exit::Unavailable(format!("can't write: {error}"))),
        _ => Ok(()),
    }
}
