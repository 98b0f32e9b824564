"""README's way from nothing to a protected API, and back, as printed, in a fresh Debian."""

import re

import pytest
from debian_root import ROOT

KEY = re.compile(r"lk_[0-9A-Za-z]{14}_[0-9A-Za-z]{46}")


def printed(heading):
    """The commands that README shows in the section of a heading, block by block."""
    section = (ROOT / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return [re.findall(r"^\$ (.*?)(?:  +#.*)?$", block, re.MULTILINE) for block in blocks]


@pytest.fixture
def protected(debian):
    """A Debian after README's six commands, and the key that the last one has shown."""
    commands, _ = printed("From nothing to a protected API")
    assert len(commands) == 6
    shown = ""
    for command in commands:
        shown = debian.must(with_yes(command), "admin", folder="/home/admin")
    debian.key = KEY.search(shown)[0]
    return debian


def with_yes(command):
    """apt asks whether to continue; nobody answers here."""
    return re.sub(r"\bapt-get (install|remove|purge)\b", r"apt-get \1 --yes", command)


def asked(debian, command):
    return debian.must(re.sub(r"lk_\S*?…", debian.key, command), "admin")


def test_six_commands_lead_to_an_api_that_needs_a_key(protected):
    _, (without, with_key) = printed("From nothing to a protected API")

    refused, answered = asked(protected, without), asked(protected, with_key)

    assert refused.startswith("HTTP/1.1 401 ") and "An API key is required." in refused
    assert answered.startswith("HTTP/1.1 200 ") and answered.endswith("Hello, acme\n")
    protected.must("latchkey revoke acme --yes --as alice")
    assert asked(protected, with_key).startswith("HTTP/1.1 401 ")


def test_remove_and_purge_as_printed_leave_nginx_at_work_and_the_pepper_in_place(protected):
    remove, = printed("Remove")
    pepper = protected.must("sudo cat /etc/latchkey/pepper", "admin")

    for command in remove:
        protected.must(with_yes(command), "admin")

    protected.must("nginx -t && service nginx status")
    assert protected.must("cat /etc/latchkey/pepper") == pepper
    left = protected.must("find / -xdev -iname '*latchkey*' -not -path '/proc/*' -not -path '/home/*' -not -path '/var/lib/dpkg/*' "
                          "-not -path '/var/cache/*' -not -path '/run/*'").split()
    assert [path for path in left if not path.startswith("/etc/latchkey")] == []
    assert protected.must("dpkg-query -W -f '${Package} ${db:Status-Status}\\n' | grep latchkey || true") == ""


def test_a_purge_that_is_told_to_removes_the_pepper(protected):
    protected.must("echo latchkey latchkey/remove-pepper boolean true | debconf-set-selections")

    protected.must("rm /etc/nginx/conf.d/api.conf && nginx -s reload && apt-get purge --yes latchkey libnginx-mod-http-latchkey")

    assert not (protected.path / "etc/latchkey").exists()


def test_the_daily_examination_is_on_and_the_nightly_export_is_to_be_switched_on(protected):
    wanted = {path.name for path in (protected.path / "etc/systemd/system/timers.target.wants").iterdir()}

    assert {name for name in wanted if "latchkey" in name} == {"latchkey-doctor.timer"}
    assert (protected.path / "lib/systemd/system/latchkey-export.timer").exists()
    protected.must("/usr/lib/latchkey/nightly-export")
    assert protected.must("stat -c '%A %n' /var/lib/latchkey/exports/*").startswith("-rw------- /var/lib/latchkey/exports/records-")


def test_examples_permissions_alerts_and_the_dashboard_come_with_the_package(protected):
    examples = protected.path / "usr/share/doc/latchkey/examples"
    for name in ("site.conf", "alerts.yml", "grafana-dashboard.json", "gitleaks.toml"):
        assert (examples / name).is_file(), name
    for source, installed in ((ROOT / "nginx-conf", examples / "nginx-conf"), (ROOT / "docs/acl", examples / "acl")):
        paths = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
        assert len(paths) > 5 and [path for path in paths if not (installed / path).is_file()] == []


def test_a_reinstallation_finds_its_keys_again(protected):
    protected.must("apt-get purge --yes latchkey && apt-get install --yes --no-install-recommends ./latchkey_*.deb", folder="/home/admin")

    assert protected.must(f"echo -n {protected.key} | latchkey verify") == "valid: acme\n"


def test_the_smoke_test_of_the_packages_passes(debian):
    debian.copy(ROOT / "packaging/debian/tests", "/tests")
    debian.must("apt-get install --yes --no-install-recommends ./latchkey_*.deb ./liblatchkey*.deb ./libnginx-*.deb nginx redis-server",
                folder="/home/admin")

    debian.must("/tests/smoke")


def test_the_console_is_installed_with_its_account_and_is_not_started_without_a_configuration(debian):
    debian.must("apt-get install --yes --no-install-recommends ./latchkey-console_*.deb systemd-standalone-sysusers "
                "systemd-standalone-tmpfiles", folder="/home/admin")

    assert "latchkey" in debian.must("id latchkey-console")
    assert debian.run("latchkey-console --check").returncode == 78
