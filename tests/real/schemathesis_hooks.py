"""What schemathesis looks for besides its own checks."""

import schemathesis

CREDENTIALS = {"invalid_credentials", "challenge_expired", "challenge_spent", "attempts_exhausted"}
# What a schema can't say about a field: which numbers there are, that the envelope may come in three ways, and where a login may lead.
FIELDS = {
    "phone_number": "Enter a valid phone number.",
    "challenge": "This field is required.",
    "return_to": "This address is not allowed.",
}


@schemathesis.check
def good_data_is_refused_for_what_no_schema_says(ctx, response, case):
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code != 400:
        return
    problem = response.json()
    errors = problem.get("errors", {})
    is_about_fields = errors and all(messages == [FIELDS.get(field)] for field, messages in errors.items())
    assert problem["code"] in CREDENTIALS or is_about_fields, problem


@schemathesis.check
def nothing_is_stored(ctx, response, case):
    if case.path.startswith("/.well-known/") or case.path == "/openapi.json":
        return
    assert response.headers["cache-control"] == ["no-store"], response.headers.get("cache-control")


@schemathesis.hook
def filter_case(ctx, case):
    """A part's name stands in a header, where no client can write a control character or a quotation mark."""
    names = case.body if isinstance(case.body, dict) else {}
    return case.media_type != "multipart/form-data" or all(name.isprintable() and '"' not in name for name in names)
