//! What people type and gateways append is read as what was meant.

use super::desk::{Desk, invalid};

#[test]
fn a_code_is_read_whatever_the_keyboard_and_whatever_was_copied_with_it() {
    let arabic = |code: &str| -> String { code.chars().map(|digit| char::from_u32(digit as u32 + 0x630).unwrap()).collect() };
    let wide = |code: &str| -> String { code.chars().map(|digit| char::from_u32(digit as u32 + 0xfee0).unwrap()).collect() };
    let typings: [&dyn Fn(&str) -> String; 6] = [
        &arabic,
        &wide,
        &|code| format!("{} {}", &code[..3], &code[3..]),
        &|code| format!("\u{200e}{}–{}\u{200f}", &code[..3], &code[3..]),
        &|code| format!("\u{2068}{code}\u{2069}\u{feff}"),
        &|code| code.chars().flat_map(|digit| [digit, '\u{200b}']).collect(),
    ];
    for typed in typings {
        let desk = Desk::new();
        let begun = desk.begin();
        let code = typed(&desk.last_message().0);
        assert!(desk.redeem(&begun.envelope, &code).is_ok(), "{code:?}");
    }
}

#[test]
fn what_is_read_as_nothing_or_as_another_code_is_wrong_and_counted() {
    let desk = Desk::new();
    let begun = desk.begin();
    let code = desk.last_message().0;
    for (typed, left) in [("\u{200b}\u{2013}".to_owned(), 2), (format!("{code}0"), 1), (format!("{code}."), 0)] {
        assert_eq!(desk.redeem(&begun.envelope, &typed).unwrap_err(), invalid(left), "{typed:?}");
    }
}

#[test]
fn a_link_token_ends_where_what_a_gateway_appended_begins() {
    for tail in [".", ")", "...", ").", "&utm_source=mail", "?x=1", "%20", "\u{201d}", ">", "\u{200b}", "]", "\"", ". Regards"] {
        let desk = Desk::new();
        desk.begin();
        let link = desk.last_message().1;
        assert!(desk.redeem_link(&format!("{link}{tail}")).is_ok(), "{tail:?}");
    }
    let desk = Desk::new();
    desk.begin();
    let link = desk.last_message().1;
    for forged in [format!("{link}A"), format!("{link}.x"), link[..link.len() - 1].to_owned(), format!("{}.", &link[..40])] {
        assert_eq!(desk.redeem_link(&forged).unwrap_err(), invalid(None), "{forged}");
    }
}
