//! `send-test`: one real message, step by step, and what to change where it fails.

mod advice;
mod reach;

use std::sync::Arc;

use tokio::time::Instant;

use super::{ConfigFile, exit::Exit, print, sources};
use crate::{
    browser::agent::Agent,
    config::{
        Config,
        sections::{email::EmailWay, sms::SmsWay},
    },
    delivery::{Carrier, Languages, Message, Sample, Segments, SendError},
    recipient::{Channel, Recipient},
    serve::{StartError, assembly, clock},
    server::http::runtime::single_threaded,
    time::{Clock, UnixTime},
};

/// For whom, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Send an e-mail to this address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Send an SMS to this number.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// In this language, as de or pt-BR.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Through this section alone, as email_2. Without it: in order, until one takes the message.
    #[arg(long, value_name = "SECTION")]
    through: Option<String>,
}

/// One configured way for a message to leave.
struct Way {
    section: &'static str,
    /// What is called first, if that is known: where nothing answers, no more is tried.
    endpoint: Option<reach::Endpoint>,
    carrier: Result<Box<dyn Carrier>, StartError>,
}

/// Sends what was asked for. Where something didn't leave, the answer is no, and what to change was printed.
pub(super) fn send_test(arguments: &Arguments, file: &ConfigFile) -> Result<(), Exit> {
    let config = sources::load(file)?;
    let recipients = recipients(arguments, &config)?;
    let runtime = single_threaded().map_err(|error| Exit::Unavailable(format!("a runtime: {error}")))?;
    let mut is_everything_sent = true;
    for recipient in recipients {
        is_everything_sent &= runtime.block_on(send(arguments, &config, &recipient))?;
    }
    if is_everything_sent { Ok(()) } else { Err(Exit::No) }
}

fn recipients(arguments: &Arguments, config: &Config) -> Result<Vec<Recipient>, Exit> {
    let email = arguments.email.as_deref().map(|text| {
        Recipient::parse_email(text).map_err(|_| Exit::Usage(format!("countersign: --email: {text:?} is no e-mail address")))
    });
    let phone = arguments.phone.as_deref().map(|text| {
        let number = config.passwordless.phones.parse(text);
        number.map_err(|_| Exit::Usage(format!("countersign: --phone: {text:?} is no number that passwordless.* lets in")))
    });
    let recipients = email.into_iter().chain(phone).collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() {
        return Err(Exit::Usage(
            "countersign: say to whom: --email ann@example.com or --phone +12025550123; try '--help'".into(),
        ));
    }
    Ok(recipients)
}

/// Sends one message through the first way that takes it.
async fn send(arguments: &Arguments, config: &Config, recipient: &Recipient) -> Result<bool, Exit> {
    let policy = &config.passwordless.policy;
    let channel = recipient.channel();
    let kind = if channel == Channel::Email { "E-mail" } else { "SMS" };
    let agent = Agent::default();
    let languages = Languages { requested: arguments.locale.as_deref().map(Into::into), accepted: None };
    let (format, lifetime) = (policy.code_format.clone(), policy.challenge_lifetime);
    let sample = Sample { recipient: recipient.clone(), format, lifetime, languages, agent };
    let now = clock::now();
    let dispatch = sample.dispatch(now, &mut rand::rng());
    let message = assembly::composer(config).compose(&dispatch, now, &mut rand::rng());
    let message = message.map_err(|error| Exit::Unavailable(format!("a template fails: {error}")))?;
    print(&format!("{kind} to {}, written in {}", message.to, message.locale))?;
    print(&match channel {
        Channel::Email => format!(": \"{}\"\n", message.subject),
        Channel::Mobile => match Segments::of(&message.text) {
            Segments { is_gsm7: true, length, count } => format!(": {count} SMS ({length} characters of the GSM alphabet)\n"),
            Segments { length, count, .. } => {
                format!(": {count} SMS ({length} characters; one is outside of the GSM alphabet)\n")
            }
        },
    })?;
    if !policy.allows(channel) {
        print("Note: people can't ask for one: passwordless.allowed_passwordless_methods doesn't have this channel.\n")?;
    }
    let ways = ways(config, channel, arguments.through.as_deref());
    if ways.is_empty() {
        let section = if channel == Channel::Email { "email" } else { "sms" };
        print(&match &arguments.through {
            Some(through) => format!("Nothing is sent: [{through}] has no transport for this kind of message.\n"),
            None => format!("Nothing is sent: {section}.transport is \"discard\". Set it to what should carry messages.\n"),
        })?;
        return Ok(false);
    }
    for way in ways {
        if attempt(&way, &message, now).await? {
            // What stays on this machine has arrived.
            let after = match (&way.endpoint, channel) {
                (None, _) => "",
                (Some(_), Channel::Email) => "If it doesn't arrive within a minute, look for it among the spam. ",
                (Some(_), Channel::Mobile) => "If it doesn't arrive within a minute, look at the provider's own log. ",
            };
            print(&format!("{after}What it holds opens nothing.\n"))?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// One try through one way: whether it left.
async fn attempt(way: &Way, message: &Message, now: UnixTime) -> Result<bool, Exit> {
    let Way { section, endpoint, carrier } = way;
    let carrier = match carrier {
        Ok(carrier) => carrier,
        Err(error) => {
            print(&format!("[{section}] can't be used: {error}\n"))?;
            return Ok(false);
        }
    };
    let name = carrier.name();
    print(&format!("[{section}] {name}\n"))?;
    if let Some(endpoint) = endpoint
        && let Err(fault) = endpoint.reach(|step| print(&format!("  {step}\n"))).await?
    {
        print(&format!("  failed: {fault}\n  What to do: {}\n", advice::unreachable(section, endpoint, &fault)))?;
        return Ok(false);
    }
    let begun = Instant::now();
    let sent = match carrier.format(message, now) {
        Ok(outgoing) => carrier.send(&outgoing).await,
        Err(error) => Err(error),
    };
    let took = begun.elapsed().as_secs_f32();
    match sent {
        Ok(()) => {
            print(&format!("  sent in {took:.1} s; its id is {}\n", message.id))?;
            Ok(true)
        }
        Err(error) => {
            print(&format!("  failed after {took:.1} s: {}\n", error.reason()))?;
            if let Some(advice) = advice::failed(section, name, endpoint.as_ref(), &error) {
                print(&format!("  What to do: {advice}\n"))?;
            }
            if is_tried_again(&error) {
                print("  The server would try again by itself, until the code ends.\n")?;
            }
            Ok(false)
        }
    }
}

const fn is_tried_again(error: &SendError) -> bool {
    !matches!(error, SendError::Final(_) | SendError::Refused(_))
}

/// The configured ways, in order, or the one that was named.
fn ways(config: &Config, channel: Channel, through: Option<&str>) -> Vec<Way> {
    let clock: Clock = Arc::new(clock::now);
    let caller = assembly::caller(config, &clock);
    let ways: Vec<Way> = match channel {
        Channel::Email => {
            let way = |way: &EmailWay| Way {
                section: way.section,
                endpoint: reach::of_email(&way.transport),
                carrier: assembly::email_way(config, way, &caller),
            };
            config.email.ways.iter().map(way).collect()
        }
        Channel::Mobile => {
            let way = |way: &SmsWay| Way {
                section: way.section,
                endpoint: reach::of_sms(&way.transport),
                carrier: assembly::sms_way(way, &caller),
            };
            config.sms.ways.iter().map(way).collect()
        }
    };
    ways.into_iter().filter(|way| through.is_none_or(|through| through == way.section)).collect()
}
