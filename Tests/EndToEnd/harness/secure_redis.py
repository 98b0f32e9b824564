"""A Redis that is also reached with TLS, and other servers in its place."""

import re
import socket
import ssl
import struct
import threading
from contextlib import contextmanager

from harness.executable import Latchkey
from harness.redis_server import free_port


def options(port, certificate, authority, *more, clients="no"):
    """Redis' options for a port with TLS.

    clients   whether a client must present a certificate: yes, no, or optional
    """
    return ["--tls-port", str(port), "--tls-cert-file", str(certificate.path), "--tls-key-file", str(certificate.key),
            "--tls-ca-cert-file", str(authority.path), "--tls-auth-clients", clients, *more]


def serve(sandboxes, certificate, authority, *more, clients="no", **sandbox):
    """A sandbox without gateways whose Redis takes TLS on `secure_port`, too."""
    port = free_port()
    made = sandboxes(**{"gateways": 0, "redis_options": options(port, certificate, authority, *more, clients=clients), **sandbox})
    made.secure_port = port
    return made


def executable(sandbox, url, *words):
    """The executable with the sandbox's configuration, except for its way to the store."""
    config = sandbox.folder / "secure.conf"
    text = re.sub("(?m)^latchkey_store .*;", f"latchkey_store {url};", sandbox.config.read_text())
    text = re.sub("(?m)^latchkey_store_tls .*\n", "", text)
    config.write_text(text + (f"latchkey_store_tls {' '.join(words)};\n" if words else ""))
    latchkey = Latchkey(config)
    latchkey.keys = sandbox.latchkey.keys
    return latchkey


def over_tls(sandbox, authority, *words, host="127.0.0.1"):
    """The executable, reaching the sandbox's Redis with TLS."""
    return executable(sandbox, f"rediss://{host}:{sandbox.secure_port}", f"ca={authority.path}", *words)


def presenting(certificate):
    """The words of the directive for a client's certificate."""
    return f"certificate={certificate.path}", f"key={certificate.key}"


@contextmanager
def peer(behave):
    """A server on a port, which it yields: each connection is handed to `behave`, and then closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(60)
                    behave(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(70)


# What servers do that are no Redis with TLS.


def hang_up(connection):
    pass


def reset(connection):
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def listen(connection):
    """Reads and says nothing, until the other side gives up."""
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass


def begin(connection):
    """The beginning of an answer, and nothing behind it."""
    connection.sendall(bytes.fromhex("16 03 03 00 7a 02 00"))
    listen(connection)


def speak_http(connection):
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    listen(connection)


def shaking_hands(certificate, behave=hang_up, announced=None):
    """Shakes hands, and then behaves.  Names that clients announce are added to `announced`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key)
    if announced is not None:
        context.sni_callback = lambda connection, name, context: announced.append(name)

    def shake_hands(connection):
        try:
            behave(context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False))
        except OSError:
            pass

    return shake_hands
