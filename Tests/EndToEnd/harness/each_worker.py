"""Connections to chosen workers: otherwise one worker accepts most of them."""

from contextlib import ExitStack, contextmanager

from harness import processes


@contextmanager
def connection_to_each(gate):
    """A connection to each worker, by process ID."""
    with ExitStack() as stack:
        yield {worker: stack.enter_context(connection_to(gate, worker)) for worker in gate.nginx.workers()}


def connection_to(gate, worker):
    """A connection accepted by one worker while the others were frozen."""
    others = gate.nginx.workers() - {worker}
    for each in others:
        processes.freeze(each)
    connection = gate.connect()
    try:
        assert connection.request("/open").worker == worker
    finally:
        for each in others:
            processes.thaw(each)
    return connection
