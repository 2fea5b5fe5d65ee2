//! Bodies of the type `application/x-www-form-urlencoded`.

use hyper::body::Bytes;

/// The type's name.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// These fields, in this order.
pub(crate) fn form(fields: &[(&str, &str)]) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish().into()
}
