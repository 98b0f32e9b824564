"""What nginx does without the module, for comparison: `make reloads` runs this."""

from harness.plain_nginx import PlainNginx
from harness.reloading import WORKERS, assert_all_answered, assert_flat, reload_many
from harness.traffic import kinds_of


def test_nginx_alone_loses_no_request_and_leaves_nothing_behind(sandboxes):
    gate = sandboxes(start=False)
    key = 40 * "k"
    gate.nginx = PlainNginx(gate.folder / "plain", key, workers=WORKERS)
    gate.nginx.start()

    load, footprints = reload_many(gate.nginx, kinds_of(key))

    assert_all_answered(load, gate.nginx)
    assert_flat(footprints)
