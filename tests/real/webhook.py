"""Checks the frozen vector of src/webhook.rs with other people's code (PyPI standardwebhooks), and the reverse.

    webhook.py sign SECRET ID TIMESTAMP BODY             prints the signature
    webhook.py verify SECRET ID TIMESTAMP BODY SIGNATURE  exits 0 if it is right (the timestamp must be of now)
    webhook.py                                            checks the frozen vector
"""

import datetime
import sys

from standardwebhooks import Webhook

VECTOR = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    '{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
)


def sign(secret: str, id: str, timestamp: str, body: str) -> str:
    return Webhook(secret).sign(id, datetime.datetime.fromtimestamp(int(timestamp), datetime.timezone.utc), body)


match sys.argv[1:]:
    case ["sign", *call]:
        print(sign(*call))
    case ["verify", secret, id, timestamp, body, signature]:
        headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}
        Webhook(secret).verify(body, headers)
    case _:
        *call, signature = VECTOR
        assert sign(*call) == signature, sign(*call)
        print("ok")
