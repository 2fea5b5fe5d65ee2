//! The command line. `serve` is what happens when nothing is said.

mod bound;
mod check;
mod exit;
mod health;
mod init;
mod inspect;
mod keys;
mod preview;
mod send_test;
mod serve;
mod sources;
mod templates;

use std::{ffi::OsString, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use crate::{
    crypto::{Secret, base64url},
    serve::finish_log,
};
use exit::Exit;

/// A passwordless login engine that keeps no token table.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    file: ConfigFile,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 not valid, not safe enough, not sent or not ready, 64 a wrong command or configuration, \
    65 not a token, 69 something is taken or out of reach.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve logins (what happens without a command).
    Serve,
    /// Write a configuration with every key explained and a fresh secret; never over an existing file.
    Init {
        /// Where; `-`: on the standard output.
        #[arg(default_value = "countersign.toml")]
        path: PathBuf,
    },
    /// Judge the configuration and show what is in force, with secrets masked.
    Check,
    /// Ask the running server whether it is ready: for probes, also in images without a shell.
    Health(health::Arguments),
    /// Print a fresh root secret.
    Secret,
    /// Explain an envelope, a link token, an access token or a refresh token; verify it if there is a configuration.
    Inspect {
        /// The token; `-` or nothing: read from the standard input.
        token: Option<String>,
    },
    /// Write every message in every language as files to look at, index.html first.
    Preview {
        /// The folder; made if it isn't there.
        folder: PathBuf,
    },
    /// Send one real message as it is configured, step by step, and say what to change where it fails.
    SendTest(send_test::Arguments),
    /// The words and looks of messages.
    Templates {
        #[command(subcommand)]
        action: TemplatesAction,
    },
    /// The public keys.
    Keys {
        #[command(subcommand)]
        action: KeysAction,
    },
    /// Say how likely guessing takes over one account in one day.
    Bound {
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum TemplatesAction {
    /// Write the built-in templates, to be changed and named in email.templates.
    Export {
        /// The folder; made if it isn't there.
        folder: PathBuf,
        /// Replace files that are there and differ.
        #[arg(long)]
        overwrite: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeysAction {
    /// Print the public keys of access tokens, the one that signs first, for edges that can't fetch /.well-known/jwks.json.
    Export {
        /// As PEM (SubjectPublicKeyInfo), which HAProxy takes, instead of a JWK set.
        #[arg(long)]
        pem: bool,
        /// Those of challenges.
        #[arg(long)]
        challenges: bool,
    },
}

/// Which configuration is meant.
#[derive(Clone, Debug, Default, Args)]
struct ConfigFile {
    /// The configuration file. Default: $COUNTERSIGN_CONFIG, else ./countersign.toml if there is one.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// Runs the program with the process's own arguments and environment.
#[must_use]
pub fn run() -> ExitCode {
    let ended = parse(std::env::args_os()).and_then(|arguments| dispatch(&arguments));
    let code = ended.map_or_else(Exit::report, |()| ExitCode::SUCCESS);
    finish_log();
    code
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Exit> {
    Arguments::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Printed(error.to_string()),
        _ => Exit::Usage(error.to_string()),
    })
}

fn dispatch(arguments: &Arguments) -> Result<(), Exit> {
    let file = &arguments.file;
    match &arguments.command {
        None | Some(Command::Serve) => serve::serve(file),
        Some(Command::Init { .. } | Command::Secret | Command::Templates { .. }) if file.config.is_some() => {
            Err(Exit::Usage("countersign: this command reads no configuration; try '--help'".into()))
        }
        Some(Command::Init { path }) => init::init(path),
        Some(Command::Check) => check::check(file),
        Some(Command::Health(arguments)) => health::health(arguments, file),
        Some(Command::Secret) => print(&format!("{}\n", fresh_secret())),
        Some(Command::Inspect { token }) => inspect::inspect(token.as_deref(), file),
        Some(Command::Preview { folder }) => preview::preview(folder, file),
        Some(Command::SendTest(arguments)) => send_test::send_test(arguments, file),
        Some(Command::Templates { action: TemplatesAction::Export { folder, overwrite } }) => {
            templates::export(folder, *overwrite)
        }
        Some(Command::Keys { action: KeysAction::Export { pem, challenges } }) => keys::export(file, *pem, *challenges),
        Some(Command::Bound { json }) => bound::bound(file, *json),
    }
}

/// 32 random bytes as base64url.
fn fresh_secret() -> String {
    base64url::encode(Secret::<32>::random(&mut rand::rng()).expose())
}

/// Writes to stdout. A reader that went away, as `head` does, is no failure.
fn print(text: &str) -> Result<(), Exit> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Exit::Unavailable(format!("can't write: {error}"))),
        _ => Ok(()),
    }
}
