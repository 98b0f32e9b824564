"""Packages of the next release: the same files under a later version, with the same interface or with another."""

import re
import shutil
import subprocess
from pathlib import Path

from debian_root import PACKAGES, ROOT

MODULE = "usr/lib/nginx/modules/ngx_http_latchkey_module.so"


def next_release(folder, abi=None):
    """Makes the packages in a folder; returns the version that their library has.

    With `abi`, module and library have that interface, and the library has a package of its own beside the former one.
    """
    folder.mkdir()
    now = current_abi()
    version = None
    for package in PACKAGES.glob("*.deb"):
        name = package.name.split("_")[0]
        if name == "latchkey-console":
            continue
        tree = folder / name
        subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True, timeout=60)
        control = (tree / "DEBIAN/control").read_text()
        control = re.sub(r"(?m)^(Version: .*)$", r"\1+next", control)
        if abi:
            control = control.replace(f"liblatchkey{now}", f"liblatchkey{abi}")
        (tree / "DEBIAN/control").write_text(control)
        if name.startswith("liblatchkey"):
            version = change_library(tree / "usr/lib/latchkey", now, abi)
            if abi:
                (tree / f"usr/share/doc/{name}").rename(tree / f"usr/share/doc/liblatchkey{abi}")
        elif name == "latchkey":
            version = change_version(tree / "usr/bin/latchkey")
        elif abi:
            build_module(folder / "module", tree / MODULE, abi)
        (tree / "DEBIAN/md5sums").unlink()
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, folder / f"{name}_next.deb"], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
    return version


def current_abi():
    (package,) = PACKAGES.glob("liblatchkey*.deb")
    return int(re.match(r"liblatchkey(\d+)_", package.name)[1])


def release():
    text = (ROOT / "Sources/Keyring/Configuration/Release.swift").read_text()
    return re.search(r'version = "(.*)"', text)[1]


def change_version(path):
    """The program or library as a later release would have it."""
    version = release()
    later = version[:-1] + ("8" if version.endswith("9") else "9")
    contents = path.read_bytes()
    assert version.encode() in contents
    path.write_bytes(contents.replace(version.encode(), later.encode()))
    return later


def change_library(folder, now, abi):
    library = folder / f"liblatchkey.so.{now}"
    later = change_version(library)
    if abi:
        inner = folder / f"of-{abi}"
        inner.mkdir()
        library.rename(inner / library.name)
        source = f"unsigned latchkey_abi_version(void) {{ return {abi}; }}"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", folder / f"liblatchkey.so.{abi}", "-x", "c", "-", "-x", "none",
             f"-Wl,--no-as-needed,-rpath,/usr/lib/latchkey/{inner.name}", inner / library.name],
            input=source, text=True, check=True, timeout=60,
        )
    return later


def build_module(work, destination, abi):
    """The module, built for another number of the interface."""
    for part in ("CBridge", "scripts"):
        shutil.copytree(ROOT / part, work / part)
    header = Path(work / "CBridge/abi/latchkey.h")
    header.write_text(re.sub(r"(#define LATCHKEY_ABI_VERSION) \d+", rf"\1 {abi}", header.read_text()))
    subprocess.run([work / "scripts/build-module", "/usr/lib/latchkey", "build/module.so"], check=True, timeout=600)
    shutil.copy(work / "build/module.so", destination)
    shutil.rmtree(work)
