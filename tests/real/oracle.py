"""Other people's libraries judge our tokens.

oracle.py jwt URL            reads {"token", "audience", "issuer"}: PyJWT, with the key that the key set at URL has
oracle.py hs256              the same with {"secret"} instead of a key set
oracle.py paseto URL         reads {"token"}: pyseto, with the PASERK that the list at URL has
oracle.py paseto-local       reads {"token", "root"}: pyseto, with the key derived from the root secret (base64url)
oracle.py simplejwt          reads {"token", "secret", "audience", "issuer"}: djangorestframework-simplejwt

Input is one JSON object on stdin; prints {"header", "claims"}, or exits with an error where the library refuses.
"""

import json
import sys
import urllib.request


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def jwt_by_key_set(given, url):
    import jwt

    header = jwt.get_unverified_header(given["token"])
    keys = jwt.PyJWKSet.from_dict(fetch(url))
    key = keys[header["kid"]]
    return header, decode_jwt(given, key.key, key.algorithm_name)


def jwt_by_secret(given):
    import jwt

    return jwt.get_unverified_header(given["token"]), decode_jwt(given, given["secret"], "HS256")


def decode_jwt(given, key, algorithm):
    import jwt

    required = {"require": ["iss", "aud", "exp", "iat", "jti"]}
    return jwt.decode(
        given["token"], key, algorithms=[algorithm], audience=given["audience"], issuer=given["issuer"], options=required
    )


def paseto(given, url):
    import pyseto

    footer = json.loads(base64url(given["token"].split(".")[3]))
    keys = [entry for entry in fetch(url)["keys"] if entry["kid"] == footer["kid"]]
    assert len(keys) == 1, f"{footer['kid']} is published {len(keys)} times"
    key = pyseto.Key.from_paserk(keys[0]["paserk"])
    assert key.to_paserk_id() == footer["kid"], "the kid isn't the key's own"
    decoded = pyseto.decode(key, given["token"], deserializer=json)
    return footer, decoded.payload


def paseto_local(given):
    import pyseto
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    label = b"countersign/v1/key/access-v4-local"
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=label).derive(base64url(given["root"]))
    decoded = pyseto.decode(pyseto.Key.new(4, "local", derived), given["token"], deserializer=json)
    return {}, decoded.payload


def simplejwt(given):
    from django.conf import settings

    settings.configure(
        SECRET_KEY="unused",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        SIMPLE_JWT={
            "ALGORITHM": "HS256",
            "SIGNING_KEY": given["secret"],
            "AUDIENCE": given["audience"],
            "ISSUER": given["issuer"],
        },
    )
    import django

    django.setup()
    from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

    authentication = JWTStatelessUserAuthentication()
    token = authentication.get_validated_token(given["token"].encode())
    user = authentication.get_user(token)
    return {"user": user.id}, token.payload


def base64url(text):
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


judges = {
    "jwt": jwt_by_key_set,
    "hs256": jwt_by_secret,
    "paseto": paseto,
    "paseto-local": paseto_local,
    "simplejwt": simplejwt,
}
header, claims = judges[sys.argv[1]](json.load(sys.stdin), *sys.argv[2:])
print(json.dumps({"header": header, "claims": claims}))
