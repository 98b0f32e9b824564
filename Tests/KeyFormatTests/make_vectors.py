#!/usr/bin/env python3
"""Writes vectors.json: what keys and records are, worked out without any of Latchkey's code.

Usage: ./make_vectors.py > vectors.json
"""

import hashlib
import hmac
import json
import random
import sys
import zlib

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SEED = 62

ABOUT = (
    "Test vectors of Latchkey's keys and records. README.md beside this file explains the fields. "
    "The peppers are examples: use none of them."
)


def base62(number, width):
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text


def locator(organization):
    digest = hashlib.sha256(b"latchkey organization\0" + organization.encode()).digest()
    return base62(int.from_bytes(digest[:16], "big") % 62**14, 14)


def authenticator(pepper, message):
    return hmac.new(bytes.fromhex(pepper), message.encode(), hashlib.sha256).digest()


def tag(pepper, body):
    return base62(int.from_bytes(authenticator(pepper, body)[:8], "big") % 62**8, 8)


def verifier(pepper, body):
    return authenticator(pepper, body)[8:].hex()


def with_checksum(text):
    return text + base62(zlib.crc32(text.encode()), 6)


def key_vector(about, prefix, organization, secret, pepper):
    body = f"{prefix}_{locator(organization)}_{secret}"
    key = with_checksum(body + tag(pepper, body))
    return {
        "about": about,
        "prefix": prefix,
        "pepper": pepper,
        "organization": organization,
        "locator": locator(organization),
        "secret": secret,
        "tag": key[-14:-6],
        "checksum": key[-6:],
        "key": key,
        "verifier": verifier(pepper, body),
    }


RECORD_FIELDS = [
    "organization",
    "owner",
    "version",
    "state",
    "verifier",
    "created_at",
    "created_by",
    "expires_at",
    "previous_verifier",
    "previous_until",
    "revoked_at",
]


def mac(pepper, fields):
    message = b"latchkey record\0"
    for name in RECORD_FIELDS:
        text = fields.get(name)
        if text is None:
            message += b"\xff" * 4
        else:
            message += len(text.encode()).to_bytes(4, "big") + text.encode()
    return hmac.new(bytes.fromhex(pepper), message, hashlib.sha256).hexdigest()


def record_vector(about, pepper, **fields):
    locator_digits = locator(fields["organization"])
    fields["mac"] = mac(pepper, fields)
    return {"about": about, "pepper": pepper, "locator": locator_digits, "fields": fields}


class Chooser:
    """Peppers and secrets that are the same in every run."""

    def __init__(self, seed):
        self.generator = random.Random(seed)

    def pepper(self):
        return self.generator.getrandbits(256).to_bytes(32, "big").hex()

    def secret(self):
        return base62(self.generator.getrandbits(256), 32)


def locator_vectors():
    names = ["acme", "Acme", "a", "0", "_", "under_score", "dotted.name", "dash-ed", "x" * 64]
    first_digit_zero = next(n for n in map("org-{}".format, range(1000)) if locator(n)[0] == "0")
    names.append(first_digit_zero)
    return [{"organization": name, "locator": locator(name)} for name in names]


def key_vectors(chooser):
    pepper = chooser.pepper()
    cases = [
        ("the standard prefix", "lk", "acme"),
        ("a prefix of an environment", "acme_live", "acme"),
        ("a short prefix of a test environment", "a1_test", "acme"),
        ("the longest prefix and the longest name", "abcdefghijkl_live", "x" * 64),
    ]
    vectors = [key_vector(about, *case, chooser.secret(), pepper) for about, *case in cases]
    edges = ["0" * 32, "9" * 32, "Z" * 32, "z" * 32]
    vectors += [
        key_vector("a secret of one digit, 32 times", "lk", "acme", secret, pepper)
        for secret in edges
    ]
    vectors += [
        key_vector("another pepper", "lk", name, chooser.secret(), chooser.pepper())
        for name in ("acme", "under_score", "dotted.name")
    ]
    vectors.append(key_vector("a pepper of zero bits", "lk", "acme", chooser.secret(), "00" * 32))
    vectors.append(padded("a tag padded with 0", "tag", chooser, pepper))
    vectors.append(padded("a checksum padded with 0", "checksum", chooser, pepper))
    return vectors


def padded(about, field, chooser, pepper):
    while True:
        vector = key_vector(about, "lk", "acme", chooser.secret(), pepper)
        if vector[field].startswith("0"):
            return vector


