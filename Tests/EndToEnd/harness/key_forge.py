"""Keys computed without any of Latchkey's code, including wrong ones."""

import hashlib
import hmac
import random
import time
import zlib

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LENGTH = 32
TAG_LENGTH = 8
CHECKSUM_LENGTH = 6
TAIL_LENGTH = SECRET_LENGTH + TAG_LENGTH + CHECKSUM_LENGTH


def base62(number, width):
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text


def locator(organization):
    digest = hashlib.sha256(b"latchkey organization\0" + organization.encode()).digest()
    return base62(int.from_bytes(digest[:16], "big") % 62**14, 14)


def with_checksum(text):
    return text + base62(zlib.crc32(text.encode()), CHECKSUM_LENGTH)


def secret_of(key):
    """The secret part of a key, which only its owner may see."""
    return key[-TAIL_LENGTH:][:SECRET_LENGTH]


def record_key(organization):
    return f"latchkey:record:{{{locator(organization)}}}"


def audit_key(organization):
    return f"latchkey:audit:{{{locator(organization)}}}"


def beside(organization, name):
    """A key of a test's own, in the slot of an organization's record."""
    return f"{name}:{{{locator(organization)}}}"


def used_key(organization):
    return f"latchkey:used:{{{locator(organization)[0]}}}"


# The fields that a seal covers, in its order.
SEALED_FIELDS = (
    "organization", "owner", "version", "state", "verifier", "created_at", "created_by", "expires_at",
    "previous_verifier", "previous_until", "revoked_at",
)
ABSENT = b"\xff" * 4


class KeyForge:
    """Computes keys under a pepper (hexadecimal)."""

    def __init__(self, pepper, prefix="lk", seed=62):
        self.pepper = bytes.fromhex(pepper)
        self.prefix = prefix
        self.generator = random.Random(seed)

    def digest(self, body):
        return hmac.new(self.pepper, body.encode(), hashlib.sha256).digest()

    def tag(self, body):
        return base62(int.from_bytes(self.digest(body)[:8], "big") % 62**TAG_LENGTH, TAG_LENGTH)

    def verifier(self, key):
        return self.digest(key[: -TAG_LENGTH - CHECKSUM_LENGTH])[8:].hex()

    def record(self, organization, key, owner="alice"):
        """The record of an organization with this active key, as the executable would write it."""
        fields = {
            "organization": organization, "owner": owner, "version": "2", "state": "active",
            "verifier": self.verifier(key), "created_at": str(time.time_ns() // 1_000_000), "created_by": owner,
        }
        return {**fields, "mac": self.seal(fields)}

    def seal(self, fields):
        parts = [b"latchkey record\0"]
        for name in SEALED_FIELDS:
            text = fields.get(name)
            parts.append(ABSENT if text is None else len(text).to_bytes(4, "big") + text.encode())
        return hmac.new(self.pepper, b"".join(parts), hashlib.sha256).hexdigest()

    def body(self, organization, prefix=None):
        secret = base62(self.generator.getrandbits(256), SECRET_LENGTH)
        return f"{prefix or self.prefix}_{locator(organization)}_{secret}"

    def issued(self, organization, prefix=None):
        """A key that only the holder of the pepper can make, whether or not a record holds it."""
        body = self.body(organization, prefix)
        return with_checksum(body + self.tag(body))

    def forged(self, organization):
        """A key with the right form and checksum, made without the pepper."""
        body = self.body(organization)
        return with_checksum(body + base62(self.generator.getrandbits(64), TAG_LENGTH))
