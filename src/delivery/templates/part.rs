//! The four layouts of a message, as they are built in.

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
    Sms,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Subject, Self::Text, Self::Html, Self::Sms];

    /// Its file's name.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Subject => "email.subject.txt",
            Self::Text => "email.txt",
            Self::Html => "email.html",
            Self::Sms => "sms.txt",
        }
    }

    /// Its template.
    pub(super) const fn built_in(self) -> &'static str {
        match self {
            Self::Subject => include_str!("email.subject.txt"),
            Self::Text => include_str!("email.txt"),
            Self::Html => include_str!("email.html"),
            Self::Sms => include_str!("sms.txt"),
        }
    }
}
