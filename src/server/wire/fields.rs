//! The fields of a request's body, whatever type it came in, and what is wrong with them, in the original's words.

use std::borrow::Cow;

/// Told about a field that is needed and isn't there.
pub(crate) const REQUIRED: &str = "This field is required.";
/// Told about a field that is empty or white space.
pub(crate) const BLANK: &str = "This field may not be blank.";
/// Told about a field that is `null`.
pub(crate) const NULL: &str = "This field may not be null.";
/// Told about a field that is no text.
pub(crate) const NOT_A_STRING: &str = "Not a valid string.";

/// Told about a field that is neither true nor false.
pub(crate) const NOT_A_BOOLEAN: &str = "Must be a valid boolean.";

/// The fields of one body. Where a name stands twice, the last one counts.
#[derive(Debug, Default)]
pub(crate) struct Fields<'b> {
    entries: Vec<(Cow<'b, str>, Given<'b>)>,
    /// A form can't leave a field out of an input that is there, so an empty optional field is an absent one.
    form: bool,
}

/// What was given for one field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given<'b> {
    /// A text.
    Text(Cow<'b, str>),
    /// A JSON integer, as its decimal digits.
    Integer(&'b str),
    /// JSON `true` or `false`.
    Boolean(bool),
    /// JSON `null`.
    Null,
    /// Anything else: a fraction, an array, an object, a file.
    Other,
}

/// What is wrong, field by field.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors(Vec<(Box<str>, Cow<'static, str>)>);

impl<'b> Fields<'b> {
    /// The fields of a JSON object.
    pub(crate) fn of_json(entries: Vec<(Cow<'b, str>, Given<'b>)>) -> Self {
        Self { entries, form: false }
    }

    /// The fields of a form.
    pub(crate) fn of_form(entries: Vec<(Cow<'b, str>, Given<'b>)>) -> Self {
        Self { entries, form: true }
    }

    /// Whether a value was given under this name: not `null`, and in a form not an empty one.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        !self.is_empty_input(name) && self.get(name).is_some_and(|given| *given != Given::Null)
    }

    /// Whether anything was given under this name, `null` too: that is a wrong value, not a missing one.
    pub(crate) fn is_given_at_all(&self, name: &str) -> bool {
        !self.is_empty_input(name) && self.get(name).is_some()
    }

    /// A text that has to be there, trimmed.
    pub(crate) fn required(&self, name: &str, errors: &mut FieldErrors) -> Option<&str> {
        self.text(name, errors).or_else(|| {
            errors.add_if_none(name, REQUIRED);
            None
        })
    }

    /// A text that may be left out, trimmed.
    pub(crate) fn optional(&self, name: &str, errors: &mut FieldErrors) -> Option<&str> {
        if self.is_empty_input(name) { None } else { self.text(name, errors) }
    }

    /// A text that has to be there, trimmed; a JSON integer is its decimal digits.
    pub(crate) fn required_token(&self, name: &str, errors: &mut FieldErrors) -> Option<&str> {
        match self.get(name) {
            Some(Given::Integer(digits)) => Some(digits),
            _ => self.required(name, errors),
        }
    }

    /// A text that may be left out, as it was sent.
    pub(crate) fn verbatim(&self, name: &str, errors: &mut FieldErrors) -> Option<&str> {
        self.optional(name, errors)?;
        if let Some(Given::Text(text)) = self.get(name) { Some(text) } else { None }
    }

    /// A switch, which is off where nothing is said: a JSON boolean, `true` or `false` in a form.
    pub(crate) fn switch(&self, name: &str, errors: &mut FieldErrors) -> bool {
        match self.get(name) {
            None => false,
            Some(Given::Boolean(switch)) => *switch,
            Some(Given::Text(text)) if self.form && matches!(&**text, "true" | "false") => text == "true",
            Some(given) => {
                errors.add(name, if *given == Given::Null { NULL } else { NOT_A_BOOLEAN });
                false
            }
        }
    }

    fn text(&self, name: &str, errors: &mut FieldErrors) -> Option<&str> {
        let wrong = match self.get(name)? {
            Given::Text(text) => match text.trim() {
                "" => BLANK,
                text => return Some(text),
            },
            Given::Null => NULL,
            Given::Integer(_) | Given::Boolean(_) | Given::Other => NOT_A_STRING,
        };
        errors.add(name, wrong);
        None
    }

    fn is_empty_input(&self, name: &str) -> bool {
        self.form && matches!(self.get(name), Some(Given::Text(text)) if text.trim().is_empty())
    }

    fn get(&self, name: &str) -> Option<&Given<'b>> {
        self.entries.iter().rev().find(|(known, _)| known == name).map(|(_, given)| given)
    }
}

