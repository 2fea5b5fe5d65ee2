//! A proxy-wasm filter for Envoy: a request passes with a good access token or a living challenge, as its route asks, and the app
//! sees whose it is. It fetches the public keys from countersign by itself. `examples/edge/envoy-wasm.yaml` uses it.
//!
//! What a route needs is said by its metadata, `needs` under `countersign`: `token`, `challenge` or `nothing`. Without a word, or with
//! one that isn't known, it needs a token.

mod keys;
mod request;

use std::{cell::RefCell, rc::Rc, time::Duration};

use countersign::{edge::KeyDocument, time::UnixTime};
use keys::{Configuration, Keys};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{ContextType, LogLevel},
};
use request::Request;

/// How often it is looked whether keys have to be fetched.
const TICK: Duration = Duration::from_secs(1);

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Filter::default()));
}}

/// One worker's filter: what its requests share.
#[derive(Default)]
struct Filter {
    configuration: Configuration,
    keys: Rc<RefCell<Keys>>,
    /// Which document a call asked for.
    calls: Vec<(u32, KeyDocument)>,
}

impl Filter {
    /// Asks for every document; what comes is looked at in `on_http_call_response`.
    fn fetch(&mut self) {
        let Configuration { cluster, timeout_seconds, .. } = &self.configuration;
        self.calls.clear();
        for document in KeyDocument::ALL {
            let headers = vec![(":method", "GET"), (":path", document.path()), (":authority", cluster)];
            match self.dispatch_http_call(cluster, headers, None, vec![], Duration::from_secs(*timeout_seconds)) {
                Ok(call) => self.calls.push((call, document)),
                Err(status) => log::error!("{} can't be fetched: cluster {cluster}: {status:?}", document.path()),
            }
        }
    }
}

impl Context for Filter {
    fn on_http_call_response(&mut self, call: u32, _: usize, size: usize, _: usize) {
        let Some(at) = self.calls.iter().position(|(known, _)| *known == call) else { return };
        let (_, document) = self.calls.swap_remove(at);
        let status = self.get_http_call_response_header(":status").unwrap_or_default();
        let body = self.get_http_call_response_body(0, size).unwrap_or_default();
        if let Err(why) = self.keys.borrow_mut().take(document, &status, &body) {
            log::error!("{}: {why}; the keys of before stay", document.path());
        }
    }
}

impl RootContext for Filter {
    fn on_configure(&mut self, _: usize) -> bool {
        match Configuration::parse(&self.get_plugin_configuration().unwrap_or_default()) {
            Ok(configuration) => {
                *self.keys.borrow_mut() = Keys::new(&configuration);
                self.configuration = configuration;
                self.set_tick_period(TICK);
                true
            }
            Err(why) => {
                log::error!("the configuration of countersign's filter: {why}");
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let is_due = self.keys.borrow_mut().are_due(now(self));
        if is_due {
            self.fetch();
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(Rc::clone(&self.keys))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// The host's clock.
fn now(context: &dyn Context) -> UnixTime {
    let since = context.get_current_time().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(since.as_secs())
}
