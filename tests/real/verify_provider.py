"""Stands in for Telnyx Verify and Twilio Verify: prints each call as a line of JSON and accepts every code."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        kind = self.headers["content-type"].split(";")[0]
        call = {
            "path": self.path,
            "authorization": self.headers["authorization"],
            "type": kind,
            "body": json.loads(body) if kind == "application/json" else dict(parse_qsl(body, strict_parsing=True)),
        }
        print(json.dumps(call), flush=True)
        status = "approved" if self.path.endswith("Check") else "pending"
        answer = json.dumps({"data": {"response_code": "accepted", "phone_number": "+1"}, "status": status, "sid": "VE0"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_port}), flush=True)
sys.stdin.read()
