//! `[passwordless]`: who may log in, by which channel, with what kind of code, and how often.

use crate::policy::Policy;

/// The login rules.
#[derive(Clone, Debug)]
pub struct Passwordless {
    /// What the engine itself has to know.
    pub policy: Policy,
    /// The name of the e-mail field in requests.
    pub email_field: String,
    /// The name of the phone number field in requests.
    pub mobile_field: String,
    /// How often one challenge can be redeemed.
    pub max_token_uses: u32,
    /// How many wrong codes one challenge stands.
    pub max_attempts: u32,
    /// Whether a wrong code uses up one of `max_token_uses`.
    pub wrong_code_takes_use: bool,
    /// Seconds between two messages to one recipient from one client network; 0: off.
    pub throttle_seconds: u32,
    /// Messages an hour to one recipient on behalf of strangers; 0: off.
    pub max_messages_per_hour: u32,
    /// Messages an hour on behalf of one client network; 0: off.
    pub max_messages_per_network_per_hour: u32,
    /// Where a magic link leads; has one `{token}` or more.
    pub link_url: String,
    /// Which phone numbers are served.
    pub phone: PhoneRules,
    /// The name that messages and pages use.
    pub site_name: String,
}

/// Which phone numbers are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneRules {
    /// The region (ISO 3166-1 alpha-2, upper case) of numbers in national format; `None`: only international ones are read.
    pub default_region: Option<String>,
    /// The only regions served; empty: all.
    pub allowed_regions: Vec<String>,
    /// Prefixes that are refused, each `+` and digits.
    pub blocked_prefixes: Vec<String>,
}
