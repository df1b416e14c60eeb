"""A private certificate authority for tests, and what it issues, as PEM files."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=2)


class Identity(NamedTuple):
    """A certificate and its private key (PKCS #8, without a password)."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates that nobody knows of unless given `certificate`."""

    def __init__(self, folder: Path, name: str = "flowcoll tests") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / "ca.pem"
        self.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, *hosts: str) -> Identity:
        """Issue a certificate for a server on these addresses or host names, or for a client of this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = self._builder(_named(name), key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
        issued = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        issued.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return issued

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _VALID)
            .not_valid_after(now + _VALID)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer, critical=False)
        )


class Chain(NamedTuple):
    """An authority, one below it, and whom that one names."""

    root: Path
    middle: Path
    own: Identity


def chain(folder: Path, *hosts: str, valid: timedelta = _VALID) -> Chain:
    """Issue a chain of which each certificate holds what it must and no more, as authorities made by hand often do.

    There is no key usage and no key identifier in it (RFC 5280 sections 4.2.1.1 to 4.2.1.3).
    """
    now, paths, issuer = datetime.now(UTC), [], None
    for depth, name in enumerate(("root", "middle", "own")):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(f"flowcoll {name}")
        above, signer = issuer or (subject, key)
        builder = x509.CertificateBuilder(above, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - _VALID).not_valid_after(now + valid)
        builder = builder.add_extension(x509.BasicConstraints(ca=depth < 2, path_length=None), critical=True)
        if depth == 2 and hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
        paths.append(folder / f"{name}.pem")
        paths[-1].write_bytes(builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM))
        issuer = (subject, key)
    own = Identity(paths[2], folder / "own.key")
    own.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Chain(paths[0], paths[1], own)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
