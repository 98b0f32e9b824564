"""A later release is installed over an earlier one, under traffic."""

import pytest
from debian_root import ROOT
from next_release import current_abi, next_release


@pytest.mark.parametrize("is_other_interface", [False, True], ids=["the same interface", "another interface"])
def test_an_upgrade_under_traffic_loses_no_request_and_no_last_use(debian, tmp_path, is_other_interface):
    abi = current_abi() + 1 if is_other_interface else None
    next_release(tmp_path / "next", abi)
    debian.copy(tmp_path / "next", "/next")
    debian.copy(ROOT / "packaging/debian/tests", "/tests")
    debian.must("apt-get install --yes --no-install-recommends ./latchkey_*.deb ./liblatchkey*.deb ./libnginx-*.deb nginx redis-server "
                "python3", folder="/home/admin")

    print(debian.must("/tests/upgrade", environment={"LATCHKEY_NEXT": "/next"}))

    libraries = sorted(path.name for path in (debian.path / "usr/lib/latchkey").glob("*.so.*"))
    assert libraries == sorted(f"liblatchkey.so.{number}" for number in {current_abi(), abi or current_abi()})
