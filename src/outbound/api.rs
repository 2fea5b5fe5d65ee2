//! Calls of a provider's API, with the credentials of one account.

use std::fmt;

use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    client::{CallFailed, Reply, read},
    deadline,
    form::{FORM, form},
};
use crate::crypto::SecretText;

/// POSTs to the API of one provider. The calls run on the background runtime, as those of
/// [`WebhookCaller`](super::client::WebhookCaller) do.
#[derive(Clone)]
pub struct ApiCaller {
    client: Client,
    /// Without a slash at its end.
    base: Url,
    credentials: Credentials,
    background: Handle,
}

/// What a provider knows an account by.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `Authorization: Bearer …`.
    Bearer(SecretText),
    /// HTTP basic authentication.
    Basic {
        /// The account.
        user: String,
        /// Its token.
        password: SecretText,
    },
}

/// What is encoded in a segment: all but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl ApiCaller {
    /// For the API at `base`, which may have a path; calls run on `background`.
    #[must_use]
    pub fn new(client: Client, base: &Url, credentials: Credentials, background: &Handle) -> Self {
        Self { client, base: base.clone(), credentials, background: background.clone() }
    }

    /// POSTs JSON below `segments`.
    ///
    /// # Errors
    /// [`CallFailed`], without an answer in time, for whoever asks too, or with one that is too long. A status is no error here.
    pub async fn post_json(&self, segments: &[&str], body: &(impl Serialize + Sync)) -> Result<Reply, CallFailed> {
        let body = serde_json::to_vec(body).expect("what is posted is plain JSON");
        self.post(segments, HeaderValue::from_static("application/json"), body.into()).await
    }

    /// POSTs a form below `segments`.
    ///
    /// # Errors
    /// As [`ApiCaller::post_json`].
    pub async fn post_form(&self, segments: &[&str], pairs: &[(&str, &str)]) -> Result<Reply, CallFailed> {
        self.post(segments, HeaderValue::from_static(FORM), form(pairs)).await
    }

    async fn post(&self, segments: &[&str], content_type: HeaderValue, body: Bytes) -> Result<Reply, CallFailed> {
        let request = self.client.post(self.url(segments)).header(CONTENT_TYPE, content_type).body(body);
        let request = self.with_credentials(request);
        let call = self.background.spawn(async move { read(request.send().await?).await });
        let answered = deadline::in_time(call).await.ok_or_else(CallFailed::too_late)?;
        answered.map_err(|_| CallFailed::at_the_end())?
    }

    fn with_credentials(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Credentials::Bearer(key) => request.bearer_auth(key.expose()),
            Credentials::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
        }
    }

    /// Every segment stays one, whatever it holds. One of dots alone can't be said in a URL; it becomes an empty one.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            if !segment.bytes().all(|byte| byte == b'.') {
                path.extend(utf8_percent_encode(segment, RESERVED));
            }
        }
        url.set_path(&path);
        url
    }
}

/// The host alone.
impl fmt::Debug for ApiCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiCaller").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::outbound::client::client;

    fn caller(base: &str) -> ApiCaller {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let credentials = Credentials::Bearer(SecretText::new("key"));
        ApiCaller::new(client(Duration::from_secs(1)), &base.parse().unwrap(), credentials, runtime.handle())
    }

    #[test]
    fn paths_go_below_the_base() {
        let url = |base: &str, segments: &[&str]| caller(base).url(segments).to_string();
        let number = ["v2", "verifications", "by_phone_number", "+13035551234", "actions", "verify"];
        let path = "v2/verifications/by_phone_number/%2B13035551234/actions/verify";
        for base in ["https://a.example", "https://a.example/"] {
            assert_eq!(url(base, &number), format!("https://a.example/{path}"));
        }
        for base in ["https://a.example/x/y", "https://a.example/x/y//"] {
            assert_eq!(url(base, &number), format!("https://a.example/x/y/{path}"));
        }
        assert_eq!(url("http://a", &["..", ".", "a/../b", "?q#f", "%2f", "ä"]), "http://a///a%2F..%2Fb/%3Fq%23f/%252f/%C3%A4");
    }

    proptest! {
        #[test]
        fn no_segment_leads_elsewhere(segment in "\\PC{1,20}") {
            let url = caller("http://a.example/base").url(&["v2", &segment, "end"]);
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4, "{}", &url);
            prop_assert!(url.query().is_none() && url.fragment().is_none() && url.host_str() == Some("a.example"));
            prop_assert!(segments[0] == "base" && segments[1] == "v2" && segments[3] == "end");
        }
    }
}
