//! Values by their kind: what was given is one, or the reason why not.

use zeroize::Zeroizing;

use super::{
    schema::Kind,
    shown::{self, quoted},
    source::Raw,
    suggest::closest,
};

/// A value of a key's kind.
pub(super) enum Value {
    Text(Zeroizing<String>),
    Choice(&'static str),
    Number(u64),
    Probability(f64),
    Switch(bool),
    Texts(Vec<Zeroizing<String>>),
    Table(Vec<(String, String)>),
}

impl Value {
    /// The value where nothing is given.
    pub(super) fn default_of(kind: Kind) -> Self {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        match kind {
            Kind::Text(default) => Self::Text(text(default)),
            Kind::Url | Kind::Secret | Kind::TextOrTable => Self::Text(text("")),
            Kind::Secrets | Kind::SecretOrSecrets | Kind::TextOrTexts => Self::Texts(Vec::new()),
            Kind::Choice(choices) => Self::Choice(choices[0]),
            Kind::Number { default, .. } => Self::Number(default),
            Kind::Probability(default) | Kind::Share(default) => Self::Probability(default),
            Kind::Switch(default) => Self::Switch(default),
            Kind::Texts(defaults) => Self::Texts(defaults.iter().map(|default| text(default)).collect()),
        }
    }

    /// What was given, as a value of this kind, or why it is none.
    pub(super) fn judge(kind: Kind, raw: &Raw) -> Result<Self, String> {
        match (kind, raw) {
            (Kind::Text(_) | Kind::Url | Kind::Secret, Raw::Text(text) | Raw::Variable(text)) => Ok(Self::Text(text.clone())),
            (Kind::Text(_) | Kind::Url | Kind::Secret, other) => Err(format!("must be a text, not {}", other.noun())),
            (Kind::Choice(choices), Raw::Text(text) | Raw::Variable(text)) => Self::judge_choice(choices, text),
            (Kind::Choice(choices), other) => Err(format!("must be one of {}, not {}", choices.join(", "), other.noun())),
            (Kind::Number { min, max, .. }, raw) => Self::judge_number(min, max, raw),
            (Kind::Probability(_), raw) => Self::judge_probability(raw),
            (Kind::Share(_), raw) => Self::judge_share(raw),
            (Kind::Switch(_), Raw::Switch(switch)) => Ok(Self::Switch(*switch)),
            (Kind::Switch(_), Raw::Variable(text)) => match text.trim() {
                "true" => Ok(Self::Switch(true)),
                "false" => Ok(Self::Switch(false)),
                other => Err(format!("must be true or false, not {}", quoted(other))),
            },
            (Kind::Switch(_), other) => Err(format!("must be true or false, not {}", other.noun())),
            (Kind::Texts(_) | Kind::Secrets | Kind::TextOrTexts | Kind::SecretOrSecrets, Raw::Variable(text)) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Self::Texts(items.map(|item| Zeroizing::new(item.to_owned())).collect()))
            }
            (Kind::TextOrTexts | Kind::SecretOrSecrets, Raw::Text(text)) => {
                Ok(Self::Texts(Some(text.clone()).filter(|text| !text.is_empty()).into_iter().collect()))
            }
            (Kind::Texts(_) | Kind::Secrets | Kind::TextOrTexts | Kind::SecretOrSecrets, Raw::List(items)) => {
                let text = |item: &Raw| match item {
                    Raw::Text(text) => Ok(text.clone()),
                    other => Err(format!("must be a list of texts; one of them is {}", other.noun())),
                };
                items.iter().map(text).collect::<Result<_, _>>().map(Self::Texts)
            }
            (Kind::TextOrTable, Raw::Variable(text)) if text.contains('=') => Self::judge_entries(text),
            (Kind::TextOrTable, Raw::Text(text) | Raw::Variable(text)) => Ok(Self::Text(text.clone())),
            (Kind::TextOrTable, Raw::Table(entries)) => Self::judge_table(entries),
            (Kind::TextOrTable, other) => Err(format!("must be a text or a table of texts, not {}", other.noun())),
            (Kind::Texts(_) | Kind::Secrets, other) => Err(format!("must be a list of texts, not {}", other.noun())),
            (Kind::TextOrTexts | Kind::SecretOrSecrets, other) => {
                Err(format!("must be a text or a list of texts, not {}", other.noun()))
            }
        }
    }

    /// A table as a variable has it: `a=…,b=…`.
    fn judge_entries(text: &str) -> Result<Self, String> {
        let mut entries: Vec<(String, String)> = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let Some((name, value)) = item.split_once('=') else {
                return Err(format!("{} has no name; write a table as a=…,b=…, or one text without \"=\"", quoted(item)));
            };
            let name = name.trim_end();
            if entries.iter().any(|(known, _)| known == name) {
                return Err(format!("has two entries for {}", quoted(name)));
            }
            entries.push((name.to_owned(), value.trim_start().to_owned()));
        }
        entries.sort();
        Ok(Self::Table(entries))
    }

    /// A table of the file.
    fn judge_table(entries: &[(String, Raw)]) -> Result<Self, String> {
        let entry = |(name, value): &(String, Raw)| match value {
            Raw::Text(text) => Ok((name.clone(), text.to_string())),
            Raw::Table(_) => Err(format!(
                "must be a table of texts, but {} is a table itself; a name with a dot stands in quotes, as \"a.b\" = \"…\"",
                quoted(name)
            )),
            other => Err(format!(
                "must be a table of texts, but {} is {}; the section's other keys stand above the table",
                quoted(name),
                other.noun()
            )),
        };
        entries.iter().map(entry).collect::<Result<_, _>>().map(Self::Table)
    }

    fn judge_choice(choices: &'static [&'static str], text: &str) -> Result<Self, String> {
        if let Some(choice) = choices.iter().find(|choice| **choice == text) {
            return Ok(Self::Choice(choice));
        }
        let hint = closest(text, choices.iter().copied()).filter(|_| !text.is_empty());
        let hint = hint.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        let names = choices.iter().filter(|choice| !choice.is_empty()).copied().collect::<Vec<_>>().join(", ");
        Err(format!("{} is none of {names}{hint}", quoted(text)))
    }

    fn judge_number(min: u64, max: u64, raw: &Raw) -> Result<Self, String> {
        let number = match raw {
            Raw::Integer(number) => *number,
            Raw::Variable(text) => text.trim().parse().map_err(|_| format!("must be a whole number, not {}", quoted(text)))?,
            other => return Err(format!("must be a whole number, not {}", other.noun())),
        };
        let fitting = u64::try_from(number).ok().filter(|number| (min..=max).contains(number));
        fitting.map(Self::Number).ok_or_else(|| format!("must be {min} to {max}, not {number}"))
    }

    fn judge_probability(raw: &Raw) -> Result<Self, String> {
        let number = Self::judge_decimal(raw)?;
        if number > 0.0 && number <= 1.0 {
            Ok(Self::Probability(number))
        } else {
            Err(format!("must be above 0 and at most 1, not {number}"))
        }
    }

    fn judge_share(raw: &Raw) -> Result<Self, String> {
        let number = Self::judge_decimal(raw)?;
        if (0.0..=1.0).contains(&number) { Ok(Self::Probability(number)) } else { Err(format!("must be 0 to 1, not {number}")) }
    }

    fn judge_decimal(raw: &Raw) -> Result<f64, String> {
        #[allow(clippy::cast_precision_loss, reason = "only 0 and 1 pass")]
        Ok(match raw {
            Raw::Decimal(number) => *number,
            Raw::Integer(number) => *number as f64,
            Raw::Variable(text) => text.trim().parse().map_err(|_| format!("must be a number, not {}", quoted(text)))?,
            other => return Err(format!("must be a number, not {}", other.noun())),
        })
    }

    /// As TOML, with secrets masked.
    pub(super) fn shown(&self, kind: Kind) -> String {
        match self {
            Self::Text(text) if kind.is_secret() => shown::masked(text),
            Self::Text(text) if matches!(kind, Kind::Url) => quoted(&shown::masked_url(text)),
            Self::Text(text) => quoted(text),
            Self::Table(entries) => shown::table(entries.iter().map(|(name, text)| (&**name, &**text))),
            Self::Choice(word) => quoted(word),
            Self::Number(number) => number.to_string(),
            Self::Probability(number) => shown::number(*number),
            Self::Switch(switch) => switch.to_string(),
            Self::Texts(texts) if kind.is_secret() => format!("[{}]", vec!["\"***\""; texts.len()].join(", ")),
            Self::Texts(texts) => shown::list(texts.iter().map(|text| text.as_str())),
        }
    }
}
