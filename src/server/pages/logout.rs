//! The page of `logout/`: one button that ends the session. It needs no script.

use std::sync::LazyLock;

use http_body_util::Full;
use hyper::{
    Response,
    body::Bytes,
    header::{self, HeaderValue},
};
use minijinja::{AutoEscape, Environment, Value, context};

use super::{CONTENT_SECURITY_POLICY, HTML, Pages, with_headers};
use crate::{
    delivery::Languages,
    server::{call::Answer, wire::return_to::ReturnTo},
};

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_template("logout", include_str!("logout.html")).expect("a test parses the built-in pages");
    templates
});

/// A page that was rendered for one visit.
#[derive(Debug)]
pub(crate) struct Page {
    html: String,
    policy: String,
}

impl Page {
    pub(crate) fn into_answer(self) -> Answer {
        let answer = Response::new(Full::new(Bytes::from(self.html)));
        let mut answer = with_headers(answer, HTML, CONTENT_SECURITY_POLICY, "no-store");
        let policy = HeaderValue::from_str(&self.policy).expect("origins are printable ASCII");
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        answer
    }
}

impl Pages {
    /// Asks whoever is signed in as `account` whether to end that. Afterwards the browser is led back to `return_to`.
    pub(crate) fn logout(&self, wanted: &Languages, account: Option<&str>, return_to: Option<&ReturnTo>) -> Page {
        let language = &self.version(wanted).language;
        let template = TEMPLATES.get_template("logout").expect("it was added");
        let html = template.render(context! {
            language => language.as_str(),
            direction => language.direction(),
            sign_out => sign_out(language.as_str()),
            base => Value::from_safe_string(self.base_path.clone()),
            account,
            return_to => return_to.map(ReturnTo::as_str),
        });
        Page { html: html.expect("a built-in page renders: a test does it"), policy: policy(return_to) }
    }
}

/// Browsers hold a form's redirect against the policy, too.
fn policy(return_to: Option<&ReturnTo>) -> String {
    let form_action = return_to.map(|address| format!("form-action 'self' {}", address.origin()));
    form_action.map_or_else(|| CONTENT_SECURITY_POLICY.into(), |own| CONTENT_SECURITY_POLICY.replace("form-action 'self'", &own))
}

fn sign_out(language: &str) -> &'static str {
    match language {
        "ar" => "تسجيل الخروج",
        "de" => "Abmelden",
        "es" => "Cerrar sesión",
        "fi" => "Kirjaudu ulos",
        "fr" => "Se déconnecter",
        "it" => "Esci",
        "ja" => "サインアウト",
        "pt" => "Terminar sessão",
        _ => "Sign out",
    }
}
