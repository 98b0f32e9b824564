"""A later release is installed over an earlier one, under traffic."""

import os
from pathlib import Path

import pytest
from debian_root import PACKAGES, ROOT
from next_release import current_abi, next_release

# A folder with the packages of an earlier release or commit.
FORMER = os.environ.get("FORMER")

INSTALL = "apt-get install --yes --no-install-recommends ./latchkey_*.deb ./liblatchkey*.deb ./libnginx-*.deb nginx redis-server python3"


@pytest.mark.parametrize("is_other_interface", [False, True], ids=["the same interface", "another interface"])
def test_an_upgrade_under_traffic_loses_no_request_and_no_last_use(debian, tmp_path, is_other_interface):
    abi = current_abi() + 1 if is_other_interface else None
    next_release(tmp_path / "next", abi)
    debian.copy(tmp_path / "next", "/next")
    debian.copy(ROOT / "packaging/debian/tests", "/tests")
    debian.must(INSTALL, folder="/home/admin")

    print(debian.must("/tests/upgrade", environment={"LATCHKEY_NEXT": "/next"}))

    libraries = sorted(path.name for path in (debian.path / "usr/lib/latchkey").glob("*.so.*"))
    assert libraries == sorted(f"liblatchkey.so.{number}" for number in {current_abi(), abi or current_abi()})
    assert loaded_libraries(debian) == {f"liblatchkey.so.{abi or current_abi()}"}


@pytest.mark.skipif(not FORMER, reason="FORMER= names no folder with the packages of an earlier commit")
def test_an_upgrade_from_packages_of_an_earlier_commit_loses_no_request_and_no_last_use(debian):
    for folder, packages in (("former", Path(FORMER).resolve()), ("next", PACKAGES)):
        for pattern in ("latchkey_*.deb", "liblatchkey*.deb", "libnginx-*.deb"):
            package, = packages.glob(pattern)
            debian.copy(package, f"/{folder}/{package.name}")
    debian.copy(ROOT / "packaging/debian/tests", "/tests")
    debian.must(INSTALL, folder="/former")
    assert debian.must("dpkg-query -W -f '${Version}' latchkey") not in [name.split("_")[1] for name in os.listdir(debian.path / "next")]

    print(debian.must("/tests/upgrade", environment={"LATCHKEY_NEXT": "/next"}))

    assert loaded_libraries(debian) == {f"liblatchkey.so.{current_abi()}"}


def loaded_libraries(debian):
    """What the processes of nginx have loaded, once those of before have ended."""
    debian.must("for try in $(seq 100); do test -e /run/nginx.pid.oldbin || exit 0; sleep 0.1; done; exit 1")
    found = debian.must("cat /proc/[0-9]*/maps | sed -n 's,.* /usr/lib/latchkey/,,p'").splitlines()
    return {line for line in found if line.startswith("liblatchkey")}
