"""The same nginx without the module, to tell nginx's own behaviour from ours."""

import re

from harness.nginx_server import NginxServer

SERVER = """
        location /api {{
            if ($http_authorization != "Bearer {key}") {{
                return 401;
            }}
            proxy_pass http://unix:api.sock;
        }}

        location /checked {{
            proxy_pass http://unix:api.sock;
        }}
"""

OURS = re.compile("load_module|latchkey_library|include ")


class PlainNginx(NginxServer):
    """Accepts one fixed key, and answers as a gateway does."""

    def __init__(self, folder, key, **options):
        super().__init__(folder, settings="", server=SERVER.format(key=key), **options)

    def configure(self, **values):
        super().configure(**values)
        path = self.folder / "nginx.conf"
        lines = [line for line in path.read_text().splitlines() if not OURS.search(line)]
        path.write_text(re.sub(r"\$latchkey_\w+", "-", "\n".join(lines)) + "\n")
