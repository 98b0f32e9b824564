"""curl, for clear-text HTTP/2 on a unix socket; returns the answer with its headers."""

import subprocess

from harness.http_client import Response


def http2(path, target, headers=()):
    """One request."""
    result = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--http2-prior-knowledge", "--unix-socket", path,
         "--config", "-", "--include", f"http://gateway{target}"],
        input="\n".join(f'header = "{name}: {value}"' for name, value in headers),
        capture_output=True, text=True, timeout=60,
    )
    assert result.returncode == 0, result.stderr
    head, _, body = result.stdout.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.splitlines()
    assert status.startswith("HTTP/2 "), status
    fields = [line.partition(": ") for line in lines]
    return Response(int(status.split()[1]), tuple((name, value) for name, _, value in fields), body)
