"""A directory of users for countersign, in Python without packages: kind = "http".

    SECRET=whsec_… PORT=8100 python3 examples/directory.py

    [directory]
    kind = "http"
    url = "http://127.0.0.1:8100/users"
    secret = "whsec_…"            # the same; countersign signs each question with it

docs/directory.md has the whole protocol. Put your database where USERS is.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
USERS = {"ann@example.com": {"id": "1", "email": "ann@example.com", "is_active": True, "epoch": "1"}}


def is_ours(headers, body: bytes) -> bool:
    """Standard Webhooks: the signature is over id, time and body, and the time is now."""
    id, at, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not at.isascii() or not at.isdigit() or abs(time.time() - int(at)) > 300:
        return False
    right = hmac.new(SECRET, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(right).decode()
    return any(hmac.compare_digest(signature.encode(), expected.encode()) for signature in signatures.split(" "))


class Directory(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if not is_ours(self.headers, body):
            return self.answer(401, {})
        question = json.loads(body)
        value = question["value"]
        if question["action"] == "register" and value not in USERS:
            key = "email" if question["channel"] == "email" else "phone_number"
            USERS[value] = {"id": str(len(USERS) + 1), key: value, "is_active": True}
        self.answer(200, {"user": USERS.get(value)})

    def answer(self, status: int, content: dict):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8100"))), Directory)
print(f"listening on http://127.0.0.1:{server.server_port}/users", flush=True)
server.serve_forever()
