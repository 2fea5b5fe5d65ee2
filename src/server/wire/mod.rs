//! What travels: bodies, fields, cookies, origins, addresses and problems, read and written.

pub(crate) mod base_path;
pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod cookies;
pub(crate) mod cors;
pub(crate) mod envelope;
pub(crate) mod etag;
pub(crate) mod fetch_metadata;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod origin;
pub(crate) mod phones;
pub(crate) mod problem;
pub(crate) mod public_url;
pub(crate) mod return_to;
pub(crate) mod session_cookies;
