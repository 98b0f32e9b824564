"""A hundred thousand organizations: added, given keys, and authenticated with all of them."""

import time

from harness.http_client import bearer
from harness.topology import behind_a_proxy

LIMIT_SECONDS = 60
COUNT = 100_000

# The delay of the store's answers: less than the timeout.
ANSWER_SECONDS = 0.3

# Requests that are sent before their answers are read.
DEPTH = 200


def owners(sandbox):
    """A file with that many organizations."""
    file = sandbox.folder / "owners"
    file.write_text("".join(f"org-{number} owner-{number % 100}\n" for number in range(COUNT)))
    return file


def use(sandbox, keys):
    with sandbox.connect() as connection:
        for start in range(0, len(keys), DEPTH):
            requests = [("/api", bearer(key)) for key in keys[start : start + DEPTH]]
            assert {answer.status for answer in connection.pipeline(requests)} == {200}


def uses_recorded_since(sandbox, milliseconds):
    shards = sandbox.redis.cli("KEYS", "latchkey:used:*").split()
    return sum(int(sandbox.redis.cli("ZCOUNT", shard, milliseconds, "+inf")) for shard in shards)


def test_a_hundred_thousand_take_less_than_a_minute(sandboxes):
    sandbox = sandboxes(workers=1)
    file = owners(sandbox)
    commands = (["org", "add", "--from", file], ["generate", "--from", file], ["generate", "--from", file])

    for command, lines in zip(commands, (0, COUNT, 0)):
        began = time.monotonic()
        result = sandbox.latchkey.run(*command, timeout=300)
        took = time.monotonic() - began
        print(f"{' '.join(map(str, command[:2]))}: {took:.1f} s")
        assert result.code == 0 and len(result.out.splitlines()) == lines
        assert took < LIMIT_SECONDS


@behind_a_proxy
def test_a_worker_that_ends_records_all_last_uses_even_if_that_takes_seconds(sandboxes):
    sandbox = sandboxes(workers=1, proxied=True)
    file = owners(sandbox)
    sandbox.latchkey.run("org", "add", "--from", file, timeout=300)
    lines = sandbox.latchkey.run("generate", "--from", file, timeout=300).out.splitlines()

    keys = [line.partition("\t")[2] for line in lines]
    use(sandbox, keys)

    sandbox.proxy.delay = ANSWER_SECONDS  # so that hardly any use is written before the end
    began = int(time.time() * 1000)
    use(sandbox, keys)
    assert uses_recorded_since(sandbox, began) < COUNT / 2
    assert sandbox.nginx.stop()

    assert uses_recorded_since(sandbox, began) == COUNT
