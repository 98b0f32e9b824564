"""A file of nginx-conf/, run as it stands but for where things are."""

from contextlib import contextmanager

from harness.artefacts import LIBRARY, MODULE, ROOT
from harness.nginx_server import NginxServer

# Before the file, and at the start of its http {}: what a test needs of any nginx.
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

    # An API: answers with what it was told of the caller.
    server {{
        listen unix:{folder}/api.sock;
        add_header Access-Control-Allow-Origin *;
        return 200 '$request_method of=$http_x_organization keys=$http_authorization$http_x_api_key$http_cookie';
    }}
"""


class ExampleServer(NginxServer):
    """Serves `example`; what it passes on goes to the socket `upstream`."""

    def __init__(self, folder, settings, example, upstream):
        self.example = example
        self.upstream = folder / upstream
        super().__init__(folder, settings, server="", workers=1)

    def configure(self):
        text = (ROOT / "nginx-conf" / self.example).read_text()
        for written, here, times in (
            ("modules/ngx_http_latchkey_module.so", MODULE, 1),
            ("/etc/latchkey/latchkey.conf", self.values["settings"], 1),
            ("listen 127.0.0.1:8080", f"listen unix:{self.folder}/gate.sock", 1),
            ("listen 127.0.0.1:9145", f"listen unix:{self.folder}/metrics.sock", None),
            ("pass http://127.0.0.1:3000;", f"pass http://unix:{self.upstream};", None),
            ("pass grpc://127.0.0.1:50051;", f"pass grpc://unix:{self.upstream};", None),
            ("access_log /var/log/nginx/", f"access_log {self.folder}/", None),
            ("http {\n", HTTP.format(library=LIBRARY, folder=self.folder), 1),
        ):
            assert times is None or text.count(written) == times, written
            text = text.replace(written, str(here))
        assert "127.0.0.1" not in text
        (self.folder / "nginx.conf").write_text(MAIN.format(**self.values) + text)


@contextmanager
def example(sandboxes, name, upstream="api.sock"):
    """A gateway with an example in the place of its configuration; nginx has nothing to warn of in it."""
    gate = sandboxes(start=False)
    gate.nginx = ExampleServer(gate.folder / "example", gate.config, name, upstream)
    gate.nginx.start()
    yield gate
    assert not gate.nginx.lines("[warn]")
