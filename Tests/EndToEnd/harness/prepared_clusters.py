"""Clusters that are started before they are needed, because one takes two seconds until it serves, and no processor time."""

import atexit
import shutil
import tempfile
from pathlib import Path

from harness.cluster_store import STEADY, ClusterStore


def new_folder():
    """The folder of a sandbox."""
    folder = Path(tempfile.mkdtemp(prefix="latchkey-"))
    folder.chmod(0o755)  # other accounts may come as far as the executable does
    return folder


class PreparedCluster:
    """A cluster with the options that most tests use, in the folder of a sandbox to come."""

    def __init__(self, make_tls, program):
        self.folder = new_folder()
        self.tls = make_tls(self.folder / "tls") if make_tls else None
        self.store = ClusterStore(self.folder / "redis", program=program, tls=self.tls, **STEADY).launch()

    def end(self):
        self.store.end()
        shutil.rmtree(self.folder, ignore_errors=True)


waiting = {}


def take(make_tls, program):
    """A cluster of the test's own; the next one begins to start.

    make_tls   makes the StoreTLS in a folder; None: without TLS
    program    its servers'
    """
    kind = make_tls, program
    taken = waiting.pop(kind, None) or PreparedCluster(*kind)
    waiting[kind] = PreparedCluster(*kind)
    return taken


@atexit.register
def end_all():
    """Ends those that nobody has taken. The processes of pytest-xdist call it themselves: they end without a word."""
    while waiting:
        waiting.popitem()[1].end()
