"""A hundred thousand organizations and their keys, each in less than a minute."""

import time

LIMIT_SECONDS = 60
COUNT = 100_000


def test_a_hundred_thousand_take_less_than_a_minute(sandboxes):
    sandbox = sandboxes(workers=1)
    file = sandbox.folder / "owners"
    file.write_text("".join(f"org-{number} owner-{number % 100}\n" for number in range(COUNT)))
    commands = (["org", "add", "--from", file], ["generate", "--from", file], ["generate", "--from", file])

    for command, lines in zip(commands, (0, COUNT, 0)):
        began = time.monotonic()
        result = sandbox.latchkey.run(*command, timeout=300)
        took = time.monotonic() - began
        print(f"{' '.join(map(str, command[:2]))}: {took:.1f} s")
        assert result.code == 0 and len(result.out.splitlines()) == lines
        assert took < LIMIT_SECONDS
