//! Integers beyond 64 bits in a JSON object. serde_json reads those as floating point numbers, which lose digits; a code
//! may have more than twenty.

/// The integer that is the value of the last member `name`, as it is written. `object` is a JSON object that was parsed
/// already; a name with escapes isn't found.
pub(crate) fn find<'o>(object: &'o [u8], name: &str) -> Option<&'o str> {
    let mut found = None;
    let mut depth = 0;
    let mut at = 0;
    while let Some(byte) = object.get(at) {
        match byte {
            b'"' => {
                let end = at + 1 + text_length(&object[at + 1..]);
                let after = object.get(end + 1..)?.trim_ascii_start();
                if depth == 1 && object[at + 1..end] == *name.as_bytes() && after.starts_with(b":") {
                    found = Some(integer(after[1..].trim_ascii_start()));
                }
                at = end;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    found?
}

/// How many bytes stand before the quote that ends a text.
fn text_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at).filter(|byte| **byte != b'"') {
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

/// The integer that `value` starts with, if that is all of the value.
fn integer(value: &[u8]) -> Option<&str> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = value.len() - digits.len() + count;
    let is_whole = !matches!(value.get(length), Some(b'.' | b'e' | b'E'));
    std::str::from_utf8(&value[..length]).ok().filter(|_| count > 0 && is_whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_member_of_the_object_itself_counts() {
        let found = |object: &str| find(object.as_bytes(), "a").map(str::to_owned);
        assert_eq!(found(r#"{"a":12}"#).as_deref(), Some("12"));
        assert_eq!(found(r#"{ "b" : {"a": 1}, "c": "a", "d": ["a", 2], "a" : -34 }"#).as_deref(), Some("-34"));
        assert_eq!(found(r#"{"a":1,"x":"\"a\":3","a":2}"#).as_deref(), Some("2"), "the last one counts");
        for none in ["{}", r#"{"a":1.5}"#, r#"{"a":1e5}"#, r#"{"a":true}"#, r#"{"a":1,"a":[2]}"#, r#"{"b":{"a":1}}"#] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[{}\\[\\]\"a:\\\\0-9. ]{0,40}") {
            let _ = (find(&bytes, "a"), find(text.as_bytes(), "a"));
        }
    }
}
