//! Where a request begins and ends, and which host it is for: what two servers in a row must read alike (RFC 9112 §3.2, §6.1),
//! or one takes for a request what the other took for a body.

use hyper::{
    Version,
    header::{HOST, TRANSFER_ENCODING},
    http::request::Parts,
};

use crate::server::wire::problem::Problem;

/// Refuses a request that has no `Host` or several, or a transfer coding other than `chunked`, once.
pub(crate) fn judge(head: &Parts) -> Result<(), Problem> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => {}
        // HTTP/1.0 knows no such header.
        (None, None) if head.version < Version::HTTP_11 => {}
        _ => return Err(Problem::parse_error("A request has exactly one Host header.")),
    }
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, None) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::parse_error("The only transfer coding is chunked, once.")),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn is_good(version: Version, headers: &[(&str, &str)]) -> bool {
        let request =
            headers.iter().fold(Request::builder().version(version), |request, (name, value)| request.header(*name, *value));
        judge(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn one_host() {
        assert!(is_good(Version::HTTP_11, &[("host", "a")]));
        assert!(is_good(Version::HTTP_11, &[("host", "")]), "a target without an authority has an empty one");
        assert!(!is_good(Version::HTTP_11, &[]));
        assert!(!is_good(Version::HTTP_11, &[("host", "a"), ("host", "a")]));
        assert!(is_good(Version::HTTP_10, &[]) && is_good(Version::HTTP_10, &[("host", "a")]));
        assert!(!is_good(Version::HTTP_10, &[("host", "a"), ("host", "b")]));
    }

    #[test]
    fn one_transfer_coding() {
        let is_good = |codings: &[&'static str]| {
            let headers = [("host", "a")].into_iter().chain(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            is_good(Version::HTTP_11, &headers.collect::<Vec<_>>())
        };
        assert!(is_good(&[]) && is_good(&["chunked"]) && is_good(&["Chunked"]));
        for bad in [
            &["gzip, chunked"][..],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["gzip", "chunked"],
            &["identity"],
            &["chunked;q=1"],
            &["chunked,"],
            &[""],
        ] {
            assert!(!is_good(bad), "{bad:?}");
        }
    }
}
