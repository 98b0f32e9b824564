"""Two owners' consoles generate at the same time: one key works afterwards, and both reported the truth."""

import os

from harness.executable import DONE
from harness.key_forge import record_key
from harness.load import at_once
from harness.sandbox import OWNER

PAIRS = int(os.environ.get("PAIRS", 20))


def test_of_two_keys_made_at_the_same_time_the_later_one_works(sandbox):
    sandbox.add()
    for _ in range(PAIRS):
        before = int(sandbox.redis.hash(record_key("acme"))["version"])

        results = at_once(2, lambda: sandbox.latchkey.run("generate", "acme", "--yes", as_=OWNER))

        # Each command reported a new key and printed it.
        assert [result.code for result in results] == [DONE, DONE]
        keys = [sandbox.latchkey.remember(result.out.strip()) for result in results]
        assert len(set(keys)) == 2
        assert int(sandbox.redis.hash(record_key("acme"))["version"]) == before + 2

        assert sorted(sandbox.status_of(key) for key in keys) == [200, 401]
        assert sorted(sandbox.latchkey.verify(key).code for key in keys) == [DONE, 1]
