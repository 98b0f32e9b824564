"""Packages are tested in a fresh Debian: `make packages` and `make test-packages` make what these tests need."""

import pytest

from debian_root import PACKAGES, TARBALL, DebianRoot, is_root


def pytest_configure():
    if not is_root():
        pytest.exit("these tests need root: they make namespaces", returncode=1)
    if not TARBALL.exists() or not list(PACKAGES.glob("*.deb")):
        pytest.exit("run make test-packages: there are no packages, or there is no Debian", returncode=1)


@pytest.fixture
def debian():
    """A Debian with the packages in a folder of admin's, and nothing installed."""
    root = DebianRoot()
    try:
        for package in PACKAGES.glob("*.deb"):
            root.copy(package, f"/home/admin/{package.name}")
        yield root
    finally:
        root.close()
