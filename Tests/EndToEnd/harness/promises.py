"""What no test may excuse, whatever the machine did meanwhile."""


class BrokenPromise(AssertionError):
    """A request was accepted with a key whose end a command had confirmed before."""


def check_refused(statuses):
    """None of the requests that began after a key's confirmed end was accepted."""
    if 200 in statuses:
        raise BrokenPromise(f"a key that has ended is accepted: {sorted(statuses)}")
