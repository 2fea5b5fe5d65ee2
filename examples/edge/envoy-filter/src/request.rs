//! One request: who it is of, and whether it passes.

use std::{cell::RefCell, rc::Rc};

use countersign::edge::{claims_identity, Denial, Identity, Needs, Presented};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{keys::Keys, now};

/// Where a route says what it needs.
const NEEDS: [&str; 5] = ["xds", "route_metadata", "filter_metadata", "countersign", "needs"];

pub struct Request {
    keys: Rc<RefCell<Keys>>,
}

impl Request {
    pub const fn new(keys: Rc<RefCell<Keys>>) -> Self {
        Self { keys }
    }

    /// Whose request it is, if it passes.
    fn judge(&self, presented: &Presented<'_>) -> Result<Identity, Denial> {
        let needs = match self.get_property(NEEDS.to_vec()).as_deref() {
            Some(b"nothing") => return Ok(Identity::nobody()),
            Some(b"challenge") => Needs::Challenge,
            _ => Needs::Token,
        };
        let mut keys = self.keys.borrow_mut();
        let checker = keys.checker().ok_or(Denial::Unavailable)?;
        checker.judge(needs, presented, now(self)).map_err(|stopped| {
            if stopped.lacks_key {
                keys.miss_one();
            }
            stopped.denial
        })
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let headers = self.get_http_request_headers_bytes();
        // First of all, and on every route: nobody sends headers of ours.
        for (name, _) in headers.iter().filter(|(name, _)| claims_identity(name)) {
            self.set_http_request_header(name, None);
        }
        let presented = Presented::read(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
        match self.judge(&presented) {
            Ok(identity) => {
                for (name, value) in identity.headers() {
                    self.set_http_request_header(name, Some(value));
                }
                Action::Continue
            }
            Err(denial) => {
                let headers = denial.headers().to_vec();
                self.send_http_response(denial.status().into(), headers, Some(denial.body().as_bytes()));
                Action::Pause
            }
        }
    }
}
