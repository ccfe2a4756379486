"""A server's records made by hand: OpenSSL's own asks for no new keys or handshake."""

from __future__ import annotations

import hmac
import ssl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.raw_wire import authority
from tests.transports.ways.in_memory import TLSPeer, context, secured

ALERT, HANDSHAKE, APPLICATION_DATA = b"\x15", b"\x16", b"\x17"
UPDATE_REQUESTED = b"\x18\x00\x00\x01\x01"  # RFC 8446, section 4.6.3
UPDATE_NOT_REQUESTED = b"\x18\x00\x00\x01\x00"
HELLO_REQUEST = b"\0\0\0\0"  # RFC 5246, section 7.4.1.1


def logging_context(path):
    """A server that sends no tickets, and logs its secrets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost").configure_cert(context)
    context.num_tickets = 0
    context.keylog_filename = path
    context.set_ciphers("ECDHE+AESGCM+AES256")  # TLS 1.2's
    return context


def secrets(path):
    """Each side's first secret for application data, the server's first."""
    lines = [line.split() for line in path.read_text().splitlines() if line[0] != "#"]
    found = {name: bytes.fromhex(secret) for name, _, secret in lines}
    return [found[f"{side}_TRAFFIC_SECRET_0"] for side in ("SERVER", "CLIENT")]


class OldKey:
    """A server's key for TLS 1.2 with AES-256 in GCM, used once by the handshake.

    Args:
        flight: The server's first bytes: its random number is in them.
    """

    def __init__(self, path, flight):
        lines = [line.split() for line in path.read_text().splitlines()]
        found = [line for line in lines if line[0] == "CLIENT_RANDOM"]
        ours, master = map(bytes.fromhex, found[-1][1:])
        keys = _expanded(master, b"key expansion" + flight[11:43] + ours, 72)
        self.cipher, self.salt, self.count = AESGCM(keys[32:64]), keys[68:], 1

    def sealed(self, content, kind):
        # RFC 5246, section 6.2.3.3, and RFC 5288, section 3.
        number = self.count.to_bytes(8)
        self.count += 1
        header = kind + b"\x03\x03"
        seen = number + header + len(content).to_bytes(2)
        body = number + self.cipher.encrypt(self.salt + number, content, seen)
        return header + len(body).to_bytes(2) + body


def _expanded(secret, seed, length):
    # RFC 5246, section 5.
    step, made = seed, b""
    while len(made) < length:
        step = hmac.digest(secret, step, "sha384")
        made += hmac.digest(secret, step + seed, "sha384")
    return made[:length]


class Key:
    """One side's key for TLS_AES_256_GCM_SHA384, and how often it was used."""

    def __init__(self, secret):
        self.secret, self.count = secret, 0
        self.cipher = AESGCM(self.expanded("key", 32))
        self.iv = int.from_bytes(self.expanded("iv", 12))

    def expanded(self, label, length):
        # RFC 8446, section 7.1.
        label = b"tls13 " + label.encode()
        info = length.to_bytes(2) + bytes([len(label)]) + label + b"\0"
        return HKDFExpand(hashes.SHA384(), length, info).derive(self.secret)

    def updated(self):
        return Key(self.expanded("traffic upd", 48))

    def nonce(self):
        self.count += 1
        return (self.iv ^ (self.count - 1)).to_bytes(12)

    def sealed(self, content, kind):
        header = b"\x17\x03\x03" + (len(content) + 17).to_bytes(2)
        return header + self.cipher.encrypt(self.nonce(), content + kind, header)

    def opened(self, record):
        """Its content, and its kind."""
        inner = self.cipher.decrypt(self.nonce(), record[5:], record[:5])
        return inner[:-1], inner[-1:]


def renegotiating(place):
    """A layer of TLS 1.2 and its server's key."""
    log, flights = place / "secrets", []
    peer = TLSPeer(context("1.2", lambda: logging_context(log)))
    layer = secured(
        lambda data: flights.append(peer(data)) or flights[-1], version="1.2"
    )
    return layer, OldKey(log, flights[0])
