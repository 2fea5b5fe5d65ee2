//! The keys, and how they are fetched.

use std::{
    str,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use countersign::edge::{Checker, KeyDocument, MAX_DOCUMENT_BYTES};
use pingora_core::{ErrorType::HTTPStatus, Result, connectors::http::Connector, prelude::Error, upstreams::peer::HttpPeer};
use pingora_http::RequestHeader;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

/// Between two fetches.
const EVERY: Duration = Duration::from_secs(300);
/// The shortest time between two fetches: anybody can name a key that nobody knows.
const PAUSE: Duration = Duration::from_secs(10);
/// Until the next try, as long as there are no keys.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// None until all documents were had once: nobody can be judged before.
pub struct Keys {
    current: RwLock<Option<Arc<Checker>>>,
    without: Checker,
    missing: Notify,
    connector: Connector,
    countersign: HttpPeer,
    host: String,
}

impl Keys {
    pub fn new(issuer: &str, countersign: &str) -> Self {
        Self {
            current: RwLock::new(None),
            without: Checker::new(issuer, vec![issuer.into()], 0),
            missing: Notify::new(),
            connector: Connector::new(None),
            countersign: HttpPeer::new(countersign, false, String::new()),
            host: countersign.into(),
        }
    }

    pub fn checker(&self) -> Option<Arc<Checker>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A key was named that isn't here.
    pub fn miss_one(&self) {
        self.missing.notify_one();
    }

    /// Fetches keys again and again. Where a fetch fails, the keys of before stay.
    pub async fn keep(&self) {
        let mut has_keys = false;
        loop {
            match self.fetch().await {
                Ok(checker) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(checker));
                    has_keys = true;
                }
                Err(error) => eprintln!("keys can't be fetched: {error}"),
            }
            sleep(if has_keys { PAUSE } else { IMPATIENCE }).await;
            if has_keys {
                let _ = timeout(EVERY - PAUSE, self.missing.notified()).await;
            }
        }
    }

    /// All documents, or none.
    async fn fetch(&self) -> Result<Checker> {
        let mut checker = self.without.clone();
        for document in KeyDocument::ALL {
            let text = timeout(Duration::from_secs(2), self.get(document.path())).await;
            let text = text.map_err(|_| Error::explain(HTTPStatus(504), "no answer in time"))??;
            let text = str::from_utf8(&text).map_err(|_| Error::explain(HTTPStatus(502), "no UTF-8"))?;
            checker.load(document, text).map_err(|error| Error::explain(HTTPStatus(502), error.to_string()))?;
        }
        Ok(checker)
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let (mut session, _) = self.connector.get_http_session(&self.countersign).await?;
        let mut request = RequestHeader::build("GET", path.as_bytes(), Some(1))?;
        request.insert_header("host", &self.host)?;
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        session.read_response_header().await?;
        let status = session.response_header().map_or(0, |answer| answer.status.as_u16());
        let mut body = Vec::new();
        while let Some(part) = session.read_response_body().await? {
            body.extend_from_slice(&part);
            if body.len() > MAX_DOCUMENT_BYTES {
                return Err(Error::explain(HTTPStatus(502), "a long document"));
            }
        }
        if status != 200 {
            return Err(Error::explain(HTTPStatus(status), "no key document"));
        }
        self.connector.release_http_session(session, &self.countersign, None).await;
        Ok(body)
    }
}
