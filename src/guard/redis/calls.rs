//! What each script is given. The heads of the scripts say what their keys and arguments are.

use super::{
    Pending, RedisGuard,
    names::{Names, Spot, Tagged},
    scripts::{Call, SCRIPTS, Script},
};
use crate::{
    guard::{
        Attempt, BreakerLimits, By, Request,
        counting::recent::seconds,
        rules::{self, Ceiling, Counter},
        taken::{Parts, Taken},
    },
    recipient::Recipient,
};

/// Hexadecimal digits that an epoch begins with: the challenge's own.
const NONCE: usize = 16;
/// The fields of a recipient's comparisons, by strangers.
const CODES: &str = "c";
const EXTERNAL: &str = "x";

/// A ceiling and its place in Redis: a table, and the spot there.
pub(super) struct Capped {
    key: String,
    spot: Spot,
    ceiling: Ceiling,
}

impl RedisGuard {
    /// `is_device` says whose comparisons count, and `request` how its message does; `crowded`, whether strangers need a proof.
    pub(super) fn admission(&self, names: &Names, request: &Request<'_>, is_device: bool, crowded: bool) -> Call {
        let tagged = names.of(request.recipient);
        let nonce = self.fresh.hex::<{ NONCE / 2 }>();
        let mut keys = vec![
            self.kept_key(names, &tagged),
            tagged.compared(),
            tagged.pauses_table(),
            tagged.proofs_table(),
            tagged.challenge(&nonce),
        ];
        let is_cluster = self.connections.is_cluster();
        let allowance = rules::to_start(&self.limits, request);
        let field = if request.by == By::External { EXTERNAL } else { CODES };
        let mut arguments = self.arguments(
            names,
            [
                nonce,
                request.now.plus(self.limits.challenge_lifetime).as_seconds().to_string(),
                u8::from(!is_cluster).to_string(),
                self.limits.throttle_seconds.to_string(),
                request.proof.map_or(0, |proof| seconds(proof.expires_at)).to_string(),
                field.to_owned(),
                limit(allowance.map(|allowance| allowance.strangers)),
                limit(allowance.filter(|_| is_device).map_or(Some(0), |allowance| Some(allowance.known))),
                u8::from(request.is_known).to_string(),
                if crowded { "crowded".to_owned() } else { u8::from(self.memory.is_unknown(request.now)).to_string() },
            ],
        );
        pauses(&tagged, request).into_iter().chain([proof_of(&tagged, request)]).for_each(|spot| spot.push(&mut arguments));
        let breaker = self.breaker(names, request.recipient).filter(|_| !is_cluster);
        self.push_breaker(&mut keys, &mut arguments, breaker, || tagged.no_key());
        if !is_cluster {
            push(&mut keys, &mut arguments, self.shared(names, request));
        }
        push(&mut keys, &mut arguments, self.own(&tagged, request));
        Call::new(&SCRIPTS.admit, keys, arguments)
    }

    pub(super) fn raising(&self, names: &Names, request: &Request<'_>, proved: bool) -> Call {
        let mut keys = vec![names.ceiling("key")];
        let mut arguments = self.arguments(names, [proved, request.is_known].map(|is_so| u8::from(is_so).to_string()));
        self.push_breaker(&mut keys, &mut arguments, self.breaker(names, request.recipient), || names.ceiling("key"));
        push(&mut keys, &mut arguments, self.shared(names, request));
        Call::new(&SCRIPTS.raise, keys, arguments)
    }

    /// Gives back what was taken, but for what [`RedisGuard::lowering`] gives back in a cluster.
    pub(super) fn withdrawal(&self, names: &Names, request: &Request<'_>, taken: &Taken) -> Call {
        self.giving_back(names, request, taken, None)
    }

    /// Gives back all that an admission counted for its recipient, so also the record of a challenge that nobody gets, and the
    /// proof: it counted for this request and no other.
    pub(super) fn undoing(&self, names: &Names, request: &Request<'_>, pending: &Pending) -> Call {
        self.giving_back(names, request, &pending.taken, Some(pending))
    }

