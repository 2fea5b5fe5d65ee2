//! JSON written by hand, for claims that are made on every request; serde_json reads it.

use alloc::vec::Vec;

/// Appends `text` as a JSON string, quotes included.
pub fn push_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    push_escaped(json, text);
    json.push(b'"');
}

/// Appends `text` as it stands in a JSON string, between the quotes.
pub fn push_escaped(json: &mut Vec<u8>, text: &str) {
    if text.as_bytes().iter().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\')) {
        let quoted = serde_json::to_vec(text).expect("a string is always JSON");
        json.extend_from_slice(&quoted[1..quoted.len() - 1]);
    } else {
        json.extend_from_slice(text.as_bytes());
    }
}

/// Appends `number` in decimal.
pub fn push_number(json: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit is less than 10");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    json.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_as_serde_json(text in any::<String>(), number in any::<u64>()) {
            let mut json = Vec::new();
            push_string(&mut json, &text);
            prop_assert_eq!(&json, &serde_json::to_vec(&text).unwrap());
            json.clear();
            push_number(&mut json, number);
            prop_assert_eq!(json, serde_json::to_vec(&number).unwrap());
        }
    }
}
