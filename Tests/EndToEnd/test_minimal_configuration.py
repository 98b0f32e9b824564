"""nginx-conf/minimal.conf, run as it stands but for where things are."""

from harness.artefacts import LIBRARY, MODULE, ROOT
from harness.http_client import bearer
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

    # The API: answers with what it was told of the caller.
    server {{
        listen unix:{folder}/api.sock;
        return 200 'of=$http_x_organization keys=$http_authorization$http_x_api_key';
    }}
"""


class MinimalServer(NginxServer):
    def configure(self):
        text = (ROOT / "nginx-conf/minimal.conf").read_text()
        for written, here in {
            "modules/ngx_http_latchkey_module.so": str(MODULE),
            "/etc/latchkey/latchkey.conf": str(self.values["settings"]),
            "127.0.0.1:8080": f"unix:{self.folder}/gate.sock",
            "127.0.0.1:3000": f"unix:{self.folder}/api.sock",
            "http {\n": HTTP.format(library=LIBRARY, folder=self.folder),
        }.items():
            assert text.count(written) == 1, written
            text = text.replace(written, here)
        (self.folder / "nginx.conf").write_text(MAIN.format(**self.values) + text)


def test_it_lets_in_with_a_key_alone_and_the_key_ends_there(sandboxes):
    gate = sandboxes(start=False)
    gate.nginx = MinimalServer(gate.folder / "minimal", gate.config, server="", workers=1).start()
    key = gate.key("acme")

    for headers in (bearer(key), [("X-API-Key", key)]):
        response = gate.request("/", headers)
        assert (response.status, response.body) == (200, "of=acme keys=")
    assert gate.request("/").status == 401
    assert gate.request("/", [("X-Organization", "acme")]).status == 401
