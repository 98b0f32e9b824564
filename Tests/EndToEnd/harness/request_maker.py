"""Makes requests without an acceptable key from a seed: HTTP/1.1 and HTTP/2, well-formed, broken and absurd.

A `Plan` describes a connection: the pieces of bytes to send, and how the client leaves.
"""

import struct
from dataclasses import dataclass

from harness.http2_client import (
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame, literal,
)
from harness.key_forge import DIGITS

PRIORITY, WINDOW_UPDATE, CONTINUATION = 2, 8, 9

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get", "GETT", "A" * 40, "TRACE"]
VERSIONS = ["1.1"] * 12 + ["1.0", "0.9", "2.0", "1.2", "1.", ""]
ODD_TEXTS = ["", " ", "\t", "\0", "\x7f", "é", "\udcff", "%00", "%2", "%", "=", ";", "&", ",", '"', "\\", "{}", "$x", "\x0b"]
TYPES = ["application/json", "application/grpc", "application/grpc+proto", "text/plain", "application/graphql-response+json",
         "*/*;q=0", "application/graphql-response+json;q=0", ";q=", "a/b;q=0.0000000001,,,"]

# Of HTTP/2: longer ones need longer numbers than the client writes.
LONGEST_FIELD = 16000

READ, HALF_CLOSE, ABORT = "read", "half-close", "abort"


@dataclass(frozen=True)
class Plan:
    pieces: tuple
    ending: str
    is_http2: bool


