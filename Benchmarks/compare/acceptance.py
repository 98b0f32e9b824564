"""The requests that a candidate accepts: those that it should, and those that it should not."""

import http.client

from compare.candidate import REFUSED
from harness.key_forge import with_checksum

HEADER = "X-API-Key"


def probes(keys):
    """Requests by their names: each a list of the keys that it comes with, and whether it should be accepted."""
    valid, other = keys.valid[7], keys.valid[8]
    forged = with_checksum(valid[:-14] + "0" * 8)
    return {
        "a valid key": ([valid], True),
        "no key": ([], False),
        "an empty key": ([""], False),
        "a forged key": ([forged], False),
        "a replaced key": ([keys.revoked[7]], False),
        "its letter case swapped": ([valid.swapcase()], False),
        "its last character cut off": ([valid[:-1]], False),
        "a character more": ([valid + "0"], False),
        "a valid key, then a forged one": ([valid, forged], False),
        "a forged key, then a valid one": ([forged, valid], False),
        "two organizations' keys": ([valid, other], False),
    }


def status(port, keys):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("GET", "/")
        for key in keys:
            connection.putheader(HEADER, key)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def acceptance(running):
    """Each probe's name, with what came of it and whether that is right, for all ways to the candidate."""
    return {
        name: {"status": (code := status(running.ports["own"], keys)), "let_in": code == 200, "should": should}
        for name, (keys, should) in probes(running.keys).items()
    }


def faults(running):
    """What makes a measurement pointless: a valid key that is refused, or a check that does not happen."""
    candidate = running.candidate
    for port in ("own", "upstream"):
        for keys, should in probes(running.keys).values():
            code = status(running.ports[port], keys)
            if should and code != 200:
                yield f"{candidate.name}, {port}: a valid key got {code}"
            if keys in ([], [""]) and not candidate.lets_everybody_in and code not in REFUSED:
                yield f"{candidate.name}, {port}: no key, and {code}"


def all_accept(stack):
    """What all candidates accept; fails where one does not work at all."""
    wrong = [fault for running in stack.running for fault in faults(running)]
    assert not wrong, "\n".join(wrong)
    return {
        running.candidate.name: acceptance(running)
        for running in stack.running if not running.candidate.lets_everybody_in
    }
