//! Calls to others by HTTP: to endpoints of the configuration, never to anything that a request names.
//!
//! One client for all of them: one TLS provider, no redirects, no proxy from the environment, answers of limited length.
//! The calls run on the background runtime, so that a connection outlives the request that opened it.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use hyper::body::Bytes;
use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, HeaderMap},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::runtime::Handle;

use super::{
    deadline,
    signing::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER},
    webhook::Webhook,
};
use crate::time::Clock;

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 256 * 1024;

/// Calls one endpoint, signing each call as Standard Webhooks.
#[derive(Clone)]
pub struct WebhookCaller {
    client: Client,
    webhook: Webhook,
    clock: Clock,
    background: Handle,
}

/// What an endpoint answered.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// A call without an answer. The text names no URL: one may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailed {
    reason: String,
    was_closed: bool,
    found_nobody: bool,
}

/// A client for calls that may take `timeout` each, with the system's root certificates or those of `SSL_CERT_FILE`.
#[must_use]
pub fn client(timeout: Duration) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has ciphers for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Many servers close a connection after five idle seconds.
    let client = Client::builder().tls_backend_preconfigured(tls).timeout(timeout).pool_idle_timeout(Duration::from_secs(4));
    // Whoever can't be connected to by half of the time won't answer by the end of it.
    let client = client.connect_timeout(timeout / 2);
    let client = client.redirect(redirect::Policy::none()).no_proxy().referer(false);
    client.user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION"))).build().expect("nothing in it comes from outside")
}

impl WebhookCaller {
    /// For the endpoint of `webhook`; calls run on `background`.
    #[must_use]
    pub fn new(client: Client, webhook: Webhook, clock: Clock, background: &Handle) -> Self {
        Self { client, webhook, clock, background: background.clone() }
    }

    /// POSTs JSON. `id` names the message; a retry has the same.
    ///
    /// # Errors
    /// [`CallFailed`], without an answer in time, for whoever asks too, or with one that is too
    /// long. A status is no error here.
    pub async fn post(&self, id: &str, body: Bytes) -> Result<Reply, CallFailed> {
        let Webhook { url, secret } = &self.webhook;
        let now = (self.clock)();
        let signature = secret.sign(id, now, &body);
        let request = self.client.post(Url::clone(url)).header(CONTENT_TYPE, "application/json");
        let request = request.header(ID_HEADER, id).header(TIMESTAMP_HEADER, now.as_seconds());
        let request = request.header(SIGNATURE_HEADER, signature).body(body);
        let call = self.background.spawn(async move { read(request.send().await?).await });
        let answered = deadline::in_time(call).await.ok_or_else(CallFailed::too_late)?;
        answered.map_err(|_| CallFailed::at_the_end())?
    }
}

/// The whole answer, if it isn't too long.
///
/// # Errors
/// [`CallFailed`].
pub async fn read(mut response: Response) -> Result<Reply, CallFailed> {
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(CallFailed::because(format!("the answer is longer than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

impl CallFailed {
    /// Whether the connection was closed instead of answered: what happens to a kept one when the other side has just
    /// tired of it. A question may be asked once more then; an order may have been carried out.
    #[must_use]
    pub const fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Whether there was no connection to call by, so that nobody was asked anything.
    #[must_use]
    pub const fn found_nobody(&self) -> bool {
        self.found_nobody
    }

    /// A call for somebody who can't wait for its answer.
    pub(crate) fn too_late() -> Self {
        Self::because("whoever asks can't wait any longer")
    }

    /// A call that the end of the process cut off.
    pub(crate) fn at_the_end() -> Self {
        Self::because("the runtime is shutting down")
    }

    /// A call of somebody who isn't there.
    #[cfg(test)]
    pub(crate) fn finding_nobody() -> Self {
        Self { found_nobody: true, ..Self::because("there is nobody") }
    }

    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), was_closed: false, found_nobody: false }
    }
}

impl From<reqwest::Error> for CallFailed {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut failed = Self { found_nobody: error.is_connect(), ..Self::because(error.to_string()) };
        let mut source = error.source();
        while let Some(cause) = source {
            failed.reason.extend([": ", &cause.to_string()]);
            let is_reset = |error: &io::Error| matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
            failed.was_closed |= cause.downcast_ref().is_some_and(hyper::Error::is_incomplete_message)
                || cause.downcast_ref().is_some_and(is_reset);
            source = cause.source();
        }
        failed
    }
}

impl fmt::Display for CallFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for CallFailed {}

impl fmt::Debug for WebhookCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookCaller").field("host", &self.webhook.url.host_str()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).field("length", &self.body.len()).finish_non_exhaustive()
    }
}
