"""The executable reaches Redis with TLS only if Redis proves its name, and says what is wrong otherwise."""

import shutil
import socket
import ssl
import subprocess

import pytest

from harness import acl
from harness.artefacts import IS_ROOT
from harness.certificates import LOOPBACK, Authority
from harness.executable import CONFIGURATION, DONE, NOT_PERMITTED, STORE_UNREACHABLE, clean_environment
from harness.libraries import compiled
from harness.sandbox import OWNER
from harness.secure_redis import (begin, executable, hang_up, listen, over_tls, peer, presenting, reset, serve, shaking_hands,
                                  speak_http)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def refusal(latchkey, code=STORE_UNREACHABLE):
    """The one line of a command that does not reach the store."""
    result = latchkey.run("org", "list")
    assert result.code == code, result
    return result.one_line()


def reaches(latchkey):
    return latchkey.run("org", "list").code == DONE


# Who is trusted


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_store_that_proves_its_name_or_address_is_used(sandboxes, authority, host):
    sandbox = serve(sandboxes, authority.server(), authority)
    sandbox.add()

    assert over_tls(sandbox, authority, host=host).must("org", "list") == f"acme\t{OWNER}\n"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_either_version_of_tls_will_do(sandboxes, authority, version):
    sandbox = serve(sandboxes, authority.server(), authority, "--tls-protocols", version)

    assert reaches(over_tls(sandbox, authority))


def test_the_certificate_may_be_for_another_name_that_the_configuration_gives(sandboxes, authority):
    sandbox = serve(sandboxes, authority.server(["DNS:redis-1.example.org"]), authority)

    assert reaches(over_tls(sandbox, authority, "name=redis-1.example.org"))
    assert "is not for redis-2.example.org" in refusal(over_tls(sandbox, authority, "name=redis-2.example.org"))


@pytest.mark.parametrize("name, is_covered", [("*.example.org", True), ("redis-*.example.org", False)])
def test_a_wildcard_stands_for_a_whole_label(sandboxes, authority, name, is_covered):
    sandbox = serve(sandboxes, authority.server([f"DNS:{name}"]), authority)

    assert reaches(over_tls(sandbox, authority, "name=redis-1.example.org")) == is_covered


def test_an_intermediate_authority_is_trusted_by_its_issuer(sandboxes, authority, tmp_path):
    intermediate = Authority(tmp_path, "intermediate", issuer=authority)
    sandbox = serve(sandboxes, intermediate.server(), authority)

    assert reaches(over_tls(sandbox, authority))


def test_without_an_authority_the_systems_are_trusted(sandboxes, authority):
    sandbox = serve(sandboxes, authority.server(), authority)
    latchkey = executable(sandbox, f"rediss://127.0.0.1:{sandbox.secure_port}")

    assert "no trusted authority has issued its certificate" in refusal(latchkey)
    command = subprocess.run(latchkey.command("org", "list"), env={**clean_environment(), "SSL_CERT_FILE": str(authority.path)},
                             timeout=60)
    assert command.returncode == DONE


# Certificates that are refused: how they are made, and what is said about them

