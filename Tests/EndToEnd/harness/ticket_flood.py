"""A server with a good certificate that sends session tickets without end, and nothing else."""

import ctypes
import hashlib
import hmac
import ssl
import struct
import threading

from harness.threaded_server import Server

# The shortest ticket of TLS 1.3 (RFC 8446, 4.6.1), as often as it fits into a record.
TICKET = struct.pack("!I I I B H B H", 4 << 24 | 14, 7200, 1, 0, 1, 0, 0)
HANDSHAKE, APPLICATION_DATA = b"\x16", b"\x17\x03\x03"
RECORD = TICKET * (16_384 // len(TICKET)) + HANDSHAKE
TAG_LENGTH = 16

crypto = ctypes.CDLL("libcrypto.so.3")
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm", "EVP_aes_128_gcm"):
    getattr(crypto, name).restype = ctypes.c_void_p
GET_TAG = 0x10


class TicketFlood(Server):
    """Shakes hands, and then sends tickets until the other side ends the connection.

    begun, ended   how many connections have come to that
    """

    def __init__(self, certificate, folder):
        super().__init__()
        self.keys = folder / "traffic-secrets"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.path, certificate.key)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.num_tickets = 0
        self.context.keylog_filename = str(self.keys)
        self.begun = self.ended = 0
        self.shaking_hands = threading.Lock()  # the newest secret is that of the last handshake

    def serve(self, connection, stream):
        with self.shaking_hands:
            seal = self.shake_hands(connection)
        self.begun += 1
        number = 0
        try:
            while True:
                connection.sendall(seal(number))
                number += 1
        finally:
            self.ended += 1

    def shake_hands(self, connection):
        """Returns what encrypts the record of a number."""
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(received, sent, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(sent.read())
                received.write(connection.recv(65_536) or b"")
        connection.sendall(sent.read())
        return sealing(self.secret(), tls.cipher()[0])

    def secret(self):
        """The secret of this side's records in the newest connection."""
        lines = [line.split() for line in self.keys.read_text().splitlines()]
        return [bytes.fromhex(words[2]) for words in lines if words[0] == "SERVER_TRAFFIC_SECRET_0"][-1]


def sealing(secret, cipher):
    digest, key_length, aes = {
        "TLS_AES_256_GCM_SHA384": (hashlib.sha384, 32, crypto.EVP_aes_256_gcm),
        "TLS_AES_128_GCM_SHA256": (hashlib.sha256, 16, crypto.EVP_aes_128_gcm),
    }[cipher]
    key, start = expand(digest, secret, b"key", key_length), expand(digest, secret, b"iv", 12)
    head = APPLICATION_DATA + struct.pack("!H", len(RECORD) + TAG_LENGTH)

    def seal(number):
        nonce = (int.from_bytes(start, "big") ^ number).to_bytes(12, "big")
        return head + encrypted(aes(), key, nonce, head)

    return seal


def expand(digest, secret, label, length):
    """HKDF-Expand-Label of RFC 8446, 7.1, for one block of the hash at most."""
    label = b"tls13 " + label
    text = struct.pack("!HB", length, len(label)) + label + b"\0"
    return hmac.new(secret, text + b"\x01", digest).digest()[:length]


def encrypted(aes, key, nonce, head):
    """The record and its tag, by AES-GCM."""
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    count, text, tag = ctypes.c_int(), ctypes.create_string_buffer(len(RECORD)), ctypes.create_string_buffer(TAG_LENGTH)
    crypto.EVP_EncryptInit_ex(context, ctypes.c_void_p(aes), None, key, nonce)
    crypto.EVP_EncryptUpdate(context, None, ctypes.byref(count), head, len(head))
    crypto.EVP_EncryptUpdate(context, text, ctypes.byref(count), RECORD, len(RECORD))
    crypto.EVP_EncryptFinal_ex(context, tag, ctypes.byref(count))
    crypto.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG_LENGTH, tag)
    crypto.EVP_CIPHER_CTX_free(context)
    return text.raw + tag.raw
