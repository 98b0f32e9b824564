"""A Redis that reports another version and another time."""

import time

from harness.fake_redis import FakeRedis, array, bulk


class OldRedis(FakeRedis):
    """A Redis of another era, with another clock."""

    def __init__(self, path, version, behind=0):
        super().__init__(path, record=lambda _: array(*[b"$-1\r\n"] * 12))
        self.version, self.behind = version, behind

    def reply(self, words):
        match words[0]:
            case b"INFO":
                return bulk(f"redis_version:{self.version}\r\nrole:master\r\naof_enabled:1\r\n".encode())
            case b"TIME":
                return array(bulk(str(int(time.time()) - self.behind).encode()), bulk(b"0"))
            case b"HGETALL":
                return array()
            case b"SCAN":
                return array(bulk(b"0"), array())
        return super().reply(words)
