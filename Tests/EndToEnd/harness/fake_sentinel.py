"""A sentinel with TLS that names the server it is told to."""

import ssl

from harness.fake_redis import array, bulk, read_command
from harness.sentinel_servers import NAME
from harness.threaded_server import Server


class FakeSentinel(Server):
    """Names a port of the loopback interface as the primary, which it has always been, and has no replica."""

    def __init__(self, certificate, named_port):
        super().__init__()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.path, certificate.key)
        self.named_port = str(named_port).encode()

    def attend(self, connection):
        try:
            super().attend(self.context.wrap_socket(connection, server_side=True))
        except OSError:
            pass  # whoever does not trust it

    def serve(self, connection, stream):
        while words := read_command(stream):
            connection.sendall(self.reply([word.upper() for word in words]))

    def reply(self, words):
        match words:
            case [b"PING"]:
                return b"+PONG\r\n"
            case [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", _]:
                return array(bulk(b"127.0.0.1"), bulk(self.named_port))
            case [b"SENTINEL", b"MASTER", _]:
                fields = {b"name": NAME.encode(), b"ip": b"127.0.0.1", b"port": self.named_port, b"flags": b"master",
                          b"config-epoch": b"1", b"num-slaves": b"0"}
                return array(*(bulk(word) for field in fields.items() for word in field))
            case [b"SENTINEL", b"REPLICAS" | b"SENTINELS", _]:
                return b"*0\r\n"
        return b"-ERR unknown command\r\n"
