"""nginx without a master: one process that serves requests."""

from harness.nginx_server import NginxServer
from harness.polling import wait_until
from harness.sandbox import SERVER


class SingleProcess(NginxServer):
    def __init__(self, folder, settings, **options):
        super().__init__(folder, settings, **{"server": SERVER, "main": "master_process off;", **options}, workers=1)

    def start(self):
        super().start()
        # nginx logs this line once it listens.
        wait_until(lambda: self.lines('using the "epoll" event method'), "nginx has started")
        return self

    def workers(self):
        return {self.process.pid} if self.process and self.process.poll() is None else set()


def single_process(sandboxes, settings="", consistency=None, **options):
    """A gateway that has no master."""
    gate = sandboxes(start=False, settings=settings, consistency=consistency)
    gate.nginx = SingleProcess(gate.folder / "single", gate.config, **options)
    gate.nginx.start()
    return gate
