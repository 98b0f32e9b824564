"""The packages where systemd is process 1: timers, the console's service, and an upgrade of an nginx that systemd has started."""

import pytest
from debian_root import ROOT
from next_release import current_abi, next_release

INSTALL = "apt-get install --yes --no-install-recommends ./latchkey_*.deb ./liblatchkey*.deb ./libnginx-*.deb nginx redis-server python3"
CONSOLE = "apt-get install --yes --no-install-recommends ./latchkey-console_*.deb"

# systemd does not wait for the socket.
READY = ("curl --silent --retry 60 --retry-delay 1 --retry-all-errors --write-out '%{http_code}' "
         "--unix-socket /run/latchkey-console/http.sock http://console/readyz")

SETTINGS = """\
include /etc/latchkey/latchkey.conf;
latchkey_console_origin   https://app.example.com;
latchkey_console_identity header X-Latchkey-User;
"""


@pytest.fixture
def booted(debian):
    """A Debian that has been booted, with nginx, Redis and the packages but the console's."""
    if not debian.boot():
        pytest.skip("systemd cannot be process 1 here")
    debian.must(INSTALL, folder="/home/admin")
    return debian


def state(debian, unit):
    """Whether a unit is on, and whether it runs."""
    return tuple(debian.run(f"systemctl {question} {unit}").stdout.strip() for question in ("is-enabled", "is-active"))


def protect(debian):
    debian.copy(ROOT / "packaging/debian/tests", "/tests")
    debian.must(". /tests/common.sh && protect")


def configure_console(debian):
    """As CONSOLE.md says."""
    debian.must("chgrp latchkey /etc/latchkey/pepper && chmod 0640 /etc/latchkey/pepper")
    debian.must("echo 'latchkey_delegates latchkey-console;' >> /etc/latchkey/latchkey.conf")
    debian.copy_text("/etc/latchkey/console.conf", SETTINGS)


def main_process(debian, unit):
    return int(debian.must(f"systemctl show --property=MainPID --value {unit}"))


def test_the_daily_examination_waits_for_its_time_and_the_nightly_export_is_off(booted):
    assert state(booted, "latchkey-doctor.timer") == ("enabled", "active")
    assert state(booted, "latchkey-export.timer") == ("disabled", "inactive")
    assert "latchkey-doctor.timer" in booted.must("systemctl list-timers --no-legend")
    booted.must("systemctl start latchkey-doctor latchkey-export")  # without a configuration they have nothing to do
    booted.must("apt-get install --yes --reinstall ./latchkey_*.deb", folder="/home/admin")
    assert state(booted, "latchkey-export.timer") == ("disabled", "inactive")

    protect(booted)
    assert booted.run("systemctl start latchkey-doctor").returncode == 1
    assert "latchkey-doctor.service" in booted.must("systemctl --failed --no-legend")
    assert "store.persistence" in booted.must("journalctl -u latchkey-doctor")  # Redis keeps only snapshots
    booted.must("systemctl start latchkey-export && systemctl enable --now latchkey-export.timer")
    assert state(booted, "latchkey-export.timer") == ("enabled", "active")
    assert booted.must("stat -c '%A %U' /var/lib/latchkey/exports/*") == "-rw------- root\n"


def test_a_purge_stops_the_timers_and_leaves_nginx_at_work(booted):
    booted.must("systemctl enable --now latchkey-export.timer")

    booted.must("apt-get purge --yes latchkey libnginx-mod-http-latchkey")

    assert booted.must("systemctl list-units --all --no-legend 'latchkey*'") == ""
    assert booted.must("systemctl list-unit-files --no-legend 'latchkey*' || true") == ""
    assert state(booted, "nginx") == ("enabled", "active")


def test_the_console_runs_once_it_is_configured_and_a_new_package_restarts_it(booted):
    booted.must(CONSOLE, folder="/home/admin")
    assert state(booted, "latchkey-console") == ("disabled", "inactive")
    protect(booted)
    configure_console(booted)

    booted.must("runuser -u latchkey-console -- latchkey-console --check")
    booted.must("systemctl enable --now latchkey-console")

    assert state(booted, "latchkey-console") == ("enabled", "active")
    assert booted.must(READY) == "204"
    former = main_process(booted, "latchkey-console")
    booted.must(f"{CONSOLE} --reinstall", folder="/home/admin")
    assert state(booted, "latchkey-console") == ("enabled", "active")
    assert main_process(booted, "latchkey-console") not in (0, former)

    booted.must("apt-get purge --yes latchkey-console")
    assert booted.run("systemctl is-active latchkey-console").returncode != 0
    assert "latchkey-consol\n" not in booted.must("cat /proc/[0-9]*/comm")


def test_an_upgrade_under_traffic_replaces_the_nginx_that_systemd_has_started(booted, tmp_path):
    next_release(tmp_path / "next", current_abi() + 1)
    booted.copy(tmp_path / "next", "/next")
    booted.copy(ROOT / "packaging/debian/tests", "/tests")
    booted.must("systemctl enable --now latchkey-export.timer")
    former = main_process(booted, "nginx")

    print(booted.must("/tests/upgrade", environment={"LATCHKEY_NEXT": "/next"}))

    booted.must("for try in $(seq 100); do test -e /run/nginx.pid.oldbin || exit 0; sleep 0.1; done; exit 1")
    for unit in ("nginx", "latchkey-doctor.timer", "latchkey-export.timer"):
        assert state(booted, unit) == ("enabled", "active")
    assert main_process(booted, "nginx") == int(booted.must("cat /run/nginx.pid")) != former
    booted.must("systemctl reload nginx && systemctl restart nginx && systemctl is-active nginx")
