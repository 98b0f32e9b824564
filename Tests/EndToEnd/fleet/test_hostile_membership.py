"""Members that are lost from the list, fall silent or leave while a key is ended.

Clients use the old key all the time. Once the command has succeeded, no request that begins later is accepted.
For the long run: make hostile N=100
"""

import re
from contextlib import ExitStack

import pytest

from harness.executable import DONE, NOT_CONFIRMED
from harness.key_forge import record_key
from harness.old_keys import ROUNDS, OldKeys, end_key, finish_ending, start_ending
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.separate_links import CutOff, Frozen, HalfOpen, SeparateLinks
from harness.topology import behind_a_proxy

pytestmark = behind_a_proxy

LEASE = "latchkey_lease 300ms;"
GRACE = "latchkey_outage_grace 2s;"

# While nginx starts, clients may come before the API's own socket is there.
NO_API = r"\[crit\] .* connect\(\) to unix:.*/api\.sock failed \(2: "


@pytest.fixture
def fleets():
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SeparateLinks(**options))


@pytest.fixture
def pair(fleets):
    pair = fleets(gateways=2, settings=LEASE + "\n" + GRACE)
    pair.expect(NO_SOCKET, NO_API)
    pair.wait_for_members()
    return pair


def version(fleet, organization):
    return fleet.redis.hash(record_key(organization)).get("version")


def wait_for_change(fleet, organization, before):
    wait_until(lambda: version(fleet, organization) not in (None, before), "the change is stored")


@pytest.mark.parametrize("loss", [CutOff, HalfOpen])
def test_a_gateway_in_its_grace_is_waited_for_after_the_membership_list_was_deleted(pair, loss):
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            clients.use(pair.key())
            gateway = pair.gateways[number % 2]
            lost = loss(gateway)
            clients.wait_for_grace(gateway)
            pair.delete_list()

            result = end_key(pair, number)

            clients.check_through_return(result, lost)


@pytest.mark.parametrize("loss", [CutOff, HalfOpen])
def test_a_gateway_in_its_grace_is_waited_for_when_only_the_others_joined_a_deleted_list_again(pair, loss):
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            clients.use(pair.key())
            gateway, other = pair.gateways if number % 2 else reversed(pair.gateways)
            lost = loss(gateway)
            clients.wait_for_grace(gateway)
            pair.delete_list()
            pair.wait_for_member(other)

            result = end_key(pair, number)

            clients.check_through_return(result, lost)


@pytest.mark.parametrize("loss", [CutOff, HalfOpen])
def test_a_gateway_in_its_grace_is_waited_for_although_an_emptied_store_holds_no_record(pair, loss):
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            organization = f"acme-{number}"
            clients.use(pair.key(organization))
            gateway = pair.gateways[number % 2]
            lost = loss(gateway)
            clients.wait_for_grace(gateway)
            pair.redis.cli("FLUSHALL")
            pair.add(organization)

            result = pair.latchkey.run("generate", organization, as_=OWNER)

            pair.latchkey.remember(result.out.strip())
            clients.check_through_return(result, lost)


def test_an_import_into_an_emptied_store_ends_the_keys_that_it_does_not_hold(pair, tmp_path):
    """The store is emptied and filled from an export while a gateway is cut off: the key made after the export has ended."""
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            organization = f"acme-{number}"
            pair.key(organization)
            archive = tmp_path / "records"
            archive.write_text(pair.latchkey.must("export"))
            clients.use(pair.latchkey.generate(organization, as_=OWNER))
            gateway = pair.gateways[number % 2]
            lost = CutOff(gateway)
            clients.wait_for_grace(gateway)
            pair.redis.cli("FLUSHALL")

            result = pair.latchkey.run("import", archive)

            clients.check_through_return(result, lost)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["list_kept", "list_deleted"])
def test_a_grace_that_is_longer_than_that_of_the_executables_file_is_waited_out(fleets, is_deleted):
    pair = fleets(gateways=2, settings=LEASE, gateway_settings=GRACE)
    pair.wait_for_members()
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            clients.use(pair.key())
            gateway, other = pair.gateways if number % 2 else reversed(pair.gateways)
            lost = CutOff(gateway)
            clients.wait_for_grace(gateway)
            if is_deleted:
                pair.delete_list()
                pair.wait_for_member(other)

            result = end_key(pair, number)

            clients.check_through_return(result, lost)


def test_a_gateway_whose_grace_outlasts_the_wait_is_named(fleets):
    pair = fleets(gateways=2, settings=LEASE, gateway_settings="latchkey_outage_grace 1h;")
    pair.wait_for_members()
    with OldKeys(pair) as clients:
        clients.use(pair.key("acme", "--no-wait"))
        gateway = pair.gateways[1]
        lost = CutOff(gateway)
        clients.wait_for_grace(gateway)
        before = version(pair, "acme")
        running = pair.latchkey.start("revoke", "acme", "--yes", as_=OWNER)
        wait_for_change(pair, "acme", before)
        clients.wait_for_refusal(pair.gateways[0], running.began)

        running.interrupt()

        result = running.finish()
        assert result.code == NOT_CONFIRMED
        assert re.search(rf"\(process {gateway.worker()}\) until ", result.err), result.err
        lost.end()
        clients.wait_for_refusal(gateway, result.ended)


@pytest.mark.parametrize("is_deleted", [False, True], ids=["list_kept", "list_deleted"])
@pytest.mark.parametrize("silence", [Frozen, CutOff, HalfOpen])
def test_a_gateway_that_acknowledges_and_leaves_does_not_stand_for_a_silent_one(pair, silence, is_deleted):
    leaving, silent = pair.gateways
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            clients.use(pair.key())
            lost = silence(silent)
            if is_deleted:
                pair.delete_list()
                pair.wait_for_member(leaving)
            running = start_ending(pair, number)
            clients.wait_for_refusal(leaving, running.began)

            assert leaving.stop()

            result = finish_ending(pair, running, number)
            if silence is Frozen:
                clients.wait_for_patience(silent, result.ended)
            else:
                clients.check(result, silent)
            lost.end()
            leaving.start()
            clients.check(result)
            pair.wait_for_members()


class Emptied:
    """All keys are deleted; the records are written back at once."""

    def __init__(self, fleet):
        names = ("acme", "umbrella")
        records = {record_key(name): fleet.redis.hash(record_key(name)) for name in names}
        fleet.redis.cli("FLUSHALL")
        fleet.redis.feed(["HSET", key, *sum(record.items(), ())] for key, record in records.items())


class Restarted:
    def __init__(self, fleet):
        fleet.redis.stop()
        fleet.redis.start()


@pytest.mark.parametrize("loss", [Emptied, Restarted])
def test_a_list_deleted_during_the_first_wait_after_a_loss_is_not_taken_for_whole(pair, loss):
    """The first change after the loss waits for workers that the list may lack. One more is lost during that wait."""
    pair.key("umbrella")
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            key = pair.key()
            clients.use(key)
            loss(pair)
            pair.wait_for_members()
            clients.use(key)
            before = version(pair, "umbrella")
            first = pair.latchkey.start("generate", "umbrella", "--yes", as_=OWNER)
            wait_for_change(pair, "umbrella", before)
            gateway, other = pair.gateways if number % 2 else reversed(pair.gateways)
            lost = CutOff(gateway)
            pair.delete_list()
            pair.wait_for_member(other)
            outcome = first.finish()
            assert outcome.code in (DONE, NOT_CONFIRMED), outcome.err
            pair.latchkey.remember(outcome.out.strip())

            result = end_key(pair, number)

            clients.check_through_return(result, lost)
