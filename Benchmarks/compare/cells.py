"""What is measured of each candidate: who answers, which keys come, over how many connections."""

from dataclasses import dataclass

KINDS = {
    "valid": "valid keys at random",
    "hot": "one valid key",
    "random": "random text as the key, never the same twice",
    "forged": "forged keys with a correct checksum",
    "revoked": "keys that were replaced",
    "missing": "no key",
}

ANSWERS = {
    "own": "nginx itself answers",
    "upstream": "an API answers over kept connections",
    "tls": "over TLS",
    "h2": "over HTTP/2 and TLS",
}


@dataclass(frozen=True)
class Cell:
    answer: str
    kind: str
    connections: int

    @staticmethod
    def named(name):
        answer, kind, connections = name.split(":")
        assert answer in ANSWERS and kind in KINDS, name
        return Cell(answer, kind, int(connections))

    @property
    def name(self):
        return f"{self.answer}:{self.kind}:{self.connections}"

    @property
    def port(self):
        return "tls" if self.answer == "h2" else self.answer

    @property
    def title(self):
        count = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{KINDS[self.kind]}; {ANSWERS[self.answer]}; {count}"


def cells(names):
    return [Cell.named(name) for name in names]


# The most telling.
FEW = cells(["own:valid:64", "own:forged:64", "own:valid:1"])

ALL = cells([
    "own:valid:64", "own:hot:64", "own:random:64", "own:forged:64", "own:revoked:64", "own:missing:64",
    "own:valid:1", "own:forged:1", "upstream:valid:64", "upstream:valid:1", "upstream:forged:64",
    "tls:valid:64", "h2:hot:8",
])
