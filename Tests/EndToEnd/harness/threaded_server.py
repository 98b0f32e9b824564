"""A server of a test's own: each connection is handed to a thread."""

import socket
import threading

from harness.fake_redis import shut


class Server:
    """Listens on a port of the loopback interface; `serve` is handed each connection, in a thread of its own."""

    def __init__(self, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family)
        self.host = host
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        for each in [self.listener, *self.connections]:
            shut(each)
        self.thread.join(10)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.attend, args=(connection,), daemon=True).start()

    def attend(self, connection):
        try:
            with connection.makefile("rb") as stream:
                self.serve(connection, stream)
        except (OSError, ValueError):
            pass  # the other side went away, or this server is ended
        finally:
            shut(connection)