def malformed(base):
    key, secret, checksum = base["key"], base["secret"], base["checksum"]
    unsummed = key[:-6]
    at_secret, at_tag = key.index(secret), len(key) - 14
    overflowing = base62(zlib.crc32(unsummed.encode()) + 2**32, 6)
    summed = {
        "another prefix, right checksum": "xk" + unsummed[2:],
        "a prefix in upper case, right checksum": "LK" + unsummed[2:],
        "another environment's prefix, right checksum": "lk_live" + unsummed[2:],
        "no first underscore, right checksum": unsummed[:2] + "0" + unsummed[3:],
        "no second underscore, right checksum": unsummed[:17] + "0" + unsummed[18:],
        "an underscore in the locator, right checksum": unsummed[:5] + "_" + unsummed[6:],
        "a hyphen in the secret, right checksum": replace(unsummed, at_secret + 9, "-"),
        "a byte 0 in the secret, right checksum": replace(unsummed, at_secret + 31, "\0"),
        "a plus sign in the tag, right checksum": replace(unsummed, at_tag, "+"),
        "a secret one digit short, right checksum": unsummed[:-9] + unsummed[-8:],
        "a secret one digit long, right checksum": unsummed[:-8] + "0" + unsummed[-8:],
    }
    texts = {
        "empty": "",
        "the prefix alone": "lk_",
        "the public part alone": key[:18],
        "no checksum": unsummed,
        "one digit short": key[:-1],
        "one digit long": key + "0",
        "twice": key + key,
        "a line feed after it": key + "\n",
        "a space before it": " " + key,
        "a space in place of the last digit": key[:-1] + " ",
        "the checksum one too high": unsummed
        + base62((zlib.crc32(unsummed.encode()) + 1) % 2**32, 6),
        "the checksum plus 2 to the power of 32": unsummed + overflowing,
        "the checksum of zero bits": unsummed + "000000",
        "the checksum's digits reversed": unsummed + checksum[::-1],
        "the case of all letters swapped": key.swapcase(),
        "the case of the secret's letters swapped": key.replace(secret, secret.swapcase()),
        "two bytes of UTF-8 in the secret": key[:at_secret] + "é" + key[at_secret + 2 :],
    }
    texts.update({why: with_checksum(text) for why, text in summed.items()})
    return texts


def forged(base, chooser):
    pepper, secret = base["pepper"], base["secret"]
    body = base["key"][:-14]
    other_body = body.replace(secret, chooser.secret())
    swapped = body.replace(secret, secret.swapcase())
    elsewhere = body.replace(base["locator"], locator("umbrella"))
    digest = authenticator(pepper, body)
    tag_number = int.from_bytes(digest[:8], "big") % 62**8
    without_pepper = hashlib.sha256(body.encode()).digest()[:8]
    texts = {
        "made up: the tag of another secret": other_body + base["tag"],
        "the tag one too high": body + base62((tag_number + 1) % 62**8, 8),
        "a tag of zero bits": body + "0" * 8,
        "the case of the tag's letters swapped": body + base["tag"].swapcase(),
        "the case of the secret's letters swapped": swapped + base["tag"],
        "another organization's locator": elsewhere + base["tag"],
        "the tag under another pepper": body + tag(chooser.pepper(), body),
        "the tag from SHA-256 without a pepper": body
        + base62(int.from_bytes(without_pepper, "big") % 62**8, 8),
        "the tag from the last 8 bytes": body
        + base62(int.from_bytes(digest[-8:], "big") % 62**8, 8),
        "the tag read little-endian": body
        + base62(int.from_bytes(digest[:8], "little") % 62**8, 8),
    }
    return {why + ", right checksum": with_checksum(text) for why, text in texts.items()}


def record_vectors(keys):
    pepper = keys[0]["pepper"]
    first, second = (key["verifier"] for key in keys[:2])
    registered = {"organization": "acme", "owner": "alice", "version": "1", "state": "none"}
    active = registered | {
        "version": "2",
        "state": "active",
        "verifier": first,
        "created_at": "1790000000000",
        "created_by": "alice",
    }
    replaced = active | {
        "version": "3",
        "verifier": second,
        "expires_at": "1797776000000",
        "previous_verifier": first,
        "previous_until": "1790000600000",
    }
    revoked = registered | {"version": "4", "state": "revoked", "revoked_at": "1790000700000"}
    widest = active | {
        "organization": "x" * 64,
        "owner": "!" * 128,
        "version": str(2**63 - 2),
        "created_at": "0",
        "created_by": "~" * 128,
        "expires_at": "253402300799999",
    }
    return [
        record_vector("registered, no key yet", pepper, **registered),
        record_vector("an active key that does not expire", pepper, **active),
        record_vector("an active key, and the one before for ten minutes", pepper, **replaced),
        record_vector("a revoked key", pepper, **revoked),
        record_vector("the longest and largest values", pepper, **widest),
        record_vector("another pepper", "5c" * 32, **active),
    ]


def replace(text, position, character):
    return text[:position] + character + text[position + 1 :]


def invalid_vectors(base, chooser):
    verdicts = {"malformed": malformed(base), "forged": forged(base, chooser)}
    return [
        {
            "why": why,
            "prefix": base["prefix"],
            "pepper": base["pepper"],
            "key": key,
            "verdict": verdict,
        }
        for verdict, texts in verdicts.items()
        for why, key in texts.items()
    ]


def main():
    chooser = Chooser(SEED)
    keys = key_vectors(chooser)
    vectors = {
        "about": ABOUT,
        "locators": locator_vectors(),
        "keys": keys,
        "invalid_keys": invalid_vectors(keys[0], chooser),
        "records": record_vectors(keys),
    }
    json.dump(vectors, sys.stdout, indent=1)
    print()


main()
