//! The colour of a brand, and what it makes of the pages' colours.
//!
//! Contrast is that of WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>: 4.5 for text (1.4.3).

use std::fmt;

/// A colour that text can be read in on one of the grounds at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent(Colour);

/// Red, green, blue.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Colour([u8; 3]);

/// The least contrast of text.
const READABLE: f64 = 4.5;
/// What a page's text stands on where it is light, and where it is dark: `--card` in `style.css`.
const GROUNDS: [Colour; 2] = [Colour([0xff, 0xff, 0xff]), Colour([0x15, 0x15, 0x18])];
const BLACK: Colour = Colour([0; 3]);
const WHITE: Colour = Colour([0xff; 3]);

impl Accent {
    /// Reads `#rrggbb`.
    ///
    /// # Errors
    /// It is no such colour, or can't be told from either ground; with the contrasts.
    pub fn parse(text: &str) -> Result<Self, String> {
        let colour = Colour::parse(text).ok_or_else(|| format!("{text:?} is no colour: write #rrggbb, as #0f62fe"))?;
        let contrasts = GROUNDS.map(|ground| colour.contrast(ground));
        if contrasts.iter().all(|contrast| *contrast < READABLE) {
            let [light, dark] = contrasts.map(rounded_down);
            let [on_light, on_dark] = GROUNDS;
            return Err(format!(
                "{colour} has a contrast of {light}:1 against the light ground ({on_light}) and {dark}:1 against the dark one ({on_dark}); \
                 one of them must be at least 4.5:1, so take a darker or a lighter colour"
            ));
        }
        Ok(Self(colour))
    }

    /// The variables of `style.css` that it sets, for both colour schemes.
    pub(in super::super) fn stylesheet(self) -> String {
        let [light, dark] = GROUNDS.map(|ground| self.variables(ground));
        format!(":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n")
    }

    /// What fills an icon, and what is drawn on it.
    pub(in super::super) fn icon(self) -> (String, String) {
        (self.0.to_string(), self.0.ink().to_string())
    }

    fn variables(self, ground: Colour) -> String {
        let Self(accent) = self;
        let ink = accent.ink();
        // Away from what is written on it, so that this is read no worse under the pointer.
        let strong = accent.mixed(if ink == WHITE { BLACK } else { WHITE }, 15);
        let readable = accent.readable_on(ground);
        format!("--accent:{accent};--accent-strong:{strong};--on-accent:{ink};--ring:{readable};--accent-text:{readable}")
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Colour {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// Relative luminance, 0 to 1: <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(other) / one.min(other)
    }

    /// Black or white, whichever is read better on it: one of them always has 4.58.
    fn ink(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// With so many hundredths of another colour.
    fn mixed(self, other: Self, percent: u16) -> Self {
        let mut mixed = self.0;
        for (channel, other) in mixed.iter_mut().zip(other.0) {
            let sum = u16::from(*channel) * (100 - percent) + u16::from(other) * percent;
            *channel = u8::try_from(sum / 100).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// It, or as little away from the ground as makes it readable there.
    fn readable_on(self, ground: Self) -> Self {
        let away = ground.ink();
        let tried = (0..=100).step_by(2).map(|percent| self.mixed(away, percent));
        tried.into_iter().find(|colour| colour.contrast(ground) >= READABLE).unwrap_or(away)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// With two decimals, and never more than it is: 4.499 is no 4.5.
fn rounded_down(contrast: f64) -> String {
    format!("{:.2}", (contrast * 100.0).floor() / 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Known from elsewhere: <https://webaim.org/resources/contrastchecker/>.
    #[test]
    fn contrasts_are_those_of_wcag() {
        for (one, other, contrast) in [
            ("#000000", "#ffffff", 21.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#ff0000", "#ffffff", 4.0),
            ("#0000ff", "#ffffff", 8.59),
            ("#ffff00", "#ffffff", 1.07),
        ] {
            let found = Colour::parse(one).unwrap().contrast(Colour::parse(other).unwrap());
            assert!((found - contrast).abs() < 0.006, "{one} {other}: {found}");
        }
    }

    #[test]
    fn what_can_be_read_on_neither_ground_is_refused_with_both_contrasts() {
        let reason = Accent::parse("#777777").unwrap_err();
        assert!(reason.contains("#777777 has a contrast of 4.47:1 against the light ground (#ffffff) and 4.06:1"), "{reason}");
        for good in ["#0f62fe", "#0F62FE", "#000000", "#ffffff", "#ffe066", "#767676", "#5e6ad2"] {
            assert_eq!(Accent::parse(good).unwrap().to_string(), good.to_ascii_lowercase());
        }
        for bad in
            ["", "0f62fe", "#0f62f", "#0f62fe0", "#0f62fg", "red", "#fff", "#+00000", "# 00000", "#\u{663}00000", "rgb(0,0,0)"]
        {
            assert!(Accent::parse(bad).unwrap_err().contains("#rrggbb"), "{bad:?}");
        }
    }

    #[test]
    fn the_grounds_are_those_of_the_stylesheet() {
        let style = include_str!("../assets/style.css");
        let cards: Vec<_> = style.split("--card: ").skip(1).filter_map(|rest| rest.split(';').next()).collect();
        assert_eq!(cards, GROUNDS.map(|ground| ground.to_string()));
        for name in ["--accent", "--accent-strong", "--on-accent", "--ring", "--accent-text"] {
            assert_eq!(style.matches(&format!("  {name}: ")).count(), 2, "{name}");
            assert!(Accent::parse("#0f62fe").unwrap().stylesheet().contains(&format!("{name}:#")), "{name}");
        }
    }

    /// The value of a variable in the light scheme and in the dark one.
    fn variable(stylesheet: &str, name: &str) -> [Colour; 2] {
        let start = format!("{name}:");
        let found: Vec<_> =
            stylesheet.split(['{', ';', '}']).filter_map(|rule| Colour::parse(rule.strip_prefix(&*start)?)).collect();
        <[Colour; 2]>::try_from(found).unwrap()
    }

    proptest! {
        /// Whatever colour somebody takes, what is written on it, under the pointer too, and in it can be read.
        #[test]
        fn every_accent_makes_readable_pages(red: u8, green: u8, blue: u8) {
            let Ok(accent) = Accent::parse(&Colour([red, green, blue]).to_string()) else { return Ok(()) };
            let stylesheet = accent.stylesheet();
            let [ink, strong, text, ring] = ["--on-accent", "--accent-strong", "--accent-text", "--ring"].map(|name| variable(&stylesheet, name));
            for at in 0..2 {
                prop_assert!(accent.0.contrast(ink[at]) >= READABLE);
                prop_assert!(strong[at].contrast(ink[at]) >= READABLE);
                prop_assert!(text[at].contrast(GROUNDS[at]) >= READABLE);
                prop_assert!(ring[at].contrast(GROUNDS[at]) >= 3.0);
            }
            prop_assert!(stylesheet.bytes().all(|byte| byte.is_ascii() && byte != b'<'));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,12}") {
            let _ = Accent::parse(&text);
        }
    }
}
