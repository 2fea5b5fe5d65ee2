//! What the tests of delivery share: challenges of one fleet, and time that stands still until a test moves it.

use std::{fmt, sync::Arc};

use hyper::body::Bytes;
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, sleep},
};

use super::{
    Carrier, Composer, Dispatch, Fate, Languages, Message, Outgoing, SendError, Sending, Site, Tag, Templates, carrier::in_time,
};
use crate::{
    browser::agent::Agent,
    challenge::{Alphabet, Challenge, ChallengeId, CodeFormat, GuardId, Use, VerifiedChallenge},
    directory::Found,
    keyring::{EnvelopeFormat, Keyring},
    keys::Keys,
    recipient::{Channel, Recipient},
    time::{Clock, UnixTime},
    token::SessionsConfig,
    user::User,
};

pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);

pub(crate) struct Fleet {
    pub keys: Arc<Keys>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let keyring = Keyring::new([vec![7; 32]]).unwrap();
        let keys = Keys::new(&keyring, &SessionsConfig::new("https://example.com"), EnvelopeFormat::EdDsa).unwrap();
        Self { keys: keys.into() }
    }

    /// A challenge that ends ten minutes from [`NOW`].
    pub(super) fn challenge(&self, recipient: &str) -> VerifiedChallenge {
        let channel = if recipient.contains('@') { Channel::Email } else { Channel::Mobile };
        let challenge = Challenge {
            id: ChallengeId::from_random([1; 16]),
            issued_at: NOW,
            expires_at: NOW.plus(600),
            usage: Use::CODE,
            channel,
            format: CodeFormat::new(Alphabet::new("0123456789").unwrap(), 6),
            guard: GuardId::new("node.epoch").unwrap(),
            binding: None,
        };
        self.keys.challenges.seal(challenge, Recipient::from_canonical(channel, recipient))
    }

    pub(crate) fn dispatch(&self, recipient: &str) -> Dispatch {
        let challenge = self.challenge(recipient);
        let found = Found::new(challenge.recipient(), Some(user(recipient).into()));
        let (languages, agent) = (Languages::default(), Agent::default());
        Dispatch { challenge, found, fate: Fate::Send, languages, agent, keys: Arc::clone(&self.keys) }
    }
}

pub(super) fn composer(site: Site) -> Composer {
    Composer::new(site, Templates::built_in().into())
}

fn user(recipient: &str) -> User {
    let (email, phone_number) =
        if recipient.contains('@') { (Some(recipient.into()), None) } else { (None, Some(recipient.into())) };
    User {
        id: "1".into(),
        email,
        phone_number,
        is_active: true,
        is_staff: false,
        is_superuser: false,
        epoch: "e".into(),
        claims: serde_json::Map::new(),
        locale: None,
    }
}

pub(super) fn site() -> Site {
    Site {
        name: "example.com".into(),
        host: "example.com".into(),
        is_https: true,
        link_url: "https://example.com/passwordless/link#{token}".into(),
        default_locale: Tag::ENGLISH,
        code_in_subject: false,
        browser_link: None,
    }
}

/// [`NOW`] and what has passed of tokio's time since.
pub(super) fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || NOW.plus(start.elapsed().as_secs()))
}

/// What a scripted carrier does with a message to this address.
type Script = Box<dyn Fn(&str) -> Result<(), SendError> + Send + Sync>;

/// A carrier that waits `takes`, then answers as `script` says, and tells the test to whom and after how many seconds.
pub(super) struct Scripted {
    takes: Duration,
    script: Script,
    start: Instant,
    tell: mpsc::UnboundedSender<(String, u64)>,
}

pub(super) fn scripted(
    takes: Duration,
    script: impl Fn(&str) -> Result<(), SendError> + Send + Sync + 'static,
) -> (Scripted, mpsc::UnboundedReceiver<(String, u64)>) {
    let (tell, told) = mpsc::unbounded_channel();
    (Scripted { takes, script: Box::new(script), start: Instant::now(), tell }, told)
}

impl Carrier for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn format(&self, message: &Message, at: UnixTime) -> Result<Outgoing, SendError> {
        Ok(Outgoing { id: message.id.clone(), written_at: at, to: message.to.clone(), body: Bytes::new() })
    }

    fn send<'a>(&'a self, outgoing: &'a Outgoing) -> Sending<'a> {
        let result = (self.script)(&outgoing.to);
        Box::pin(in_time(Duration::from_secs(10), async {
            sleep(self.takes).await;
            let _ = self.tell.send((outgoing.to.to_string(), self.start.elapsed().as_secs()));
            result
        }))
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}
