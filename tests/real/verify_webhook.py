"""Signs webhooks as the providers do, and has their own libraries judge them: a line of JSON each, with what they say."""

import base64
import json
import sys
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from telnyx import Telnyx
from twilio.request_validator import RequestValidator

url = sys.argv[1]
key = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
telnyx = Telnyx(api_key="KEY", public_key=public)
now = int(time.time())


def of_telnyx(name, payload, signed_at=now, said_at=None, sign=None):
    said_at = signed_at if said_at is None else said_at
    signature = (sign or key).sign(f"{signed_at}|{payload}".encode())
    headers = {"telnyx-signature-ed25519": base64.b64encode(signature).decode(), "telnyx-timestamp": str(said_at)}
    try:
        telnyx.webhooks.unwrap(payload, headers=headers)
        accepted = True
    except ValueError:
        accepted = False
    print(json.dumps({"name": name, "headers": headers, "body": payload, "accepted": accepted}))


def of_twilio(name, pairs, body, signed_url=url, token="tok:en", signature=None):
    class Pairs(dict):
        def getall(self, wanted):
            return [value for known, value in pairs if known == wanted]

    params = Pairs(pairs)
    signature = signature or RequestValidator(token).compute_signature(signed_url, params)
    accepted = RequestValidator("tok:en").validate(url, params, signature)
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"}
    print(json.dumps({"name": name, "headers": headers, "body": body, "accepted": accepted}))


def event(number):
    return json.dumps({"data": {"event_type": "verify.delivered", "id": f"real-{number}", "payload": {"delivery_status": "delivered", "name": "Änn"}}})


print(json.dumps({"key": public}))
of_telnyx("as it is", event(1))
of_telnyx("a little old", event(2), now - 290)
of_telnyx("too old", event(3), now - 320)
of_telnyx("too new", event(4), now + 320)
of_telnyx("another timestamp", event(5), now, now + 1)
of_telnyx("another key", event(6), sign=Ed25519PrivateKey.from_private_bytes(bytes([8] * 32)))
simple = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("To", "+12025550143"), ("From", "Ä b")]
of_twilio("as it is", simple, "MessageSid=SM1&MessageStatus=delivered&To=%2B12025550143&From=%C3%84+b")
several = simple[:2] + [("Media", "b"), ("Media", "a"), ("Media", "b")]
of_twilio("several values", several, "MessageSid=SM1&MessageStatus=delivered&Media=b&Media=a&Media=b")
of_twilio("nothing", [], "")
with_port = url.replace("https://login.example.com", "https://login.example.com:443")
of_twilio("with its port", simple, "MessageSid=SM1&MessageStatus=delivered&To=%2B12025550143&From=%C3%84+b", signed_url=with_port)
of_twilio("another URL", simple, "MessageSid=SM1&MessageStatus=delivered&To=%2B12025550143&From=%C3%84+b", signed_url=url + "x")
of_twilio("another token", simple, "MessageSid=SM1&MessageStatus=delivered&To=%2B12025550143&From=%C3%84+b", token="other")
