//! Keys that the adapters of Amazon's services have.

use reqwest::Url;

use super::webhook::{read_key, read_provider};
use crate::{config::reader::judge::Section, delivery::carriers::aws::Key};

/// The key of an account, and where its service is: `service` is the first part of the host's name.
pub(crate) fn read_amazon(section: &Section<'_>, service: &str, why: &str) -> Option<(Url, Key)> {
    let region = section.required("region", why).and_then(|_| section.parse("region", parse_region));
    let access_key_id = read_key(section, "access_key_id", why);
    let secret_access_key = read_key(section, "secret_access_key", why);
    let region = region?;
    let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let api_base = read_provider(section, &format!("https://{service}.{region}.{end}"))?;
    let access_key_id = access_key_id?.expose().to_owned();
    Some((api_base, Key { region, access_key_id, secret_access_key: secret_access_key? }))
}

/// It becomes part of a host's name.
fn parse_region(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_plain && text.len() <= 30 { Ok(text.to_owned()) } else { Err("must be a region's name, such as eu-central-1".into()) }
}