    fn giving_back(&self, names: &Names, request: &Request<'_>, taken: &Taken, gone: Option<&Pending>) -> Call {
        let tagged = names.of(request.recipient);
        let mut keys = vec![
            self.kept_key(names, &tagged),
            tagged.pauses_table(),
            tagged.proofs_table(),
            tagged.challenge(gone.map_or("", |pending| nonce_of(&pending.epoch))),
        ];
        let mut arguments = self.arguments(names, [taken.paused_until.to_string()]);
        for spot in pauses(&tagged, request) {
            spot.push(&mut arguments);
        }
        let proof = request.proof.filter(|_| gone.is_some_and(|pending| pending.proved));
        arguments.push(proof.map_or(0, |proof| seconds(proof.expires_at)).to_string());
        proof_of(&tagged, request).push(&mut arguments);
        arguments.push(u8::from(gone.is_some()).to_string());
        let is_cluster = self.connections.is_cluster();
        let breaker = self.breaker(names, request.recipient).filter(|_| !is_cluster && taken.is_sent);
        self.push_breaker(&mut keys, &mut arguments, breaker, || tagged.no_key());
        let shared = self.shared(names, request).filter(|_| !is_cluster);
        let ceilings = shared.chain(self.own(&tagged, request)).zip(taken.parts(self.first_of_admission(request)));
        push_taken(&mut keys, &mut arguments, ceilings);
        Call::new(&SCRIPTS.withdraw, keys, arguments)
    }

    /// Gives back what [`RedisGuard::raising`] counted.
    pub(super) fn lowering(&self, names: &Names, request: &Request<'_>, taken: &Taken) -> Call {
        let (mut keys, mut arguments) = (vec![names.ceiling("key")], self.arguments(names, []));
        let breaker = self.breaker(names, request.recipient).filter(|_| taken.is_sent);
        self.push_breaker(&mut keys, &mut arguments, breaker, || names.ceiling("key"));
        push_taken(&mut keys, &mut arguments, self.shared(names, request).zip(taken.parts(0)));
        Call::new(&SCRIPTS.lower, keys, arguments)
    }

    /// Which of the ceilings is the first that an admission counts: those that recipients share come first, and in a cluster
    /// they are counted elsewhere.
    pub(super) fn first_of_admission(&self, request: &Request<'_>) -> usize {
        if !self.connections.is_cluster() {
            return 0;
        }
        rules::ceilings(&self.limits, request, request.is_known).filter(|ceiling| ceiling.counter != Counter::Recipient).count()
    }

    pub(super) fn trial(&self, names: &Names, script: &'static Script, attempt: &Attempt<'_>, result: &str) -> Call {
        let challenge = attempt.challenge.challenge();
        let tagged = names.of(attempt.challenge.recipient());
        let epoch = challenge.guard.epoch();
        let record = tagged.challenge(nonce_of(epoch));
        let mut keys = vec![self.kept_key(names, &tagged), record, tagged.compared()];
        let is_link = attempt.by == By::Link;
        let compared = rules::comparisons(&self.limits, attempt);
        let mut arguments = self.arguments(
            names,
            [
                epoch.to_owned(),
                challenge.expires_at.as_seconds().to_string(),
                self.limits.max_uses.to_string(),
                if is_link { 0 } else { self.limits.max_attempts }.to_string(),
                u8::from(self.limits.wrong_code_spends && matches!(attempt.by, By::Code | By::Resend)).to_string(),
                if attempt.by == By::External { EXTERNAL } else { CODES }.to_owned(),
                limit(compared.map(|(_, allowance)| allowance.strangers)),
                limit(Some(compared.map_or(0, |(is_known, allowance)| if is_known { allowance.known } else { 0 }))),
                limit(compared.map(|(_, allowance)| allowance.all)),
                result.to_owned(),
            ],
        );
        let breaker = self.breaker(names, attempt.challenge.recipient()).filter(|_| !self.connections.is_cluster());
        self.push_breaker(&mut keys, &mut arguments, breaker, || tagged.no_key());
        Call::new(script, keys, arguments)
    }

    /// Counts a message as redeemed where breakers are in another slot; `None` where there is none for it.
    pub(super) fn redemption(&self, names: &Names, recipient: &Recipient) -> Option<Call> {
        let breaker = self.breaker(names, recipient)?;
        let (mut keys, mut arguments) = (vec![names.ceiling("key")], self.arguments(names, []));
        self.push_breaker(&mut keys, &mut arguments, Some(breaker), || names.ceiling("key"));
        Some(Call::new(&SCRIPTS.redeem, keys, arguments))
    }

    /// The table and the spot of a recipient's breaker; `None` where there is none.
    fn breaker(&self, names: &Names, recipient: &Recipient) -> Option<(String, Spot)> {
        self.limits.breaker_of(recipient).map(|prefix| names.breaker(prefix))
    }

