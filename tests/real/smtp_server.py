"""An SMTP server of other people's making (aiosmtpd) for the tests.

Listens on an ephemeral loopback port with a self-signed certificate that it makes, and prints one line of JSON:
{"port": …, "certificate": "path of the PEM"}. Each message becomes <n>.eml and <n>.json (envelope, TLS, user) in the
folder; the .eml appears last and whole. Ends with its stdin, so it never outlives a test.

    smtp_server.py FOLDER [--tls none|starttls|implicit] [--auth USER:PASSWORD] [--refuse CODE:TIMES] [--hang SECONDS]

--refuse answers DATA with CODE that many times (* for always), then accepts; --hang waits before each answer to DATA.
Needs from PyPI: aiosmtpd, cryptography.
"""

import argparse
import asyncio
import datetime
import ipaddress
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A certificate for localhost and 127.0.0.1 that is its own root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(*pem))
    return certificate_file, key_file


class Handler:
    def __init__(self, folder: pathlib.Path, refuse: str | None, hang: float):
        self.folder, self.hang, self.received = folder, hang, 0
        code, _, times = (refuse or "").partition(":")
        self.refusal, self.left = code, float("inf") if times == "*" else int(times or 0)

    async def handle_DATA(self, server, session, envelope):
        if self.hang:
            await asyncio.sleep(self.hang)
        if self.left > 0:
            self.left -= 1
            # What real servers do: name the recipient.
            return f"{self.refusal} <{envelope.rcpt_tos[0]}> not now"
        self.received += 1
        facts = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.auth_data else None,
        }
        (self.folder / f"{self.received}.json").write_text(json.dumps(facts))
        unfinished = self.folder / f"{self.received}.part"
        unfinished.write_bytes(envelope.original_content)
        unfinished.rename(self.folder / f"{self.received}.eml")
        return "250 OK"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--auth")
    parser.add_argument("--refuse")
    parser.add_argument("--hang", type=float, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    certificate, key = make_certificate(options.folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    handler = Handler(options.folder, options.refuse, options.hang)
    settings: dict = {"enable_SMTPUTF8": False, "hostname": "localhost"}
    if options.tls == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    if options.auth:
        user, _, password = options.auth.partition(":")

        def authenticate(server, session, envelope, mechanism, data):
            right = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
            return AuthResult(success=right, handled=False, auth_data=data)

        settings |= {"authenticator": authenticate, "auth_required": True}
        settings |= {"auth_require_tls": options.tls == "starttls"}

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, **settings),
        "127.0.0.1",
        0,
        ssl=context if options.tls == "implicit" else None,
    )
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "certificate": str(certificate)}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
