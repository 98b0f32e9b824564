#!/usr/bin/python3
"""traffic.py KEY-FILE STOP-FILE

Asks the API with a valid key, with a wrong one and without any, on new and on kept connections, until the stop file exists.
Fails if an answer is not the expected one.
"""

import http.client
import os
import sys
import threading
from collections import Counter

KEY = open(sys.argv[1]).read().strip()
KINDS = {"valid": ({"Authorization": f"Bearer {KEY}"}, 200), "wrong": ({"Authorization": "Bearer nonsense"}, 401), "none": ({}, 401)}

counts = Counter()
wrong = []


def ask(connection, headers):
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def client(kind, is_kept):
    headers, expected = KINDS[kind]
    connection = None
    while not os.path.exists(sys.argv[2]):
        is_fresh = connection is None
        connection = connection or http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
        try:
            status = ask(connection, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            connection = None
            if is_fresh:
                wrong.append((kind, "no answer"))
            continue  # nginx closes idle connections when its workers are replaced
        except OSError as error:
            wrong.append((kind, repr(error)))
            connection = None
            continue
        counts[f"{kind} {status}"] += 1
        if status != expected:
            wrong.append((kind, status))
        if not is_kept:
            connection.close()
            connection = None


threads = [threading.Thread(target=client, args=(kind, is_kept)) for kind in KINDS for is_kept in (True, False)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(dict(counts), "wrong:", len(wrong), wrong[:10])
sys.exit(1 if wrong or len(counts) < 3 else 0)
