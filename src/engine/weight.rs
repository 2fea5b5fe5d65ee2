//! How much memory an answer of a directory takes.

use alloc::string::String;

use serde_json::{Map, Value};

use crate::user::User;

/// How many bytes of memory a user takes, about, and not less: claims take much more than their text.
pub(super) fn bytes_of_user(user: &User) -> usize {
    let optional = [&user.email, &user.phone_number, &user.locale].into_iter().flatten();
    let texts = optional.chain([&user.id, &user.epoch]).map(|text| text.len()).sum::<usize>();
    size_of::<User>() + texts + bytes_of_members(&user.claims)
}

/// What an allocator may round up, and keep for itself.
const ALLOCATED: usize = 16;
/// A node of a map, which has room for eleven members, and has five at least if it isn't the only one.
const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>()) + ALLOCATED;
/// A list is allocated for four, and then for twice as many, again and again.
const LIST: usize = 4;

fn bytes_of_members(map: &Map<String, Value>) -> usize {
    let members = map.iter().map(|(name, value)| ALLOCATED + name.len() + bytes_of(value));
    NODE * map.len().div_ceil(5) + members.sum::<usize>()
}

/// What a value holds beside itself.
fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => ALLOCATED + text.len(),
        Value::Array(list) => {
            ALLOCATED + size_of::<Value>() * LIST.max(2 * list.len()) + list.iter().map(bytes_of).sum::<usize>()
        }
        Value::Object(map) => bytes_of_members(map),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_claims(claims: &Value) -> User {
        serde_json::from_value(json!({ "id": "42", "is_active": true, "claims": claims })).expect("a user")
    }

    #[test]
    fn claims_count_by_what_they_take_and_not_by_their_text() {
        let plain = bytes_of_user(&with_claims(&json!({})));
        assert!((size_of::<User>()..1000).contains(&plain), "{plain}");
        let text = bytes_of_user(&with_claims(&json!({ "a": "x".repeat(10_000) })));
        assert!((10_000..12_000).contains(&text), "{text}");
        // Eight characters each, of which each is a map of its own.
        let maps = bytes_of_user(&with_claims(&json!({ "a": vec![json!({ "a": 1 }); 1000] })));
        assert!(maps > 1000 * 600, "{maps}");
    }
}
