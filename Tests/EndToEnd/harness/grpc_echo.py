"""A gRPC service that answers with what it received about its caller, and clients for it."""

from concurrent import futures

import grpc

METHOD = "/echo.Echo"
TIMEOUT = 60


def caller(context):
    """What the gateway passed on about the caller, and any part of the key that came with it."""
    told = dict(context.invocation_metadata())
    return "of={} keys={}".format(
        told.get("x-organization", ""), told.get("authorization", "") + told.get("x-api-key", "")
    ).encode()


def say(_, context):
    return caller(context)


def count(requests, context):
    return b"%d %s" % (sum(1 for _ in requests), caller(context))


def repeat(request, context):
    for _ in range(3):
        yield request + b" " + caller(context)


def echo(requests, _):
    yield from requests


class EchoServer:
    """Listens on a unix socket, for as long as the block lasts."""

    def __init__(self, path):
        handlers = {
            "Say": grpc.unary_unary_rpc_method_handler(say),
            "Count": grpc.stream_unary_rpc_method_handler(count),
            "Repeat": grpc.unary_stream_rpc_method_handler(repeat),
            "Echo": grpc.stream_stream_rpc_method_handler(echo),
        }
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(METHOD[1:], handlers)])
        self.server.add_insecure_port(f"unix:{path}")

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()


class EchoClient:
    """Calls through a unix socket; a call that fails raises grpc.RpcError."""

    def __init__(self, path):
        self.channel = grpc.insecure_channel(f"unix:{path}", [("grpc.enable_retries", 0)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def say(self, metadata=(), request=b"hello"):
        return self.channel.unary_unary(f"{METHOD}/Say")(request, metadata=metadata, timeout=TIMEOUT).decode()

    def count(self, requests, metadata=()):
        call = self.channel.stream_unary(f"{METHOD}/Count")
        return call(iter(requests), metadata=metadata, timeout=TIMEOUT).decode()

    def repeat(self, metadata=(), request=b"hello"):
        call = self.channel.unary_stream(f"{METHOD}/Repeat")
        return [answer.decode() for answer in call(request, metadata=metadata, timeout=TIMEOUT)]

    def echo(self, requests, metadata=()):
        """The call itself, an iterator of answers."""
        return self.channel.stream_stream(f"{METHOD}/Echo")(iter(requests), metadata=metadata, timeout=TIMEOUT)


def metadata(headers):
    """HTTP headers as a gRPC client sends them."""
    return [(name.lower(), value) for name, value in headers]