REFUSED = {
    "of another authority": (lambda ca, folder: Authority(folder, "other").server(),
                             "no trusted authority has issued its certificate"),
    "for another name": (lambda ca, folder: ca.server(["DNS:redis.example.org"]),
                         "its certificate is not for 127.0.0.1, but for DNS:redis.example.org"),
    "for another address": (lambda ca, folder: ca.server(["IP:127.0.0.2", "DNS:127.0.0.1"]),
                            "its certificate is not for 127.0.0.1, but for IP Address:127.0.0.2, DNS:127.0.0.1"),
    "expired": (lambda ca, folder: ca.server(begin=-3, end=-1), "its certificate has expired"),
    "not yet valid": (lambda ca, folder: ca.server(begin=1), "its certificate is not valid yet"),
    "for clients": (lambda ca, folder: ca.server(purpose="clientAuth"), "its certificate is not for servers"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_store_with_a_wrong_certificate_gets_no_password(sandboxes, authority, tmp_path, kind):
    make, words = REFUSED[kind]
    sandbox = serve(sandboxes, make(authority, tmp_path), authority)
    acl.write_credentials(sandbox, "admin.auth", "default secret\n")
    sandbox.add_settings(f"latchkey_store_auth admin={sandbox.folder}/admin.auth;")

    line = refusal(over_tls(sandbox, authority))

    assert line.startswith(f"latchkey: the store at 127.0.0.1:{sandbox.secure_port}: {words}"), line
    assert sandbox.redis.calls("auth") == 0


def test_an_authority_that_has_expired_is_trusted_no_longer(sandboxes, tmp_path):
    authority = Authority(tmp_path, begin=-9, end=-1)
    sandbox = serve(sandboxes, authority.server(), authority)

    assert "the certificate of its authority has expired" in refusal(over_tls(sandbox, authority))


# Servers that do not speak TLS as they should

SILENT = "it did not complete the TLS handshake in time"
ENDED = "it ended the connection during the TLS handshake"
BROKEN = {
    "hangs up": (hang_up, ENDED), "resets": (reset, f"{ENDED}: Connection reset by peer"), "listens": (listen, SILENT),
    "begins": (begin, SILENT), "speaks HTTP": (speak_http, "it does not speak TLS"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_handshake_that_fails_is_explained(sandboxes, authority, kind):
    behave, words = BROKEN[kind]
    with peer(behave) as port:
        sandbox = sandboxes(gateways=0)
        sandbox.secure_port = port

        assert words in refusal(over_tls(sandbox, authority))


def test_a_port_without_tls_is_recognized(sandboxes, authority):
    sandbox = sandboxes(gateways=0, tcp=True)
    sandbox.secure_port = sandbox.redis.port

    assert "use redis:// for a port without TLS" in refusal(over_tls(sandbox, authority))


def test_a_port_with_tls_is_recognized_without_it(sandboxes, authority):
    sandbox = serve(sandboxes, authority.server(), authority)

    assert "use rediss:// for a port with TLS" in refusal(executable(sandbox, f"redis://127.0.0.1:{sandbox.secure_port}"))


def test_versions_of_tls_that_are_too_old_are_refused(sandboxes, authority):
    sandbox = serve(sandboxes, authority.server(), authority, "--tls-protocols", "TLSv1.1", "--tls-ciphers", "DEFAULT@SECLEVEL=0")

    assert "it offers neither TLS 1.2 nor TLS 1.3" in refusal(over_tls(sandbox, authority))


# A system-wide configuration of OpenSSL that allows ciphers without certificates.
LENIENT = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lenient
[lenient]
CipherString = ALL:aNULL@SECLEVEL=0
"""


def test_a_store_without_a_certificate_is_refused_whatever_the_system_allows(sandboxes, authority, tmp_path):
    anonymous = ["--tls-protocols", "TLSv1.2", "--tls-ciphers", "AECDH-AES128-SHA@SECLEVEL=0"]
    sandbox = serve(sandboxes, authority.server(), authority, *anonymous)
    lenient = tmp_path / "lenient.cnf"
    lenient.write_text(LENIENT)

    result = subprocess.run(over_tls(sandbox, authority).command("org", "list"), capture_output=True, text=True, timeout=60,
                            env={**clean_environment(), "OPENSSL_CONF": str(lenient)})

    assert result.returncode == STORE_UNREACHABLE
    assert "it presents no certificate" in result.stderr


def test_a_store_that_closes_after_the_handshake_is_no_end_by_a_signal(sandboxes, authority):
    with peer(shaking_hands(authority.server())) as port:
        sandbox = sandboxes(gateways=0)
        sandbox.secure_port = port

        assert f"the store at 127.0.0.1:{port}: " in refusal(over_tls(sandbox, authority))


def test_names_are_announced_and_addresses_are_not(sandboxes, authority):
    announced = []
    with peer(shaking_hands(authority.server([*LOOPBACK, "DNS:redis.example.org"]), announced=announced)) as port:
        sandbox = sandboxes(gateways=0)
        sandbox.secure_port = port

        refusal(over_tls(sandbox, authority))
        refusal(over_tls(sandbox, authority, host="localhost"))
        refusal(over_tls(sandbox, authority, "name=redis.example.org"))

    assert announced == [None, "localhost", "redis.example.org"]


def test_a_connection_ends_with_a_close_notify(sandboxes, authority):
    ends = []
    sandbox = sandboxes(gateways=0)

    def forward(connection):
        """Passes commands on to Redis, until the client ends the connection."""
        with socket.socket(socket.AF_UNIX) as store:
            store.connect(str(sandbox.redis.socket))
            try:
                while piece := connection.recv(65536):
                    store.sendall(piece)
                    connection.sendall(store.recv(65536))
                ends.append("close-notify")
            except ssl.SSLError as error:
                ends.append(error.reason)

    with peer(shaking_hands(authority.server(), forward)) as port:
        sandbox.secure_port = port
        assert reaches(over_tls(sandbox, authority))

    assert ends == ["close-notify"]


# Certificates of clients


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_store_may_ask_for_a_certificate(sandboxes, authority, tmp_path, version):
    sandbox = serve(sandboxes, authority.server(), authority, "--tls-protocols", version, clients="yes")

    assert reaches(over_tls(sandbox, authority, *presenting(authority.client())))
    assert "a client certificate" in refusal(over_tls(sandbox, authority))
    stranger = Authority(tmp_path, "other").client()
    assert "it refuses the client certificate" in refusal(over_tls(sandbox, authority, *presenting(stranger)))


def test_a_clients_certificate_may_bring_its_issuer(sandboxes, authority, tmp_path):
    intermediate = Authority(tmp_path, "intermediate", issuer=authority)
    sandbox = serve(sandboxes, authority.server(), authority, clients="yes")

    assert reaches(over_tls(sandbox, authority, *presenting(intermediate.client())))


def another_key(client, authority):
    authority.client("other").key.rename(client.key)


def encrypt(client, authority):
    subprocess.run(["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", client.key, "-out", client.key], check=True,
                   capture_output=True, timeout=60)
    client.key.chmod(0o600)


# What is done to the files, which of them it is, and what is said about it.
FILES = {
    "a key that is another's": ("key", another_key, "is not the key of the certificate in"),
    "a key that everybody can read": ("key", lambda client, _: client.key.chmod(0o644), "is accessible to every account"),
    "a key with a password": ("key", encrypt, "must contain a private key in PEM, without a password"),
    "a key that is none": ("key", lambda client, _: client.key.write_text("none\n"), "must contain a private key in PEM"),
    "no key": ("key", lambda client, _: client.key.unlink(), "does not exist"),
    "no certificate": ("path", lambda client, _: client.path.unlink(), "cannot be read: No such file or directory"),
    "an empty certificate": ("path", lambda client, _: client.path.write_text(""), "holds no certificate in PEM"),
    "a damaged certificate": ("path", lambda client, _: client.path.write_text(client.path.read_text().replace("MII", "M!I", 1)),
                              "is damaged"),
    "no authority": ("ca", lambda _, authority: authority.path.unlink(), "cannot be read: No such file or directory"),
    "an authority that is a key": ("ca", lambda _, authority: authority.path.write_bytes(authority.key.read_bytes()),
                                   "holds no certificate in PEM"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_cannot_be_used_is_named(sandboxes, authority, kind):
    which, change, words = FILES[kind]
    sandbox = serve(sandboxes, authority.server(), authority, clients="yes")
    client = authority.client()
    latchkey = over_tls(sandbox, authority, *presenting(client))
    assert reaches(latchkey)

    change(client, authority)

    path = authority.path if which == "ca" else getattr(client, which)
    assert f"latchkey_store_tls names {path}, which {words}" in refusal(latchkey, CONFIGURATION)


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_an_account_that_may_not_read_a_file_is_told_so(sandboxes, authority, which):
    sandbox = serve(sandboxes, authority.server(), authority)
    client = authority.client()
    files = {"ca": authority.path, "certificate": client.path, "key": client.key}
    for name, path in files.items():
        files[name] = shutil.copy(path, sandbox.folder / name)
        files[name].chmod(0o600 if name in (which, "key") else 0o644)
    url = f"rediss://127.0.0.1:{sandbox.secure_port}"
    latchkey = executable(sandbox, url, *(f"{name}={path}" for name, path in files.items()))

    result = latchkey.run("gateways", account="nobody")

    assert result.code == NOT_PERMITTED
    assert f"latchkey_store_tls names {files[which]}, which cannot be read" in result.one_line()


# Names


LOST_NAME_SERVER = """
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **list) {
    *list = NULL;
    if (hints->ai_flags & AI_NUMERICHOST) return EAI_NONAME;
    for (;;) pause();
}
"""


def test_a_name_server_that_does_not_answer_costs_the_timeout_of_a_connection(sandboxes, tmp_path):
    sandbox = sandboxes(gateways=0)
    latchkey = executable(sandbox, "redis://redis.example.org")
    library = compiled(tmp_path / "lost.so", LOST_NAME_SERVER)

    result = subprocess.run(latchkey.command("org", "list"), env={**clean_environment(), "LD_PRELOAD": str(library)},
                            capture_output=True, text=True, timeout=60)

    assert result.returncode == STORE_UNREACHABLE
    assert "the store at redis.example.org:6379: its name was not resolved in time" in result.stderr


# Names the libraries that have something done when a program ends.
WATCHED_EXIT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *library) {
    Dl_info info;
    if (dladdr((void *)function, &info) && info.dli_fname) dprintf(2, "at exit: %s\n", info.dli_fname);
    return ((int (*)(void (*)(void *), void *, void *))dlsym(RTLD_NEXT, "__cxa_atexit"))(function, argument, library);
}
"""


def test_openssl_is_not_cleaned_up_while_threads_that_were_left_alone_may_use_it(sandboxes, authority, tmp_path):
    sandbox = serve(sandboxes, authority.server(), authority)
    library = compiled(tmp_path / "watched.so", WATCHED_EXIT)

    result = subprocess.run(over_tls(sandbox, authority).command("org", "list"), env={**clean_environment(), "LD_PRELOAD": str(library)},
                            capture_output=True, text=True, timeout=60)

    assert result.returncode == DONE
    assert "at exit: " in result.stderr and "libcrypto" not in result.stderr
