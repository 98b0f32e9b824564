"""Certificates for one test: an authority, and what it certifies."""

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

LOOPBACK = ("DNS:localhost", "IP:127.0.0.1")

# Only what `openssl ca` asks for; it alone sets the beginning of a certificate.
SETTINGS = """
[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
unique_subject = no
policy = any
default_md = sha256
rand_serial = yes
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[peer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = {purpose}
subjectAltName = {names}
"""


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate, of those that issued it except for the root, and of its key."""

    path: Path
    key: Path


class Authority:
    """Issues certificates from `begin` to `end` days from now; `path` is its own.

    With `issuer` it is an intermediate authority.
    """

    def __init__(self, folder, name="ca", begin=-1, end=365, issuer=None):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        (self.folder / "index").touch()
        self.issuer = issuer
        self.key = self.folder / "ca.key"
        self.path = self.sign("ca", name, "authority", begin, end, issuer or self)

    def server(self, names=LOOPBACK, name="server", purpose="serverAuth", begin=-1, end=365):
        """A certificate of a server with these names."""
        path = self.sign(name, name, "peer", begin, end, self, purpose, ",".join(names))
        if self.issuer:
            path.write_text(path.read_text() + self.path.read_text())
        return Certificate(path, self.folder / f"{name}.key")

    def client(self, name="client", **options):
        """A certificate of a client."""
        return self.server([f"DNS:{name}"], name, "clientAuth", **options)

    def sign(self, file, name, section, begin, end, issuer, purpose="serverAuth", names="DNS:none"):
        request, path = self.folder / f"{file}.csr", self.folder / f"{file}.crt"
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", self.folder / f"{file}.key", "-out", request)
        settings = self.folder / "openssl.cnf"
        settings.write_text(SETTINGS.format(folder=issuer.folder, purpose=purpose, names=names))
        signing = ["-selfsign"] if issuer is self and file == "ca" else ["-cert", issuer.path]
        openssl("ca", "-batch", "-notext", "-config", settings, "-keyfile", issuer.key, *signing, "-extensions", section,
                "-startdate", moment(begin), "-enddate", moment(end), "-in", request, "-out", path)
        return path


def moment(days):
    """A time as certificates write it."""
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True, timeout=60)