impl FieldErrors {
    /// Adds an error about a field.
    pub(crate) fn add(&mut self, name: &str, message: impl Into<Cow<'static, str>>) {
        self.0.push((name.into(), message.into()));
    }

    /// Nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each field with what is wrong with it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, message)| (&**name, &**message))
    }

    /// Adds an error about a field that has none yet.
    pub(crate) fn add_if_none(&mut self, name: &str, message: &'static str) {
        if !self.0.iter().any(|(known, _)| **known == *name) {
            self.add(name, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(entries: Vec<(&'static str, Given<'static>)>, form: bool) -> Fields<'static> {
        Fields { entries: entries.into_iter().map(|(name, given)| (name.into(), given)).collect(), form }
    }

    fn error_of(fields: &Fields<'_>, read: impl Fn(&Fields<'_>, &mut FieldErrors) -> bool) -> Option<String> {
        let mut errors = FieldErrors::default();
        let read = read(fields, &mut errors);
        let found = errors.iter().map(|(_, message)| message.to_owned()).next();
        assert!(!(read && found.is_some()), "a field is read or wrong, never both");
        found
    }

    #[test]
    fn each_way_to_be_wrong_has_its_words() {
        let text = |text: &'static str| Given::Text(text.into());
        let given = fields(
            vec![
                ("ok", text(" x ")),
                ("blank", text(" \t")),
                ("null", Given::Null),
                ("other", Given::Other),
                ("n", Given::Integer("7")),
            ],
            false,
        );
        let required = |name: &'static str| error_of(&given, move |f, e| f.required(name, e).is_some());
        assert_eq!(required("ok"), None);
        assert_eq!(required("absent").as_deref(), Some(REQUIRED));
        assert_eq!(required("blank").as_deref(), Some(BLANK));
        assert_eq!(required("null").as_deref(), Some(NULL));
        assert_eq!(required("other").as_deref(), Some(NOT_A_STRING));
        assert_eq!(required("n").as_deref(), Some(NOT_A_STRING));
        let mut errors = FieldErrors::default();
        assert_eq!(given.required_token("n", &mut errors), Some("7"));
        assert_eq!(given.required("ok", &mut errors), Some("x"));
        assert_eq!(given.verbatim("ok", &mut errors), Some(" x "));
        assert_eq!((given.optional("absent", &mut errors), given.verbatim("absent", &mut errors)), (None, None));
        assert!(errors.is_empty());
    }

    #[test]
    fn an_empty_optional_field_is_absent_in_a_form_only() {
        let entries = || vec![("locale", Given::Text("".into()))];
        assert_eq!(error_of(&fields(entries(), true), |f, e| f.optional("locale", e).is_some()), None);
        assert_eq!(error_of(&fields(entries(), false), |f, e| f.optional("locale", e).is_some()).as_deref(), Some(BLANK));
    }

    #[test]
    fn a_switch_is_a_boolean_or_the_word_for_one_in_a_form() {
        let switch = |given: Option<Given<'static>>, form: bool| {
            let mut errors = FieldErrors::default();
            let read = fields(given.into_iter().map(|given| ("s", given)).collect(), form).switch("s", &mut errors);
            let wrong = errors.iter().next().map(|(_, message)| message.to_owned());
            (read, wrong)
        };
        let text = |text: &'static str| Some(Given::Text(text.into()));
        for form in [false, true] {
            assert_eq!(switch(None, form), (false, None));
            assert_eq!(switch(Some(Given::Boolean(true)), form), (true, None));
            assert_eq!(switch(Some(Given::Boolean(false)), form), (false, None));
            assert_eq!(switch(Some(Given::Null), form), (false, Some(NULL.into())));
            for wrong in [Some(Given::Integer("1")), Some(Given::Other), text("yes"), text("True"), text("1"), text("on")] {
                assert_eq!(switch(wrong, form), (false, Some(NOT_A_BOOLEAN.into())));
            }
        }
        assert_eq!((switch(text("true"), true), switch(text("false"), true)), ((true, None), (false, None)));
        assert_eq!(switch(text(""), true), (false, Some(NOT_A_BOOLEAN.into())), "neither, and nobody knows which was meant");
        assert_eq!(switch(text("true"), false), (false, Some(NOT_A_BOOLEAN.into())), "JSON has booleans");
    }

    #[test]
    fn the_last_of_two_counts() {
        let given = fields(vec![("a", Given::Text("1".into())), ("a", Given::Text("2".into()))], false);
        assert_eq!(given.required("a", &mut FieldErrors::default()), Some("2"));
    }
}
