//! `external/webhook/`: what Telnyx and Twilio report of a code's or a message's way.

use hyper::{HeaderMap, body::Bytes, header::HeaderName, http::request::Parts};

use reqwest::Url;

use crate::{
    events::{EventId, Kind},
    recipient::Channel,
    server::{
        app::App,
        call::{Answer, json_answer},
        wire::problem::Problem,
    },
    time::UnixTime,
    verify::callbacks::{
        InvalidSignature, Progress, Report, SeenReports,
        telnyx::{self, PublicKey},
        twilio::{self, AuthToken, CallbackUrl},
    },
};

const TELNYX_SIGNATURE: HeaderName = HeaderName::from_static("telnyx-signature-ed25519");
const TELNYX_TIMESTAMP: HeaderName = HeaderName::from_static("telnyx-timestamp");
const TWILIO_SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// Whose reports are believed, and which were heard.
#[derive(Debug)]
pub(crate) struct Reports {
    /// The key of Telnyx's webhooks, where it is configured.
    pub(crate) telnyx: Option<PublicKey>,
    /// The tokens of the Twilio accounts that are configured, for verification and for SMS.
    pub(crate) twilio: Vec<AuthToken>,
    /// What Twilio's callbacks are sent to is below it.
    pub(crate) public_url: Url,
    /// Each report counts once.
    pub(crate) seen: SeenReports,
}

impl Reports {
    /// Whether anybody may report anything.
    pub(crate) fn are_expected(&self) -> bool {
        self.telnyx.is_some() || !self.twilio.is_empty()
    }

    /// The report of a request. The signature that is there says whose rules apply, and without one there is none.
    fn report(&self, head: &Parts, body: &Bytes, now: UnixTime) -> Result<Option<(&'static str, Report)>, Problem> {
        if head.headers.contains_key(TELNYX_SIGNATURE) {
            let report = self.of_telnyx(&head.headers, body, now)?;
            return Ok(Some(("telnyx", report)));
        }
        let report = self.of_twilio(head, body).map_err(|InvalidSignature| Problem::invalid_signature())?;
        Ok(report.map(|report| ("twilio", report)))
    }

    fn of_telnyx(&self, headers: &HeaderMap, body: &Bytes, now: UnixTime) -> Result<Report, Problem> {
        let verified = match (&self.telnyx, only(headers, &TELNYX_SIGNATURE), only(headers, &TELNYX_TIMESTAMP)) {
            (Some(key), Some(signature), Some(timestamp)) => key.verify(signature, timestamp, body, now),
            _ => Err(InvalidSignature),
        };
        verified.map_err(|InvalidSignature| Problem::invalid_signature())?;
        telnyx::read(body).map_err(|malformed| Problem::invalid(malformed.to_string()))
    }

    /// Whatever its type says, the body is read as the form that Twilio signs: so nothing in it is believed that isn't signed.
    fn of_twilio(&self, head: &Parts, body: &Bytes) -> Result<Option<Report>, InvalidSignature> {
        let signature = only(&head.headers, &TWILIO_SIGNATURE).ok_or(InvalidSignature)?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = CallbackUrl::new(&self.public_url, path);
        let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let is_right = self.twilio.iter().any(|token| token.verify(signature, &url, &form).is_ok());
        if is_right { Ok(twilio::read(&form)) } else { Err(InvalidSignature) }
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

impl App {
    pub(crate) fn webhook(&self, head: &Parts, body: &Bytes) -> Result<Answer, Problem> {
        let now = (self.clock)();
        if let Some((provider, report)) = self.reports.report(head, body, now)?
            && self.reports.seen.is_first(provider, &report.id, now)
        {
            self.pass_on(report, now);
        }
        Ok(json_answer(Bytes::from_static(br#"{"detail":"OK"}"#)))
    }

    /// Makes an event of a report. It knows no challenge.
    fn pass_on(&self, report: Report, now: UnixTime) {
        let kind = match report.progress {
            Some(Progress::Sent) => Kind::VerificationSent,
            Some(Progress::Delivered) => Kind::VerificationDelivered,
            Some(Progress::Failed) => Kind::VerificationDeliveryFailed,
            None => return,
        };
        self.events.emit(kind, now, |event| {
            if let Some(id) = EventId::of_provider(&report.id) {
                event.id = id;
            }
            event.channel = Some(Channel::Mobile);
            event.provider_id = report.provider_id;
            event.delivery_status = report.delivery_status;
        });
    }
}
