"""A directory endpoint whose signatures are checked by other people's code (PyPI standardwebhooks), for the tests.

    directory_server.py USERS.json WHSEC

USERS.json is an array of users as a `file` directory has them; it is read for every call, and `register` adds to it.
Listens on an ephemeral loopback port and prints {"port": …}; then one line of JSON for each call, with the question or
with {"refused": "why"}. Ends with its stdin.
"""

import http.server
import json
import pathlib
import sys
import threading

from standardwebhooks import Webhook, WebhookVerificationError

USERS, SECRET = pathlib.Path(sys.argv[1]), sys.argv[2]
FIELDS = {"email": "email", "mobile": "phone_number"}


def answer(question: dict) -> dict:
    users = json.loads(USERS.read_text())
    member = FIELDS[question["channel"]]
    found = [user for user in users if (user.get(member) or "").lower() == question["value"]]
    if question["action"] == "register" and not found:
        user = {"id": str(len(users) + 1), member: question["value"], "is_active": True}
        USERS.write_text(json.dumps([*users, user]))
        found = [user]
    return {"user": found[0] if found else None}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            question = Webhook(SECRET).verify(body, dict(self.headers))
            status, reply, said = 200, answer(question), question
        except WebhookVerificationError as error:
            status, reply, said = 401, {"detail": "Invalid signature"}, {"refused": str(error)}
        print(json.dumps(said), flush=True)
        content = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_address[1]}), flush=True)
sys.stdin.read()
