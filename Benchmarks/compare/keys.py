"""The keys that clients send, of each kind, and what the candidates know of them."""

import hashlib
import random
import string
from dataclasses import dataclass
from pathlib import Path

from harness.key_forge import KeyForge, locator

ALPHABET = string.ascii_letters + string.digits
REVOKED = 1000

# A forged key ends in this many characters of its own, including its checksum.
FORGED_TAIL = 26


@dataclass(frozen=True)
class Keys:
    """Keys of one form: one a line in files, in the order of the organizations."""

    folder: Path
    valid: list
    revoked: list  # issued, then replaced
    head: str  # what forged keys begin with while the load runs

    def write(self):
        self.folder.mkdir(parents=True)
        self.file("valid").write_text("\n".join(self.valid) + "\n")
        # The last one is kept back, so that no cache holds it: see revocation.fresh.
        self.file("revoked").write_text("\n".join(self.revoked[:-1]) + "\n")
        return self

    def file(self, kind):
        return self.folder / f"{kind}.txt"


def organizations(count):
    return [f"org-{number:06}" for number in range(count)]


def latchkey_keys(sandbox, names, folder):
    """Keys of Latchkey, whose records are in the store."""
    forge = KeyForge(sandbox.pepper_file.read_text().split()[0], seed=63)
    revoked = [forge.issued(name) for name in names[:REVOKED]]
    head = f"lk_{locator(names[0])}_"
    head += "A" * (len(revoked[0]) - len(head) - FORGED_TAIL)
    return Keys(folder, list(sandbox.keys_of(names).values()), revoked, head).write()


def peer_keys(sandbox, names, folder):
    """Keys of 50 characters, whose hashes are in the store."""
    generator = random.Random(2024)

    def key(length=47):
        return "pk_" + "".join(generator.choices(ALPHABET, k=length))

    keys = Keys(folder, [key() for _ in names], [key() for _ in range(REVOKED)], key(47 - FORGED_TAIL)).write()
    sandbox.redis.feed(["SET", peer_record(key), name] for key, name in zip(keys.valid, names))
    return keys


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def peer_record(key):
    return f"apikey:{sha256(key)}"


# The line of a key in the files that some candidates read.
LINES = {
    "map": lambda key, name: f'"{key}" "{name}";\n',
    "map-hashes": lambda key, name: f'"{sha256(key)}" "{name}";\n',
    "haproxy": lambda key, name: f"{key} {name}\n",
    "haproxy-hashes": lambda key, name: f"{sha256(key).upper()} {name}\n",
}


def write_key_file(path, form, keys, names):
    line = LINES[form]
    path.write_text("".join(line(key, name) for key, name in zip(keys, names)))
