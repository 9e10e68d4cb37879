"""TLS for the second port: a CA of our own and a server certificate signed by it, kept in the state folder."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.state_dir import write_atomically

CA_FILE = "ca.pem"
_LIFETIME = timedelta(days=825)  # the longest that Apple's and other strict verifiers take for a server certificate
_RENEW_BEFORE = timedelta(days=30)


def server_context(folder: Path, host: str) -> ssl.SSLContext:
    """A server context for 127.0.0.1, localhost and `host`; makes or renews what is missing in `folder`."""
    names = sorted({"127.0.0.1", "localhost", host} - {"0.0.0.0", "::"})
    if not _still_good(folder, names):
        _make(folder, names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def _still_good(folder: Path, names: list[str]) -> bool:
    try:
        ca = x509.load_pem_x509_certificate((folder / CA_FILE).read_bytes())
        server = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
        server.verify_directly_issued_by(ca)
    except (OSError, ValueError, TypeError):
        return False
    sans = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    held = {str(name.value) for name in sans}
    fresh = min(ca.not_valid_after_utc, server.not_valid_after_utc) - _RENEW_BEFORE > datetime.now(UTC)
    return fresh and held == set(names) and key.public_key() == server.public_key()


def _make(folder: Path, names: list[str]) -> None:
    """A whole new pair. The CA's key is not kept: it has signed all that it will ever sign."""
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tradewinds sandbox CA")])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tradewinds sandbox")])
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _draft(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        _draft(server_name, ca_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomically(folder / "server.key", private, mode=0o600)
    write_atomically(folder / "server.pem", server.public_bytes(pem))
    write_atomically(folder / CA_FILE, ca.public_bytes(pem))


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
