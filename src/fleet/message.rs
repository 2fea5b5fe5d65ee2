//! What is relayed: a request, its reply, and the fields that are sealed.

use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{HomesId, Incarnation};
use crate::{
    challenge::GuardId,
    crypto::{Canonical, Fields},
    network::Client,
    time::UnixTime,
};

/// Names and values of HTTP headers.
pub type Headers = Vec<(Box<str>, Box<[u8]>)>;

/// Whom a request is relayed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The guard that an authentic envelope names: its node redeems, in whatever epoch it is; the guard itself refuses
    /// envelopes of an earlier one.
    Guard(GuardId),
    /// A node, as a recipient's home.
    Home(Box<str>),
    /// A recipient's home that said that it is about to end: nobody else can be reached.
    LeavingHome(Box<str>),
}

/// A request to be relayed: what the deciding node needs of it, and no more.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayedRequest {
    /// To whom.
    pub target: Target,
    /// The node that sends it.
    pub sender: Box<str>,
    /// That node's list of nodes.
    pub homes: HomesId,
    /// The client, as this node believes it.
    pub client: Client,
    /// `POST`, …
    pub method: Box<str>,
    /// Path and query.
    pub path: Box<str>,
    /// The headers that matter, in their order.
    pub headers: Headers,
    /// The whole body.
    pub body: Box<[u8]>,
}

/// An answer on its way back.
#[derive(Clone, PartialEq, Eq)]
pub struct RelayedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that matter, in their order.
    pub headers: Headers,
    /// The whole body.
    pub body: Box<[u8]>,
}

/// What comes back.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// The answer: the request counted.
    Answer(RelayedAnswer),
    /// The request was for another life of the node, and nothing was done. This is the node's boot.
    Stale(Incarnation),
    /// The node is about to end, and what it made would be lost with it: nothing was done.
    Leaving,
}

impl RelayedRequest {
    /// Appends the fields.
    pub(crate) fn encode(&self, to: Vec<u8>, boot: Option<Incarnation>, now: UnixTime) -> Vec<u8> {
        let (kind, target) = match &self.target {
            Target::Guard(guard) => (0, guard.as_str()),
            Target::Home(node) => (1, &**node),
            Target::LeavingHome(node) => (2, &**node),
        };
        let fields = Canonical::resume(to).number(kind).text(target).text(&self.sender).bytes(self.homes.as_bytes());
        let fields = fields.bytes(boot.as_ref().map_or(&[], Incarnation::as_bytes)).number(now.as_seconds());
        let fields = match self.client.address {
            IpAddr::V4(v4) => fields.bytes(&v4.octets()),
            IpAddr::V6(v6) => fields.bytes(&v6.octets()),
        };
        let fields = fields.number(u64::from(self.client.stands_for_many));
        let fields = write_headers(fields.text(&self.method).text(&self.path), &self.headers);
        fields.bytes(&self.body).finish()
    }

    pub(crate) fn decode(encoded: &[u8]) -> Option<(Self, Option<Incarnation>, UnixTime)> {
        let mut fields = Fields::new(encoded);
        let target = match (fields.number()?, fields.text()?) {
            (0, guard) => Target::Guard(GuardId::new(guard)?),
            (1, node) => Target::Home(node.into()),
            (2, node) => Target::LeavingHome(node.into()),
            _ => return None,
        };
        let (sender, homes) = (fields.text()?.into(), HomesId::from_bytes(fields.bytes()?)?);
        let boot = match fields.bytes()? {
            [] => None,
            boot => Some(Incarnation::from_bytes(boot)?),
        };
        let sent_at = UnixTime::from_seconds(fields.number()?);
        let client = fields.bytes()?;
        let address = match (<[u8; 4]>::try_from(client), <[u8; 16]>::try_from(client)) {
            (Ok(v4), _) => IpAddr::V4(Ipv4Addr::from(v4)),
            (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from(v6)),
            _ => return None,
        };
        let stands_for_many = match fields.number()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let client = Client { address, stands_for_many };
        let (method, path) = (fields.text()?.into(), fields.text()?.into());
        let headers = read_headers(&mut fields)?;
        let body = fields.bytes()?.into();
        fields.end()?;
        Some((Self { target, sender, homes, client, method, path, headers, body }, boot, sent_at))
    }
}

impl Reply {
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Answer(answer) => &answer.body,
            Self::Stale(_) | Self::Leaving => &[],
        }
    }

    /// Appends the fields, after the list of nodes of the node that replies.
    pub(crate) fn encode(&self, homes: HomesId, to: Vec<u8>) -> Vec<u8> {
        let fields = Canonical::resume(to).bytes(homes.as_bytes());
        match self {
            Self::Answer(RelayedAnswer { status, headers, body }) => {
                write_headers(fields.number(0).number(u64::from(*status)), headers).bytes(body).finish()
            }
            Self::Stale(boot) => fields.number(1).bytes(boot.as_bytes()).finish(),
            Self::Leaving => fields.number(2).finish(),
        }
    }

    pub(crate) fn decode(encoded: &[u8]) -> Option<(HomesId, Self)> {
        let mut fields = Fields::new(encoded);
        let homes = HomesId::from_bytes(fields.bytes()?)?;
        let reply = match fields.number()? {
            0 => {
                let status = u16::try_from(fields.number()?).ok()?;
                let headers = read_headers(&mut fields)?;
                Self::Answer(RelayedAnswer { status, headers, body: fields.bytes()?.into() })
            }
            1 => Self::Stale(Incarnation::from_bytes(fields.bytes()?)?),
            2 => Self::Leaving,
            _ => return None,
        };
        fields.end()?;
        Some((homes, reply))
    }
}

fn write_headers(fields: Canonical<Vec<u8>>, headers: &Headers) -> Canonical<Vec<u8>> {
    headers.iter().fold(fields.number(headers.len() as u64), |fields, (name, value)| fields.text(name).bytes(value))
}

fn read_headers(fields: &mut Fields<'_>) -> Option<Headers> {
    let count = fields.number()?;
    (0..count).map(|_| Some((fields.text()?.into(), fields.bytes()?.into()))).collect()
}

impl fmt::Debug for RelayedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayedRequest").field("target", &self.target).finish_non_exhaustive()
    }
}

impl fmt::Debug for RelayedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayedAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => answer.fmt(f),
            Self::Stale(boot) => f.debug_tuple("Stale").field(boot).finish(),
            Self::Leaving => f.write_str("Leaving"),
        }
    }
}
