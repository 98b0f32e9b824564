"""Servers in the place of Redis that are not what a program must talk to, and what nginx logs of each."""

import socket
import struct
import threading

from harness.certificates import LOOPBACK, Authority, Certificate, openssl
from harness.fake_redis import shut


def stalling(connection):
    """Half a handshake: the beginning of an answer, and no more."""
    connection.sendall(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
    connection.recv(1)


def resetting(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closing(connection):
    pass


def speaking(connection):
    """Answers as a Redis without TLS does."""
    connection.sendall(b"-ERR unknown command\r\n")


class HandshakeServer:
    """Receives the first message of each client, and then does something else than TLS."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = bytearray()
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shut(self.listener)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.received += connection.recv(1 << 16)
                self.behaviour(connection)
            except OSError:
                pass


def self_signed(authority):
    folder = authority.folder
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=redis",
            "-addext", "subjectAltName=" + ",".join(LOOPBACK), "-keyout", folder / "own.key", "-out", folder / "own.crt")
    return Certificate(folder / "own.crt", folder / "own.key")


def client_words(authority):
    """The words of the directive for a client's certificate of this authority."""
    client = authority.client()
    return f"certificate={client.path} key={client.key}"


OLD = ("--tls-protocols", "TLSv1.1", "--tls-ciphers", "DEFAULT@SECLEVEL=0")

# Redis sends the certificates of its tls-ca-cert-file along.
OTHER_ISSUER = ": (self-signed certificate in certificate chain|unable to get local issuer certificate) while"

# A Redis with TLS: options of its StoreTLS, and the reason that nginx logs.
REDIS_FAULTS = {
    "another authority's certificate": (dict(serve=lambda ca: Authority(ca.folder, "other").server()), OTHER_ISSUER),
    "wrong name": (dict(words=lambda ca: "name=other.example"), r": hostname mismatch while .*, name: \"other\.example\""),
    "wrong address": (dict(serve=lambda ca: ca.server(["DNS:localhost", "IP:127.0.0.2"])), r": IP address mismatch"),
    "an address as a name": (dict(serve=lambda ca: ca.server(["DNS:127.0.0.1"])), r": IP address mismatch"),
    "expired": (dict(serve=lambda ca: ca.server(begin=-9, end=-1)), r": certificate has expired"),
    "not yet valid": (dict(serve=lambda ca: ca.server(begin=1, end=9)), r": certificate is not yet valid"),
    "self-signed": (dict(serve=self_signed), r": self-signed certificate while"),
    "wrong purpose": (dict(serve=lambda ca: ca.server(purpose="clientAuth")), r": uns\w+ certificate purpose"),
    "no certificate of the client": (dict(options=("--tls-auth-clients", "yes")), r"certificate required"),
    "another authority's client": (
        dict(options=("--tls-auth-clients", "yes"), words=lambda ca: client_words(Authority(ca.folder, "strange"))),
        r"alert (unknown ca|bad certificate|decrypt error)",
    ),
    "an old TLS": (dict(options=OLD), r"(alert protocol version|unsupported protocol)"),
}

# Something else: how it behaves, and the reason.
OTHER_FAULTS = {
    "half a handshake": (stalling, r"latchkey: TLS handshake timed out: is this a port with TLS\?"),
    "a reset": (resetting, r"\(104: Connection reset by peer\)"),
    "a close": (closing, r"peer closed connection in SSL handshake"),
    "no TLS": (speaking, r"(wrong version number|packet length too long)"),
}
