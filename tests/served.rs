//! Against the binary, over HTTP and from the command line, with nothing else than this repository.

mod captcha;
#[cfg(feature = "mobile")]
mod ceilings;
mod chaos;
mod cli;
mod delivery;
mod ended;
mod events;
#[cfg(feature = "mobile")]
mod external;
mod fleet;
#[cfg(target_os = "linux")]
mod flood;
mod harness;
mod health;
#[cfg(target_os = "linux")]
mod hostile;
mod http;
mod journal;
mod readme;
mod relay;
#[cfg(feature = "mobile")]
mod reviewers;
mod serve;
mod shared_nothing;
