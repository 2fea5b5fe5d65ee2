//! `init`: writes a configuration that explains itself.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use zeroize::Zeroizing;

use super::{exit::Exit, fresh_secret, print};
use crate::config::annotated;

/// Creates `path`, for its owner's eyes only; `-` is the standard output.
pub(super) fn init(path: &Path) -> Result<(), Exit> {
    let text = Zeroizing::new(annotated(&fresh_secret()));
    if path == Path::new("-") {
        return print(&text);
    }
    let shown = path.display();
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Exit::Usage(format!("countersign: {shown} exists already, and is left as it is")),
        _ => Exit::Unavailable(format!("can't create {shown}: {error}")),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Exit::Unavailable(format!("can't write {shown}: {error}")))?;
    print(&format!("Wrote {shown} with a fresh secret. Start with: countersign serve --config {shown}\n"))
}
