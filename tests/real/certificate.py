"""Makes a certificate authority and a certificate of it for localhost: certificate.py FOLDER.

Writes ca.pem, server.pem and server.key, good for a day.
"""

import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

folder = sys.argv[1]
now = datetime.datetime.now(datetime.timezone.utc)


def certificate(name, key, issuer, issuer_key, extensions):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def write(name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
authority = certificate(
    "test authority", authority_key, "test authority", authority_key, [(x509.BasicConstraints(True, None), True)]
)
names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
server = certificate(
    "localhost", server_key, "test authority", authority_key, [(x509.BasicConstraints(False, None), True), (names, False)]
)
pem = serialization.Encoding.PEM
write("ca.pem", authority.public_bytes(pem))
write("server.pem", server.public_bytes(pem))
plain = serialization.NoEncryption()
write("server.key", server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
