//! With what a code was asked for: names from fixed lists, found in a `User-Agent`. Its own words go nowhere.

/// How many bytes of a `User-Agent` are looked at. Those of browsers have about 120.
const LONGEST: usize = 512;

/// A browser and a system, as far as they can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// The browser.
    pub browser: Option<Browser>,
    /// What it runs on.
    pub system: Option<System>,
}

/// An enum whose values have names, each found by words of a `User-Agent`; a later one outweighs those before it.
macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($value:ident = $name:literal by $($word:literal)|+,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind {
            $(#[doc = $name] $value,)+
        }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// The name, as people know it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }

            fn of_word(word: &[u8]) -> Option<Self> {
                match word {
                    $($($word)|+ => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    };
}

names! {
    /// A browser that many people use. Most also say that they are Chrome or Safari.
    Browser {
        Safari = "Safari" by b"Safari",
        Chrome = "Chrome" by b"Chrome" | b"CriOS" | b"Chromium" | b"HeadlessChrome",
        Firefox = "Firefox" by b"Firefox" | b"FxiOS",
        Samsung = "Samsung Internet" by b"SamsungBrowser",
        Edge = "Edge" by b"Edg" | b"EdgA" | b"EdgiOS" | b"Edge",
        Opera = "Opera" by b"OPR" | b"Opera" | b"OPiOS" | b"OPT" | b"OPX",
        Vivaldi = "Vivaldi" by b"Vivaldi",
        Yandex = "Yandex Browser" by b"YaBrowser",
        DuckDuckGo = "DuckDuckGo" by b"Ddg" | b"DuckDuckGo",
        Brave = "Brave" by b"Brave",
    }
}

names! {
    /// An operating system. Many also say that they are another.
    System {
        Linux = "Linux" by b"Linux",
        MacOs = "macOS" by b"Macintosh",
        Android = "Android" by b"Android",
        ChromeOs = "ChromeOS" by b"CrOS",
        Windows = "Windows" by b"Windows",
        Ios = "iOS" by b"iPhone" | b"iPod",
        IPadOs = "iPadOS" by b"iPad",
    }
}

impl Agent {
    /// Reads a `User-Agent` (RFC 9110 §10.1.5), whatever it holds. What isn't on the lists is left out.
    #[must_use]
    pub fn read(user_agent: &[u8]) -> Self {
        let read = &user_agent[..user_agent.len().min(LONGEST)];
        let (mut agent, mut is_part_of_an_app) = (Self::default(), false);
        for word in read.split(|byte| matches!(byte, b' ' | b'\t' | b';' | b',' | b'(' | b')')) {
            let word = word.split(|byte| *byte == b'/').next().unwrap_or_default();
            agent.browser = agent.browser.max(Browser::of_word(word));
            agent.system = agent.system.max(System::of_word(word));
            is_part_of_an_app |= word == b"wv";
        }
        // Android's own views, and others that are built with the same engine, call themselves Safari too.
        let is_apple = matches!(agent.system, Some(System::Ios | System::IPadOs | System::MacOs));
        if is_part_of_an_app || agent.browser == Some(Browser::Safari) && !is_apple {
            agent.browser = None;
        }
        agent
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(user_agent: &str) -> (Option<&str>, Option<&str>) {
        let agent = Agent::read(user_agent.as_bytes());
        (agent.browser.map(Browser::name), agent.system.map(System::name))
    }

    #[test]
    fn browsers_are_known_by_what_they_say_beside_chrome_and_safari() {
        for (user_agent, browser, system) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome",
                "Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox", "Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari",
                "iOS",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
                "Chrome",
                "iPadOS",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari",
                "macOS",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge",
                "Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
                "Samsung Internet",
                "Android",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0",
                "Opera",
                "ChromeOS",
            ),
        ] {
            assert_eq!(names(user_agent), (Some(browser), Some(system)), "{user_agent}");
        }
    }

    #[test]
    fn what_is_no_browser_has_no_name() {
        for user_agent in ["", "curl/8.5.0", "python-requests/2.32", "Go-http-client/2.0", "firefox", "Chrom", "\u{0}\r\n"] {
            assert_eq!(names(user_agent), (None, None), "{user_agent:?}");
        }
        let view = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/121.0.0.0 Mobile Safari/537.36";
        assert_eq!(names(view), (None, Some("Android")));
        let other = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15";
        assert_eq!(names(other), (None, Some("Linux")));
        let late = format!("{}Firefox/145.0", " ".repeat(LONGEST));
        assert_eq!(names(&late), (None, None), "what comes that late isn't looked at");
    }

    proptest! {
        #[test]
        fn whatever_is_sent_names_come_from_the_lists(words in prop::collection::vec(prop_oneof![".{0,8}", "Chrome|Safari|Edg|iPhone|Windows|wv|<b>|/|;|\\(|\\)|, "], 0..40)) {
            let agent = Agent::read(words.concat().as_bytes());
            prop_assert!(agent.browser.is_none_or(|browser| Browser::ALL.contains(&browser)));
            prop_assert!(agent.system.is_none_or(|system| System::ALL.contains(&system)));
            prop_assert_eq!(agent, Agent::read(words.concat().as_bytes()));
        }

        #[test]
        fn bytes_that_are_no_text_are_read_too(bytes in prop::collection::vec(any::<u8>(), 0..1024)) {
            let _ = Agent::read(&bytes);
        }
    }

    #[test]
    fn names_are_short_plain_text() {
        let names = Browser::ALL.iter().map(|browser| browser.name()).chain(System::ALL.iter().map(|system| system.name()));
        for name in names {
            assert!(
                (3..=16).contains(&name.len()) && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_alphabetic()),
                "{name}"
            );
        }
    }
}
