//! `[directory]`.

use super::{WHSEC, accepted, assert_refused};

#[test]
fn a_directory_needs_what_its_kind_needs() {
    assert_refused(&[
        ("[directory]\nkind = \"file\"", "directory.path", "required"),
        ("[directory]\nkind = \"file\"\npath = \"missing\"", "directory.path", "can't read"),
        ("[directory]\nkind = \"file\"\npath = \"secrets\"", "directory.path", ""),
        ("[directory]\nkind = \"file\"\npath = \"twins.json\"", "directory.path", "have the same \"email\""),
        (&format!("[directory]\nkind = \"http\"\nsecret = \"{WHSEC}\""), "directory.url", "required"),
        ("[directory]\nkind = \"http\"\nurl = \"https://a/\"", "directory.secret", "required"),
        ("[directory]\nkind = \"http\"\nurl = \"https://a/\"\nsecret = \"whsec_c2hvcnQ=\"", "directory.secret", "24 to 64"),
        (
            "[directory]\nkind = \"file\"\npath = \"users.json\"\n[passwordless]\nregister_nonexistent_users = true",
            "passwordless.register_nonexistent_users",
            "directory.kind",
        ),
    ]);
    let text = format!(
        "[directory]\nkind = \"http\"\nurl = \"https://a/\"\nsecret = \"{WHSEC}\"\n[passwordless]\nregister_nonexistent_users = true"
    );
    assert!(accepted(&text).passwordless.policy.registers);
    let inline = accepted("[directory]\nkind = \"file\"\npath = \"users.json\"\n[delivery]\nmode = \"inline\"");
    assert!(inline.warnings.iter().any(|warning| warning.starts_with("delivery.mode: ")), "{:?}", inline.warnings);
}
