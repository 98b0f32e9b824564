"""What the module makes of a gateway's links that Latchkey's own does not order today, with a gateway that does."""

import re
import threading
import time
from collections import Counter

import pytest

from harness import libraries
from harness.artefacts import ROOT
from harness.dns_server import DNSServer
from harness.fake_redis import PONG
from harness.polling import wait_until
from harness.topology import one_redis
from harness.wrong_peers import HandshakeServer, resetting

pytestmark = one_redis("the library of these tests opens links to one server")

LINKS_MAX = int(re.search(r"LATCHKEY_LINKS_MAX (\d+)", (ROOT / "CBridge/abi/latchkey.h").read_text())[1])

# By the numbers that the gateway gives them: the failures of latchkey.h.
FAILURES = {1: "TLS", 2: "UNREACHABLE", 3: "UNRESOLVED", LINKS_MAX: "EXHAUSTED"}

OPENED = LINKS_MAX - 3

# More than a socket takes, in pieces that are smaller than the module's buffer.
CHECKS, PINGS = 150, 600


# Of one name: nobody listens at the first.
WRONG_ADDRESS, RIGHT_ADDRESS = "127.0.0.2", "127.0.0.3"


def library(folder, *options):
    folder.chmod(0o755)
    source = (ROOT / "Tests/EndToEnd/harness/many_links.c").read_text()
    return libraries.compiled(folder / "liblatchkey.so", source, f"-I{ROOT}/CBridge/abi", *options)


@pytest.fixture
def gate(sandboxes, tmp_path):
    gate = sandboxes(workers=1, library=library(tmp_path), tls=None)
    gate.expect("/nobody/listens/here.sock")
    return gate


def start_with_store(gate, store):
    gate.expect("/nobody/listens/here.sock")
    settings = gate.folder / "gateway.conf"
    settings.write_text(re.sub("(?m)^latchkey_store .*$", f"latchkey_store {store};", gate.config.read_text()))
    gate.nginx.configure(settings=settings)
    gate.nginx.start()


def failures(gate):
    lines = gate.nginx.lines("latchkey: link")
    found = [re.search(r"link (\d+) failed: (\d+)", line) for line in lines]
    return [(int(each[1]), int(each[2])) for each in found if each]


def answers(gate):
    return sum(int(number) for number in re.findall(r"is ready, with (\d+)", gate.nginx.error_log()))


def number_of(failure):
    return int(re.search(rf"LATCHKEY_FAILURE_{failure} = (\d+)", (ROOT / "CBridge/abi/latchkey.h").read_text())[1])


def test_as_many_links_are_opened_as_there_may_be_and_each_failure_has_its_reason(gate):
    wait_until(lambda: gate.nginx.lines(f"is ready, with {OPENED}"), "each link that was opened moves bytes")

    assert dict(failures(gate)) == {link: number_of(failure) for link, failure in FAILURES.items()}


def test_an_order_with_tls_is_refused_and_the_log_says_why(gate):
    (line,) = wait_until(lambda: gate.nginx.lines("TLS"), "the refusal is logged")

    assert "[error]" in line and f"the store at unix:{gate.redis.socket} needs TLS, which this module was built without" in line


def test_links_that_are_lost_are_reported_as_such(gate):
    wait_until(lambda: gate.nginx.lines(f"is ready, with {OPENED}"), "the links are open")

    gate.redis.stop()

    lost = number_of("LOST")
    wait_until(lambda: sum(reason == lost for _, reason in failures(gate)) == OPENED, "all are lost")
    gate.redis.start()


def test_a_worker_that_exits_hands_over_the_output_of_all_links_and_what_follows_in_time(gate):
    wait_until(lambda: gate.nginx.lines(f"is ready, with {OPENED}"), "the links are open")
    worker = gate.nginx.worker()

    gate.nginx.reload()
    wait_until(lambda: worker not in gate.nginx.workers(), "the old worker ends")

    assert gate.nginx.lines(f"answers last of {OPENED + 1}")


def test_output_that_is_ordered_while_the_store_takes_none_follows_once_it_does(gate):
    wait_until(lambda: gate.nginx.lines(f"is ready, with {OPENED}"), "the links are open")
    gate.redis.freeze()

    for _ in range(CHECKS):
        assert gate.status_of("any") == 503
    gate.redis.thaw()

    wait_until(lambda: gate.nginx.lines(f"is ready, with {CHECKS * PINGS}"), "all is answered")


def test_an_address_of_a_name_is_left_for_the_others_however_lookups_shuffle_them(sandboxes, tmp_path):
    with DNSServer(store=[WRONG_ADDRESS, RIGHT_ADDRESS]) as names:
        gate = sandboxes(
            workers=1, library=library(tmp_path, "-DREOPEN"), tcp=True, tls=None, start=False, http=names.resolver,
            redis_options=("--bind", "127.0.0.1", RIGHT_ADDRESS))

        start_with_store(gate, f"store.test:{gate.redis.port}")

        wait_until(lambda: answers(gate) == OPENED, "each link that was opened moves bytes")
    failed = Counter(link for link, _ in failures(gate))
    assert len(failed) > len(FAILURES) and max(failed.values()) == 1


def test_links_that_are_reset_at_once_have_one_line_a_second(sandboxes, tmp_path):
    ended = threading.Event()

    def answering(connection):
        connection.sendall(PONG)
        ended.wait()
        resetting(connection)

    gate = sandboxes(workers=1, library=library(tmp_path), tls=None, start=False)
    with HandshakeServer(answering) as server:
        start_with_store(gate, f"127.0.0.1:{server.port}")
        wait_until(lambda: answers(gate) == OPENED, "the links are open")
        began = int(time.time())
        wait_until(lambda: int(time.time()) > began, "the second of the first failures is over")

        ended.set()

        lost = number_of("LOST")
        wait_until(lambda: sum(reason == lost for _, reason in failures(gate)) == OPENED, "all are lost")
    lines = gate.nginx.lines("Connection reset by peer")
    assert max(Counter(line.split(" [")[0] for line in lines).values()) == 1
