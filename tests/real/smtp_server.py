"""An SMTP server that wants STARTTLS and a login, and keeps every message as a file.

smtp_server.py PORT FOLDER CERTIFICATE KEY [--reject-first N]

Prints "ready". Takes user "mailer", password "p@ss/word"; each message is written to FOLDER as <number>.eml, with the
envelope's recipients in the header X-RcptTo. With --reject-first the first N messages get a 451.
"""

import argparse
import os
import ssl
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Keep:
    def __init__(self, folder, reject_first):
        self.folder, self.reject_first, self.count = folder, reject_first, 0

    async def handle_DATA(self, server, session, envelope):
        if self.reject_first > 0:
            self.reject_first -= 1
            return "451 4.7.1 Greylisted, try again later"
        self.count += 1
        path = os.path.join(self.folder, f"{self.count:06}.eml")
        recipients = f"X-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        with open(path + ".part", "wb") as file:
            file.write(recipients + envelope.original_content)
        os.rename(path + ".part", path)
        return "250 OK"


class WithTls(Controller):
    def factory(self):
        return SMTP(
            self.handler,
            hostname="localhost",
            tls_context=self.tls,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )


def authenticate(server, session, envelope, mechanism, data):
    right = LoginPassword(b"mailer", b"p@ss/word")
    return AuthResult(success=isinstance(data, LoginPassword) and data == right)


arguments = argparse.ArgumentParser()
arguments.add_argument("port", type=int)
arguments.add_argument("folder")
arguments.add_argument("certificate")
arguments.add_argument("key")
arguments.add_argument("--reject-first", type=int, default=0)
arguments = arguments.parse_args()

controller = WithTls(Keep(arguments.folder, arguments.reject_first), hostname="127.0.0.1", port=arguments.port)
controller.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
controller.tls.load_cert_chain(arguments.certificate, arguments.key)
controller.start()
print("ready", flush=True)
while True:
    time.sleep(60)
