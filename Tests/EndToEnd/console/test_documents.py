"""What docs/CONSOLE.md, docs/EMBEDDING.md and nginx-conf/console.conf say is true."""

import re
import subprocess

import pytest

from harness.artefacts import ROOT
from harness.chromium import packages
from harness.console_server import OWNER, Front, who
from harness.graphql_programs import install_packages
from harness.redis_server import free_port

pytestmark = pytest.mark.xdist_group("console_documents")

OVER_THE_SOCKET, WITH_A_TOKEN = (ROOT / "docs/EMBEDDING.md").read_text().split("## With a token\n")
CONSOLE = (ROOT / "docs/CONSOLE.md").read_text()
ORIGIN = "https://app.example.com"

PROGRAMS = {
    "sh": lambda path: ["bash", "-euo", "pipefail", path],
    "python": lambda path: ["/usr/bin/python3", path],
    "js": lambda path: [packages() / "playwright/driver/node", path],
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_a_product_generates_and_revokes_a_key_in_thirty_lines(stacks, tmp_path, language):
    install_packages()
    stack = stacks(front=False)
    text = stack.console.config.read_text()
    stack.console.stop()
    stack.console.config.write_text(re.sub("(?m)^(latchkey_console_origin).*", rf"\1 {ORIGIN};", text))
    stack.console.start()
    stack.add()
    code, = re.findall(rf"```{language}\n(.*?)```", OVER_THE_SOCKET, re.DOTALL)
    run(stack, language, code.replace("/run/latchkey-console/http.sock", str(stack.console.socket)), tmp_path)


@pytest.mark.parametrize("language", PROGRAMS)
def test_and_with_a_token_of_its_own(stacks, sandbox, tmp_path, language):
    """The documented key, set and location: nothing but addresses is replaced."""
    install_packages()
    make_keys, *programs = re.findall(r"```sh\n(.*?)```", WITH_A_TOKEN, re.DOTALL)
    subprocess.run(["bash", "-euo", "pipefail", "-c", make_keys], check=True, timeout=60, cwd=tmp_path)
    (tmp_path / "console-keys.json").chmod(0o640)
    port = free_port()
    identity = f"token {tmp_path}/console-keys.json"
    stack = stacks(sandbox, front=False, port=port, identity=identity, origins=ORIGIN)
    stack.add()
    location, = re.findall(r"```nginx\n(location .*?)```", WITH_A_TOKEN, re.DOTALL)
    location = location.replace("127.0.0.1:8090", f"127.0.0.1:{port}")
    front = Front(sandbox.folder / "front", "", text=THROUGH.replace("{location}", location.replace("{", "{{").replace("}", "}}"))).start()
    if language != "sh":
        programs = re.findall(rf"```{language}\n(.*?)```", WITH_A_TOKEN, re.DOTALL)
    code, = programs
    try:
        run(stack, language, code.replace(f"{ORIGIN}/console", f"{front.origin}/console"), tmp_path)
    finally:
        front.stop()


THROUGH = """\
{user}
daemon off;
pid nginx.pid;
error_log error.log warn;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


def run(stack, language, code, folder):
    """Runs a program that generates a key and revokes it."""
    program = folder / f"program.{'mjs' if language == 'js' else language}"
    program.write_text(code)
    assert len(code.splitlines()) <= 35

    result = subprocess.run(PROGRAMS[language](program), capture_output=True, text=True, timeout=60, cwd=folder)

    assert result.returncode == 0, result.stderr
    key, = stack.console.remember(result.stdout)
    entries = stack.sandbox.latchkey.must("audit", "acme", as_=OWNER)
    assert "generate" in entries and "revoke" in entries
    assert stack.sandbox.status_of(key) == 401


def test_the_documented_routes_and_problems_are_those_of_the_code():
    code = (ROOT / "Sources/ConsoleCore/Console/Problem.swift").read_text()
    table = CONSOLE.split("`urn:latchkey:problem:…`:", 1)[1].split("\n\n")[1]
    named = set(re.findall(r"`([a-z-]+)`", "".join(row.split("|")[1] for row in table.splitlines()[2:])))
    assert named == set(re.findall(r': "([a-z]+(?:-[a-z]+)*)"\n', code))


def test_the_documented_directives_are_those_of_the_code():
    code = (ROOT / "Sources/ConsoleCore/Settings/ConsoleSettings.swift").read_text()
    documented = set(re.findall(r"\| `(latchkey_console_\w+)", CONSOLE))
    assert documented == set(re.findall(r'case "(latchkey_console_\w+)"', code))


# nginx-conf/console.conf, and the two other ways to say who asks


SIGN_ON = """\
{user}
daemon off;
pid nginx.pid;
error_log error.log warn;
events {{}}
http {{
    server {{
        listen 127.0.0.1:{port};
        location = /oauth2/auth {{
            if ($cookie_session = "") {{ return 401; }}
            add_header X-Auth-Request-Email $cookie_session always;
            return 202;
        }}
        location / {{ return 200 "sign in here"; }}
    }}
}}
"""


def example(root, name):
    return (root / "nginx-conf" / name).read_text()


def test_the_sample_with_a_proxy_for_single_sign_on(stacks):
    stack = stacks(front=False)
    stack.add()
    proxy = Front(stack.sandbox.folder / "sign-on", "", text=SIGN_ON).start()
    text = example(ROOT, "console.conf")
    front = Front(stack.sandbox.folder / "sample", "", text="{user}")
    for written, here in (
        ("127.0.0.1:8080", f"127.0.0.1:{front.port}"), ("127.0.0.1:4180", f"127.0.0.1:{proxy.port}"),
        ("/run/latchkey-console/http.sock", str(stack.console.socket)),
    ):
        assert written in text
        text = text.replace(written, here)
    head = "daemon off;\npid nginx.pid;\nerror_log error.log warn;\n"
    user = (front.folder / "nginx.conf").read_text()
    (front.folder / "nginx.conf").write_text(user + "\n" + head + text)
    front.start()
    try:
        signed_out = front.ask("/console/acme")
        assert signed_out.status == 302 and "/oauth2/start?rd=/console/acme" in signed_out.header("Location")
        assert front.ask("/console/acme", [("Cookie", f"session={OWNER}")]).status == 200
        assert front.ask("/console/acme", [("Cookie", "session=bob"), *who(OWNER)]).status == 404
        assert front.ask("/console/acme", [("Cookie", "session=a,b")]).status == 400
    finally:
        front.stop()
        proxy.stop()


BY_CERTIFICATE = """\
{user}
daemon off;
pid nginx.pid;
error_log error.log warn;
events {{}}
http {{
    map $ssl_client_s_dn $user {{ ~CN=(?<name>[^,]+) $name; }}
    server {{
        listen 127.0.0.1:{port};
        return 200;
    }}
    server {{
        listen unix:{folder}/tls.sock ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_client_certificate {authority};
        ssl_verify_client on;
        location /console/ {{
            proxy_set_header X-Latchkey-User $user;
            proxy_pass http://unix:{socket};
        }}
    }}
}}
"""


def test_a_client_certificate_names_the_user(stacks):
    stack = stacks(front=False)
    stack.add()
    folder = stack.sandbox.folder / "certificates"
    folder.mkdir()
    make(folder)
    front = Front(stack.sandbox.folder / "mutual", "", text="{user}")
    user = (front.folder / "nginx.conf").read_text()
    (front.folder / "nginx.conf").write_text(BY_CERTIFICATE.format(
        user=user, port=front.port, folder=front.folder, certificate=folder / "server.crt", key=folder / "server.key",
        authority=folder / "ca.crt", socket=stack.console.socket,
    ))
    front.start()
    try:
        answers = {name: tls_status(front.folder / "tls.sock", folder, name) for name in ("alice", "bob", None)}
        assert answers == {"alice": 200, "bob": 404, None: 400}
    finally:
        front.stop()


def make(folder):
    """An authority, a server, and two users."""
    def run(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60, cwd=folder)

    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.crt",
        "-days", "1", "-subj", "/CN=authority")
    for name, subject in (("server", "localhost"), ("alice", OWNER), ("bob", "bob")):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", f"/CN={subject}")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-out", f"{name}.crt")


def tls_status(socket, folder, name):
    identity = ["--cert", folder / f"{name}.crt", "--key", folder / f"{name}.key"] if name else []
    result = subprocess.run(
        ["curl", "--silent", "--unix-socket", socket, "--cacert", folder / "ca.crt", "--output", "/dev/null",
         "--write-out", "%{http_code}", *identity, "https://localhost/console/acme"],
        capture_output=True, text=True, timeout=60,
    )
    return int(result.stdout)