    /// A breaker as a key and four arguments; where there is none, with another key of the same slot.
    fn push_breaker(
        &self,
        keys: &mut Vec<String>,
        arguments: &mut Vec<String>,
        breaker: Option<(String, Spot)>,
        other_key: impl FnOnce() -> String,
    ) {
        let BreakerLimits { min_sent, min_conversion } = self.limits.breaker;
        let from = if breaker.is_some() { min_sent } else { 0 };
        let (key, spot) = breaker.unwrap_or_else(|| (other_key(), Spot { set: 0, name: 1 }));
        keys.push(key);
        spot.push(arguments);
        arguments.extend([from, min_conversion].map(|number| number.to_string()));
    }

    /// The arguments that all scripts have, and then those of one.
    pub(super) fn arguments<const N: usize>(&self, names: &Names, own: [String; N]) -> Vec<String> {
        let mut arguments = vec![names.key_text().to_owned(), u8::from(self.durable).to_string()];
        arguments.extend(own);
        arguments
    }

    /// Where a script about a recipient looks for the key of the counters.
    fn kept_key(&self, names: &Names, tagged: &Tagged<'_>) -> String {
        if self.connections.is_cluster() { tagged.no_key() } else { names.kept_key() }
    }

    /// The ceilings that count one recipient's messages.
    fn own<'a>(&self, tagged: &'a Tagged<'_>, request: &Request<'_>) -> impl Iterator<Item = Capped> + use<'a> {
        let spot = tagged.messages(request.is_known);
        let ceilings =
            rules::ceilings(&self.limits, request, request.is_known).filter(|ceiling| ceiling.counter == Counter::Recipient);
        ceilings.map(move |ceiling| Capped { key: tagged.messages_table(), spot, ceiling })
    }

    /// The ceilings that count messages of more than one recipient.
    pub(super) fn shared<'a>(&self, names: &'a Names, request: &Request<'a>) -> impl Iterator<Item = Capped> + use<'a> {
        let Request { recipient, network, is_known, .. } = *request;
        rules::ceilings(&self.limits, request, request.is_known).filter_map(move |ceiling| {
            let (key, spot) = match ceiling.counter {
                Counter::Channel(channel) => names.channel(channel),
                Counter::Prefix => names.prefix(rules::prefix(recipient.as_str())),
                Counter::Network => names.network(network),
                Counter::ChannelOfNetwork(channel) => names.share(network, is_known, channel.as_str()),
                Counter::PrefixOfNetwork => names.share(network, is_known, rules::prefix(recipient.as_str())),
                Counter::Recipient => return None,
            };
            Some(Capped { key, spot, ceiling })
        })
    }
}

impl Spot {
    /// As two arguments.
    fn push(self, arguments: &mut Vec<String>) {
        arguments.extend([self.set.to_string(), self.name.to_string()]);
    }
}

/// The pause that a request keeps to, and another that it begins: a message to a known device pauses its network, too.
fn pauses(tagged: &Tagged<'_>, request: &Request<'_>) -> [Spot; 2] {
    [tagged.pause(request.network, request.is_known), tagged.pause(request.network, false)]
}

/// Where the solved puzzle of a request is remembered.
fn proof_of(tagged: &Tagged<'_>, request: &Request<'_>) -> Spot {
    request.proof.map_or(Spot { set: 0, name: 1 }, |proof| tagged.proof(proof.id))
}

/// A limit as the scripts read it: -1 for none.
fn limit(most: Option<u32>) -> String {
    most.filter(|most| *most < u32::MAX).map_or(-1, i64::from).to_string()
}

/// The nonce in an epoch. An epoch that has none is current nowhere, whatever record it leads to.
fn nonce_of(epoch: &str) -> &str {
    epoch.get(..NONCE).unwrap_or(epoch)
}

fn push(keys: &mut Vec<String>, arguments: &mut Vec<String>, ceilings: impl IntoIterator<Item = Capped>) {
    for Capped { key, spot, ceiling } in ceilings {
        keys.push(key);
        spot.push(arguments);
        arguments.extend([ceiling.per_hour, ceiling.most, u32::from(ceiling.is_lifted)].map(|number| number.to_string()));
    }
}

fn push_taken(keys: &mut Vec<String>, arguments: &mut Vec<String>, taken: impl IntoIterator<Item = (Capped, Parts)>) {
    for (Capped { key, spot, .. }, parts) in taken {
        keys.push(key);
        spot.push(arguments);
        arguments.push(parts.get().to_string());
    }
}
