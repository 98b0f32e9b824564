"""A GraphQL API: queries over HTTP, and over a WebSocket as graphql-transport-ws has it.

A program: `graphql_server.py SOCKET`, run with the packages of scripts/python-packages.
"""

import asyncio
import inspect
import itertools
import sys

from aiohttp import WSMsgType, web
from graphql import build_schema, graphql, parse, subscribe

PROTOCOL = "graphql-transport-ws"
PACE = 0.05

SCHEMA = build_schema("""
    type Query { organization: String!, keys: String! }
    type Subscription { ticks: Int!, organization: String! }
""")


async def ticks(*_):
    for number in itertools.count():
        yield {"ticks": number}
        await asyncio.sleep(PACE)


async def organization(_, info):
    yield {"organization": info.context["organization"]}


SCHEMA.subscription_type.fields["ticks"].subscribe = ticks
SCHEMA.subscription_type.fields["organization"].subscribe = organization


def caller(request):
    """What the gateway passed on about the caller, and any part of the key that came with it."""
    keys = request.headers.get("Authorization", "") + request.headers.get("X-API-Key", "")
    return {"organization": request.headers.get("X-Organization", ""), "keys": keys}


async def answer(request):
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return await converse(request)
    asked = await request.json()
    known = caller(request)
    result = await graphql(SCHEMA, asked["query"], known, known, asked.get("variables"))
    return web.json_response(result.formatted)


async def converse(request):
    socket = web.WebSocketResponse(protocols=[PROTOCOL])
    await socket.prepare(request)
    operations = {}
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            break
        await take(message.json(), socket, operations, caller(request))
    for operation in operations.values():
        operation.cancel()
    return socket


async def take(message, socket, operations, known):
    match message["type"]:
        case "connection_init":
            await socket.send_json({"type": "connection_ack"})
        case "ping":
            await socket.send_json({"type": "pong"})
        case "subscribe":
            operations[message["id"]] = asyncio.create_task(carry_out(message, socket, known))
        case "complete":
            operations.pop(message["id"]).cancel()


async def carry_out(message, socket, known):
    document = parse(message["payload"]["query"])
    results = subscribe(SCHEMA, document, known, known)
    results = await results if inspect.isawaitable(results) else results
    async for result in results:
        await socket.send_json({"id": message["id"], "type": "next", "payload": result.formatted})
    await socket.send_json({"id": message["id"], "type": "complete"})


if __name__ == "__main__":
    application = web.Application()
    application.router.add_route("*", "/graphql", answer)
    web.run_app(application, path=sys.argv[1], print=None, shutdown_timeout=0.1)
