//! Whatever is written into a configuration is judged without a panic.

use countersign::config::schema::{Kind, SECTIONS};
use proptest::prelude::*;

use super::{judge, judge_with};

proptest! {
    #[test]
    fn no_toml_makes_it_panic(lines in proptest::collection::vec(any_line(), 0..30)) {
        let _ = judge(&lines.join("\n"));
    }

    #[test]
    fn no_section_makes_it_panic(section in 0..SECTIONS.len(), lines in proptest::collection::vec(any_line(), 0..8)) {
        let text = format!("[{}]\n{}", SECTIONS[section].name, lines.join("\n"));
        if let Err(faults) = judge(&text) {
            prop_assert!(!faults.as_slice().is_empty());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", bytes in ".{0,60}") {
        let _ = judge(&text);
        let _ = judge_with("", &[("COUNTERSIGN_SERVER__LISTEN", &bytes), ("COUNTERSIGN_SERVER__PUBLIC_URL", &text), (&format!("COUNTERSIGN_{bytes}__{text}").replace(['\0', '='], ""), "")]);
    }
}

/// Keys of the schema, with values of all kinds, well-formed or not.
fn any_line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| key.name)).collect();
    let sections: Vec<String> = SECTIONS.iter().map(|section| format!("[{}]", section.name)).collect();
    let words: Vec<&str> = SECTIONS
        .iter()
        .flat_map(|section| section.keys)
        .flat_map(|key| if let Kind::Choice(words) = key.kind { words } else { &[] })
        .copied()
        .collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<bool>().prop_map(|switch| switch.to_string()),
        ".{0,20}".prop_map(|text| format!("{text:?}")),
        "[a-z]{1,6}://[a-z:@{}/?#%]{0,12}".prop_map(|text| format!("{text:?}")),
        proptest::collection::vec("[a-z0-9./:*]{0,12}", 0..4).prop_map(|texts| format!("{texts:?}")),
        proptest::sample::select(words).prop_map(|word| format!("{word:?}")),
        Just("{ a = 1 }".to_owned()),
        ".{0,12}",
    ];
    prop_oneof![
        1 => proptest::sample::select(sections),
        6 => (proptest::sample::select(keys), value).prop_map(|(key, value)| format!("{key} = {value}")),
    ]
}
