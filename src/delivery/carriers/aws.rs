//! What the adapters of Amazon's services share: an account's key, and requests that are signed with it (Signature Version 4).

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use hyper::body::Bytes;
use reqwest::{RequestBuilder, Url};

use super::api::Caller;
use crate::{crypto::SecretText, time::UnixTime};

/// A key of an AWS account that may send.
#[derive(Clone, Debug)]
pub struct Key {
    /// Where the service is: `eu-central-1`.
    pub region: String,
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretText,
}

/// A POST that is signed for the service of this name.
pub(super) fn signed_post(
    caller: &Caller,
    key: &Key,
    service: &str,
    (url, content_type, body): (&Url, &'static str, &Bytes),
) -> Option<RequestBuilder> {
    let mut request = caller.post(url, content_type, body);
    for (name, value) in signature(key, service, (url, content_type, body), (caller.clock)())? {
        request = request.header(name, value);
    }
    Some(request)
}

/// The headers that sign a POST; `None` where it can't be signed, for which there is no known reason.
fn signature(
    key: &Key,
    service: &str,
    (url, content_type, body): (&Url, &str, &Bytes),
    at: UnixTime,
) -> Option<Vec<(String, String)>> {
    let credentials = Credentials::new(&key.access_key_id, key.secret_access_key.expose(), None, None, "countersign").into();
    let parameters = v4::SigningParams::builder()
        .identity(&credentials)
        .region(&key.region)
        .name(service)
        .time(UNIX_EPOCH + Duration::from_secs(at.as_seconds()))
        .settings(SigningSettings::default())
        .build()
        .ok()?;
    let headers = [("content-type", content_type)].into_iter();
    let request = SignableRequest::new("POST", url.as_str(), headers, SignableBody::Bytes(body)).ok()?;
    let (instructions, _) = sign(request, &parameters.into()).ok()?.into_parts();
    Some(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore 1.44 signs for the same request.
    #[test]
    fn signatures_are_amazon_s() {
        let key = Key {
            region: "eu-central-1".into(),
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: SecretText::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        };
        let url = Url::parse("https://email.eu-central-1.amazonaws.com/v2/email/outbound-emails").unwrap();
        let body = Bytes::from_static(br#"{"a":"b"}"#);
        let headers = signature(&key, "ses", (&url, "application/json", &body), UnixTime::from_seconds(1_700_000_000)).unwrap();
        let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap();
        assert_eq!(value("x-amz-date"), "20231114T221320Z");
        let (scope, signature) = value("authorization").rsplit_once(" Signature=").unwrap();
        assert!(scope.ends_with(
            "Credential=AKIDEXAMPLE/20231114/eu-central-1/ses/aws4_request, SignedHeaders=content-type;host;x-amz-date,"
        ));
        assert_eq!(signature, "a1a56d84125a6adf6995e042ec4a7a3acd6eb305174f170709125ae6a7e884ff");
    }
}