class RequestMaker:
    """`key` is valid, and used in ways that must be refused. `targets` are paths that require a key."""

    def __init__(self, generator, targets, key, forged):
        self.random = generator
        self.targets = targets
        self.key = key
        self.forged = forged

    def plan(self):
        """A cut HTTP/1.1 plan gets no closing request: the cut one would continue with it, perhaps with a valid key."""
        is_http2 = self.chance(0.3)
        data, is_complete = (self.http2(), True) if is_http2 else self.http1()
        if self.chance(0.15):
            data, is_complete = data[: self.random.randrange(len(data) + 1)], False
        ending = self.random.choice([READ, READ, HALF_CLOSE, ABORT])
        if ending == READ and not is_complete:
            ending = HALF_CLOSE
        return Plan(tuple(self.split(data)), ending, is_http2)

    def chance(self, probability):
        return self.random.random() < probability

    def split(self, data):
        """The same bytes in a few pieces, cut anywhere; sometimes byte by byte."""
        if len(data) < 400 and self.chance(0.05):
            return [data[at : at + 1] for at in range(len(data))]
        cuts = sorted(self.random.randrange(len(data) + 1) for _ in range(self.random.choice([0, 0, 0, 1, 2, 5])))
        return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)])]

    # Credentials

    def wrong_key(self):
        """A text in the place of a key that is not valid, though it may come close."""
        pick = self.random.randrange(10)
        if pick < 3:
            return self.random.choice(self.forged)
        if pick == 3:
            return self.with_other_digit(self.key)
        if pick == 4:
            return self.key[: self.random.randrange(len(self.key))]
        if pick == 5:
            return self.key + self.random.choice(["000", "\0\0\0", "===", ",,,", "...", self.key])
        if pick == 6:
            return self.key.swapcase()
        if pick == 7:
            at = self.random.randrange(1, len(self.key))
            return self.key[:at] + self.random.choice([" ", "\t", "%", "\0", ";", "%20", "é"]) * 3 + self.key[at:]
        if pick == 8:
            return self.random.choice("Aa_0é\0 ") * self.random.choice([1, 76, 77, 78, 4096, 100_000])
        return self.noise(self.random.choice([1, 30, 77, 300]))

    def with_other_digit(self, key):
        at = self.random.randrange(3, len(key))
        other = self.random.choice([digit for digit in DIGITS + "_" if digit != key[at]])
        return key[:at] + other + key[at + 1 :]

    def noise(self, length):
        return "".join(chr(self.random.randrange(1, 256)) for _ in range(length)).replace("\n", "n").replace("\r", "r")

    def place(self, text):
        """Header fields and an argument with a text in a place where a key might be looked for."""
        pick = self.random.randrange(7)
        if pick == 0:
            return [(self.odd_case("Authorization"), self.odd_case("Bearer") + self.random.choice([" ", "  ", "\t"]) + text)], ""
        if pick == 1:
            return [(self.odd_case("X-API-Key"), text)], ""
        if pick == 2:
            cookies = [self.noise(5).replace(";", ""), f"session={text}", "a=b", f"Session={text}", "session"]
            self.random.shuffle(cookies)
            return [(self.odd_case("Cookie"), "; ".join(cookies))], ""
        if pick == 3:
            return [], f"key={text}"
        if pick == 4:
            return [], f"a&&key=&=key&key={text}&keys={text}"
        if pick == 5:
            return [("Authorization", self.random.choice(["Basic ", "Bearerx ", "", "Digest "]) + text)], ""
        return [(self.random.choice(["X_API_Key", "X-API-Key\0", "X-API-Keys", "Proxy-Authorization", ":x-api-key"]), text)], ""

    def credentials(self):
        """Header fields and a query that present no single valid key in a place that the gateway reads."""
        fields, arguments = [], []
        for text in self.texts():
            more, argument = self.place(text)
            fields += more
            arguments += [argument] if argument else []
        return fields, "&".join(arguments)

    def texts(self):
        return [self.wrong_key() for _ in range(self.random.choice([0, 1, 1, 1, 2, 3, 12]))]

    def odd_case(self, name):
        if self.chance(0.7):
            return name
        return "".join(self.random.choice([letter.upper(), letter.lower()]) for letter in name)

    def twice(self):
        """A valid key in two places that the gateway reads, which is ambiguous."""
        both = [("Authorization", f"Bearer {self.key}"), ("X-API-Key", self.key)]
        return self.random.choice([both, both[::-1], both[:1] * 2, both[1:] * 2, both + [("X-API-Key", "")]])

    # HTTP/1.1

    def http1(self):
        """A few requests in a row, and whether they are unmutated.

        Requests with a valid key in two places are never mutated: one of the two might remain.
        """
        count = self.random.choice([1, 1, 1, 2, 4])
        if self.chance(0.1):
            return b"".join(self.head(self.targets[0], self.twice()) for _ in range(count)), True
        data = b"".join(self.http1_request() for _ in range(count))
        return (self.mutated(data), False) if self.chance(0.25) else (data, True)

    def http1_request(self):
        fields, query = self.credentials()
        fields += self.other_fields()
        self.random.shuffle(fields)
        target = self.random.choice(self.targets) + (f"?{query}" if query or self.chance(0.1) else "")
        body, framing = self.body()
        return self.head(self.odd_target(target), fields + framing) + body

    def head(self, target, fields):
        line = f"{self.random.choice(METHODS) if self.chance(0.3) else 'GET'} {target} HTTP/{self.random.choice(VERSIONS)}"
        end = "\n" if self.chance(0.05) else "\r\n"
        host = [] if self.chance(0.03) else [("Host", "gateway")] * (2 if self.chance(0.03) else 1)
        colon = self.random.choice([": "] * 8 + [":", " : ", ":\t"])
        lines = [line, *(name + colon + value for name, value in host + fields), "", ""]
        return end.join(lines).encode("utf-8", "surrogateescape")

    def odd_target(self, target):
        pick = self.random.randrange(12)
        if pick == 0:
            return f"http://gateway{target}"
        if pick == 1:
            return "//" + target.lstrip("/") + "/../" * self.random.randrange(4)
        if pick == 2:
            return target + self.random.choice(ODD_TEXTS)
        if pick == 3:
            return target.replace("/", "/%2e/./").replace("a", "%61")
        return target

    def other_fields(self):
        fields = []
        if self.chance(0.3):
            fields.append((self.random.choice(["Accept", "Content-Type"]), self.random.choice(TYPES)))
        if self.chance(0.2):
            fields.append((self.noise(6), self.random.choice(ODD_TEXTS)))
        if self.chance(0.05):
            fields += [(f"X-{number}", "x" * self.random.randrange(60)) for number in range(self.random.choice([50, 300, 2000]))]
        if self.chance(0.1):
            fields.append(("Connection", self.random.choice(["close", "keep-alive", "Upgrade", "authorization", "te, close"])))
        if self.chance(0.1):
            fields.append(("Upgrade", self.random.choice(["websocket", "h2c", ""])))
        if self.chance(0.1):
            fields.append(("Expect", "100-continue"))
        return fields

    def body(self):
        """A body, and the fields that state its length, correctly or not."""
        pick = self.random.randrange(8)
        if pick == 0:
            body = self.noise(self.random.choice([1, 100, 20_000])).encode()
            return body, [("Content-Length", str(len(body) + self.random.choice([0, 0, 0, -1, 1, 1000])))]
        if pick == 1:
            return self.chunks(), [("Transfer-Encoding", self.random.choice(["chunked", "chunked", "Chunked", "gzip, chunked", "x"]))]
        if pick == 2:
            return self.chunks(), [("Transfer-Encoding", "chunked"), ("Content-Length", "3")]
        if pick == 3 and self.chance(0.3):
            return b"", [("Content-Length", self.random.choice(["-1", "0x10", "99999999999999999999", " ", "1, 1", "3"]))]
        return b"", []

    def chunks(self):
        sizes = [self.random.choice(["1", "5", "0010", "fffffffffffffffff", "-1", "2;x=y", ""]) for _ in range(3)]
        return b"".join(f"{size}\r\n{'x' * 16}\r\n".encode() for size in sizes) + b"0\r\nX-API-Key: late\r\n\r\n"

    def mutated(self, data):
        data = bytearray(data)
        for _ in range(self.random.choice([1, 1, 2, 8])):
            at = self.random.randrange(len(data))
            kind = self.random.randrange(4)
            if kind == 0:
                data[at] = self.random.randrange(256)
            elif kind == 1:
                del data[at : at + self.random.choice([1, 2, 40])]
            elif kind == 2:
                data[at:at] = bytes([self.random.randrange(256)]) * self.random.choice([1, 3, 5000])
            else:
                data[at:at] = data[at : at + 80]
            if not data:
                return b"\r\n"
        return bytes(data)

    # HTTP/2

    def http2(self):
        data = (PREFACE if self.chance(0.97) else self.mutated(PREFACE)) + frame(SETTINGS, 0, 0, self.settings())
        stream = 1
        for _ in range(self.random.choice([1, 2, 4, 20])):
            data += self.http2_request(stream)
            for _ in range(self.random.choice([0, 0, 1, 3])):
                data += self.odd_frame(stream)
            stream += 2 if self.chance(0.97) else self.random.choice([-2, 0, 1, 2**20])
            stream = max(stream, 0)
        return data

    def settings(self):
        pairs = [(self.random.randrange(8), self.random.choice([0, 1, 100, 16384, 2**24, 2**31 - 1, 2**32 - 1]))
                 for _ in range(self.random.choice([0, 0, 1, 4]))]
        payload = b"".join(struct.pack(">HI", *pair) for pair in pairs)
        return payload[:-1] if self.chance(0.02) else payload

    def http2_request(self, stream):
        if self.chance(0.1):
            fields = [(name.lower(), value) for name, value in self.twice()]
            return self.headers(stream, self.block(self.pseudo(self.targets[0]) + fields))
        fields, query = self.credentials()
        target = self.random.choice(self.targets) + (f"?{query}"[:LONGEST_FIELD] if query else "")
        pseudo = self.pseudo(target)
        if self.chance(0.05):
            self.random.shuffle(pseudo)
        if self.chance(0.03):
            pseudo.pop()
        fields = [(name.lower() if self.chance(0.97) else name, value[:LONGEST_FIELD])
                  for name, value in fields + self.other_fields()]
        return self.headers(stream, self.broken(self.block(pseudo + fields[:40])))

    def pseudo(self, target):
        method = self.random.choice(METHODS) if self.chance(0.2) else "GET"
        return [(":method", method), (":scheme", "http"), (":authority", "gateway"), (":path", target)]

    def block(self, fields):
        return b"".join(self.field(*field) for field in fields)

    def broken(self, block):
        if self.chance(0.95):
            return block
        return block[: self.random.randrange(len(block))] + bytes([self.random.randrange(256)])

    def field(self, name, value):
        try:
            return literal(name, value)
        except UnicodeEncodeError:
            return literal(name, "odd")

    def headers(self, stream, block):
        """A block in one frame, or in many."""
        ends = END_STREAM if self.chance(0.8) else 0
        size = self.random.choice([16384, 16384, 16384, 100, 7])
        parts = [block[at : at + size] for at in range(0, len(block), size)][:300] or [b""]
        data = frame(HEADERS, ends | (END_HEADERS if len(parts) == 1 else 0), stream, parts[0])
        for number, part in enumerate(parts[1:], 2):
            data += frame(CONTINUATION, END_HEADERS if number == len(parts) else 0, stream, part)
        return data if ends else data + frame(DATA, END_STREAM if self.chance(0.8) else 0, stream, b"x" * self.random.choice([0, 1, 9000]))

    def odd_frame(self, stream):
        pick = self.random.randrange(8)
        if pick < 3:
            return frame(RST_STREAM, 0, self.random.choice([stream, stream, 1]), struct.pack(">I", self.random.choice([0, 8])))
        if pick == 3:
            return frame(WINDOW_UPDATE, 0, self.random.choice([0, stream]), struct.pack(">I", self.random.choice([1, 0, 2**31 - 1])))
        if pick == 4:
            return frame(PRIORITY, 0, stream, struct.pack(">IB", self.random.choice([0, stream, 1]), 5))
        if pick == 5:
            return frame(PING, self.random.choice([0, ACK]), 0, b"12345678"[: self.random.choice([8, 8, 7])])
        if pick == 6:
            return frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)) if self.chance(0.3) else b""
        return frame(self.random.randrange(256), self.random.randrange(256), stream, self.noise(20).encode()) if self.chance(0.3) else b""
