"""An SMTP server of other people's making (aiosmtpd) for the tests.

Listens on an ephemeral loopback port with a certificate that it makes, and prints one line of JSON: {"port": …,
"certificate": "path of the PEM to trust"}. Each message becomes <n>.eml and <n>.json (envelope, TLS, user, EHLO) in the
folder; the .eml appears last and whole. "connections.json" counts connections: all, and those refused. Ends with its stdin, so
it never outlives a test.

    smtp_server.py FOLDER [--tls none|starttls|implicit] [--auth USER:PASSWORD] [--refuse CODE:TIMES] [--hang SECONDS]
                   [--certificate own|signed|ca|expired|other-name] [--connections N] [--strict-hello] [--refuse-plain]
                   [--port N] [--answer-after SECONDS]

--refuse answers DATA with CODE that many times (* for always), then accepts; --hang waits before each answer to DATA.
--certificate: its own root; signed by a CA; a CA's own; one that has expired; one for another name.
--connections answers 421 to any more than N at once. --strict-hello refuses EHLO with 504 for what is no full name, as
Postfix' reject_non_fqdn_helo_hostname does. --refuse-plain refuses AUTH PLAIN, though it is offered. --port listens there, as the
one that was killed did; --answer-after keeps a message first, and says so later.
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


def make_certificate(folder: pathlib.Path, kind: str) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
    """A certificate for localhost and 127.0.0.1, its key, and what to trust."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def build(subject: str, key, issuer: str, issuer_key, host: str, is_ca: bool, ends: int) -> x509.Certificate:
        names = [x509.DNSName(host)] + ([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if host == "localhost" else [])
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=ends))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )

    key, ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    host = "elsewhere.example" if kind == "other-name" else "localhost"
    if kind == "signed":
        root = build("Some CA", ca_key, "Some CA", ca_key, host, True, 30)
        certificate = build("localhost", key, "Some CA", ca_key, host, False, 30)
    else:
        certificate = build("localhost", key, "localhost", key, host, kind == "ca", -1 if kind == "expired" else 30)
        root = certificate
    certificate_file, key_file, root_file = folder / "certificate.pem", folder / "key.pem", folder / "root.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    root_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(*pem))
    return certificate_file, key_file, root_file


class Limited(SMTP):
    """Counts connections, and answers 421 beyond a limit."""

    folder: pathlib.Path
    limit: int | None = None
    open, made, refused = 0, 0, 0

    def connection_made(self, transport):
        Limited.made += 1
        self.is_refused = Limited.limit is not None and Limited.open >= Limited.limit
        if self.is_refused:
            Limited.refused += 1
            transport.write(b"421 4.7.0 too many connections\r\n")
            transport.close()
        else:
            Limited.open += 1
            super().connection_made(transport)
        counted = {"made": Limited.made, "refused": Limited.refused}
        (Limited.folder / "connections.json").write_text(json.dumps(counted))

    def connection_lost(self, error):
        if not self.is_refused:
            Limited.open -= 1
            super().connection_lost(error)


class Handler:
    def __init__(self, folder: pathlib.Path, refuse: str | None, hang: float, strict_hello: bool, late: float):
        self.folder, self.hang, self.received, self.strict_hello, self.late = folder, hang, 0, strict_hello, late
        code, _, times = (refuse or "").partition(":")
        self.refusal, self.left = code, float("inf") if times == "*" else int(times or 0)

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        if self.strict_hello and "." not in hostname and not hostname.startswith("["):
            return ["504 5.5.2 <" + hostname + ">: Helo command rejected: need fully-qualified hostname"]
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server, session, envelope):
        if self.hang:
            await asyncio.sleep(self.hang)
        if self.left > 0:
            self.left -= 1
            # What real servers do: name the recipient.
            return f"{self.refusal} <{envelope.rcpt_tos[0]}> not now"
        self.received += 1
        number = self.received
        facts = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.auth_data else None,
            "hello": session.host_name,
        }
        (self.folder / f"{number}.json").write_text(json.dumps(facts))
        unfinished = self.folder / f"{number}.part"
        unfinished.write_bytes(envelope.original_content)
        unfinished.rename(self.folder / f"{number}.eml")
        if self.late:
            await asyncio.sleep(self.late)
        return "250 OK"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--auth")
    parser.add_argument("--refuse")
    parser.add_argument("--hang", type=float, default=0)
    parser.add_argument("--certificate", choices=["own", "signed", "ca", "expired", "other-name"], default="own")
    parser.add_argument("--connections", type=int)
    parser.add_argument("--strict-hello", action="store_true")
    parser.add_argument("--refuse-plain", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--answer-after", type=float, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    certificate, key, root = make_certificate(options.folder, options.certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    handler = Handler(options.folder, options.refuse, options.hang, options.strict_hello, options.answer_after)
    Limited.folder, Limited.limit = options.folder, options.connections
    settings: dict = {"enable_SMTPUTF8": False, "hostname": "localhost"}
    if options.tls == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    if options.auth:
        user, _, password = options.auth.partition(":")

        def authenticate(server, session, envelope, mechanism, data):
            right = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
            if options.refuse_plain and mechanism == "PLAIN":
                return AuthResult(success=False, handled=False, message="504 5.5.4 mechanism PLAIN not supported")
            return AuthResult(success=right, handled=False, auth_data=data)

        settings |= {"authenticator": authenticate, "auth_required": True}
        settings |= {"auth_require_tls": options.tls == "starttls"}

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Limited(handler, loop=loop, **settings),
        "127.0.0.1",
        options.port,
        ssl=context if options.tls == "implicit" else None,
    )
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "certificate": str(root)}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
