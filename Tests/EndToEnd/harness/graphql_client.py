"""gql, as a program uses it: one request to the server on a unix socket, over HTTP or a WebSocket.

A program, run with the packages of scripts/python-packages: reads the question, an object in JSON, from standard input,
and writes a line of JSON for each thing that happens.
"""

import asyncio
import json
import sys

import aiohttp
import websockets
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError, TransportServerError
from gql.transport.websockets import WebsocketsTransport


def tell(**what):
    print(json.dumps(what), flush=True)


async def ask(socket, query, headers):
    """A query over HTTP."""
    connector = aiohttp.UnixConnector(socket)
    transport = AIOHTTPTransport("http://gateway/graphql", headers=headers, client_session_args={"connector": connector})
    async with Client(transport=transport) as session:
        tell(data=await session.execute(gql(query)))


async def subscribe(socket, query, headers):
    """A subscription over a WebSocket, until it ends."""
    transport = WebsocketsTransport(
        "ws://gateway/graphql", headers=headers, connect_args={"unix": True, "path": socket},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with Client(transport=transport) as session:
        async for result in session.subscribe(gql(query)):
            tell(data=result)
    tell(complete=True)


def tell_refusal(answer):
    """Reports the answer to a refused handshake."""
    tell(status=answer.status_code, body=answer.body.decode(), challenge=answer.headers["WWW-Authenticate"])


async def main(over, **question):
    try:
        await {"http": ask, "websocket": subscribe}[over](**question)
    except TransportQueryError as error:
        tell(errors=error.errors)
    except TransportServerError as error:
        tell(status=error.code)
    except TransportConnectionFailed as error:
        if isinstance(error.__cause__, websockets.exceptions.InvalidStatus):
            tell_refusal(error.__cause__.response)
        else:
            tell(lost=str(error.__cause__ or error))


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.stdin.read())))
