//! What the adapters' own tests share: nothing here leaves the process.

use std::sync::{Arc, LazyLock};

use reqwest::{Url, header::HeaderMap};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{
    outbound::client::Reply,
    time::{Clock, UnixTime},
};

/// Runs what adapters would call in the background.
static BACKGROUND: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

pub(super) fn handle() -> Handle {
    BACKGROUND.handle().clone()
}

/// Nobody listens there.
pub(super) fn url() -> Url {
    Url::parse("http://127.0.0.1:9/").expect("a URL")
}

pub(super) fn clock() -> Clock {
    Arc::new(|| UnixTime::from_seconds(1_800_000_000))
}

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: body.into() }
}
