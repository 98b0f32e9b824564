"""A file of nginx-conf/, run unchanged but for its paths and addresses."""

from contextlib import contextmanager

from harness.artefacts import LIBRARY, MODULE, ROOT
from harness.nginx_server import NginxServer
from harness.redis_server import free_port

# Before the file, and at the start of its http {}: settings that every nginx of the tests needs.
MAIN = """\
daemon off;
pid nginx.pid;
error_log error.log info;
{user}
"""

HTTP = """\
http {{
    latchkey_library {library};
    access_log off;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    scgi_temp_path temp-scgi;
    uwsgi_temp_path temp-uwsgi;

    # Clients of a unix socket have no address: they choose one in a header.
    set_real_ip_from unix:;
    real_ip_header X-Test-Address;

    # An API: answers with what it received about the caller.
    server {{
        listen unix:{folder}/api.sock;
        latchkey off;
        add_header Access-Control-Allow-Origin *;
        add_header X-Seen-Target $request_uri;
        add_header X-Seen-Referer $http_referer;
        location / {{
            return 200 '$request_method of=$http_x_organization keys=$http_authorization$http_x_api_key$http_x_partner_key$http_cookie';
        }}
        location /broken {{
            return 500 'broken';
        }}
    }}
"""


class ExampleServer(NginxServer):
    """Serves `example`, and proxies to the socket `upstream`; other proxies send their checks to `port`."""

    def __init__(self, folder, settings, example, upstream, changes=()):
        self.changes = changes
        self.example = example
        self.port = free_port()
        self.upstream = folder / upstream
        super().__init__(folder, settings, server="", workers=1)

    def configure(self):
        text = (ROOT / "nginx-conf" / self.example).read_text()
        for written, here, times in (
            *((*change, 1) for change in self.changes),
            ("modules/ngx_http_latchkey_module.so", MODULE, 1),
            ("/etc/latchkey/latchkey.conf", self.values["settings"], 1),
            ("listen 127.0.0.1:8080", f"listen unix:{self.folder}/gate.sock", None),
            ("listen 127.0.0.1:9180", f"listen 127.0.0.1:{self.port}", None),
            ("listen 127.0.0.1:9145", f"listen unix:{self.folder}/metrics.sock", None),
            ("pass http://127.0.0.1:3000;", f"pass http://unix:{self.upstream};", None),
            ("server 127.0.0.1:3000;", f"server unix:{self.upstream};", None),
            ("pass grpc://127.0.0.1:50051;", f"pass grpc://unix:{self.upstream};", None),
            ("access_log /var/log/nginx/", f"access_log {self.folder}/", None),
            ("proxy_cache_path /var/cache/nginx/", f"proxy_cache_path {self.folder}/", None),
            ("http {\n", HTTP.format(library=LIBRARY, folder=self.folder), 1),
        ):
            assert times is None or text.count(written) == times, written
            text = text.replace(written, str(here))
        assert "127.0.0.1" not in text.replace(f"127.0.0.1:{self.port}", "")
        (self.folder / "nginx.conf").write_text(MAIN.format(**self.values) + text)


@contextmanager
def example(sandboxes, name, upstream="api.sock", changes=()):
    """A gateway with an example as its configuration; nginx must not warn about it.

    `changes` are the edits that a document suggests.
    """
    gate = sandboxes(start=False)
    gate.nginx = ExampleServer(gate.folder / "example", gate.config, name, upstream, changes)
    gate.nginx.start()
    yield gate
    assert not gate.nginx.lines("[warn]")
