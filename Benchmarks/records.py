"""Many organizations with keys, put into Redis without going through the executable one by one."""

import hashlib
import hmac
import subprocess

from harness.key_forge import record_key

SEALED = (
    "organization", "owner", "version", "state", "verifier", "created_at", "created_by", "expires_at",
    "previous_verifier", "previous_until", "revoked_at",
)
NOT_THERE = b"\xff\xff\xff\xff"


def seal(pepper, fields):
    message = b"latchkey record\0"
    for name in SEALED:
        value = fields.get(name, "").encode()
        message += len(value).to_bytes(4, "big") + value if name in fields else NOT_THERE
    return hmac.new(pepper, message, hashlib.sha256).hexdigest()


def record(forge, organization, key):
    fields = {
        "organization": organization,
        "owner": "alice",
        "version": "2",
        "state": "active",
        "verifier": forge.verifier(key),
        "created_at": "1790000000000",
        "created_by": "alice",
    }
    return {**fields, "mac": seal(forge.pepper, fields)}


def fill(gate, count):
    """Makes a key for each of so many organizations; returns the keys."""
    forge = gate.forge()
    keys = []
    commands = bytearray()
    for number in range(count):
        organization = f"org-{number:06}"
        key = forge.issued(organization)
        words = ["HSET", record_key(organization)]
        for name, value in record(forge, organization, key).items():
            words += [name, value]
        commands += encoded(words)
        keys.append(key)
    subprocess.run(
        ["redis-cli", "-s", str(gate.redis.socket), "--pipe"],
        input=bytes(commands), check=True, capture_output=True, timeout=300,
    )
    return keys


def encoded(words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
