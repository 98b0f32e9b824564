"""nginx with the module, and its logs."""

import re
import signal
import subprocess
from contextlib import suppress

from harness import processes
from harness.artefacts import IS_ROOT, LIBRARY, MODULE, NGINX
from harness.executable import identity
from harness.polling import wait_until

GRAVE = re.compile(
    r"^\S+ \S+ \[(alert|emerg|crit)\]|exited on signal|exited with fatal code"
    r"|AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Fatal error"
)

CONFIGURATION = """\
{load_module}
{user}
worker_processes {workers};
daemon {daemon};
pid nginx.pid;
error_log error.log info;
{main}

events {{
    worker_connections {connections};
    multi_accept on;
}}

http {{
    {library}
    include {settings};

    log_format decision '$request_method $uri $status result=$latchkey_result '
                        'organization=$latchkey_organization locator=$latchkey_locator '
                        'source=$latchkey_source';
    access_log access.log decision;
    add_header X-Result $latchkey_result always;
    add_header X-Source $latchkey_source always;
    add_header X-Worker $pid always;
    keepalive_requests 1000000;
    large_client_header_buffers 4 256k;

    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    scgi_temp_path temp-scgi;
    uwsgi_temp_path temp-uwsgi;

    # What reaches the API.
    proxy_set_header X-Organization $latchkey_organization;
    proxy_set_header X-Result $latchkey_result;

{http}

    server {{
        listen unix:gate.sock;
{server}
    }}

    # The API: answers with what it received about the caller.
    server {{
        listen unix:api.sock;
        access_log off;

        location / {{
            return 200 '$uri organization=$http_x_organization result=$http_x_result\\n';
        }}
    }}
}}
"""


class NginxServer:
    """Serves `server` on the unix socket gate.sock of its folder."""

    def __init__(self, folder, settings, server, http="", main="", workers=2,
                 user="root root", library=LIBRARY, module=MODULE, program=(NGINX,), daemon=False,
                 connections=2048):
        self.folder = folder
        self.program = program
        self.workers_wanted = workers
        self.process = None
        self.earlier = []
        self.values = {
            "load_module": f"load_module {module};",
            "user": f"user {user};" if IS_ROOT else "",
            "library": f"latchkey_library {library};" if library else "",
            "settings": settings,
            "workers": workers,
            "daemon": "on" if daemon else "off",
            "connections": connections,
            "main": main,
            "http": http,
            "server": server,
        }
        folder.mkdir()
        self.configure()

    def configure(self, **values):
        """Rewrites nginx.conf with some values changed."""
        self.values.update(values)
        text = CONFIGURATION.format(**self.values)
        (self.folder / "nginx.conf").write_text(in_folder(text, self.folder))

    def command(self, *options):
        return [*self.program, "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "error.log", *options]

    def test(self, account=None):
        """nginx -t: returns its exit code and what it printed."""
        result = subprocess.run(
            self.command("-t"), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
            **identity(account),
        )
        return result.returncode, result.stderr

    def start(self):
        self.process = subprocess.Popen(
            self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if self.values["daemon"] == "on":
            assert self.process.wait(60) == 0, f"nginx does not start: {self.error_log()}"
            self.process = processes.Stranger(wait_until(self.pid, "nginx has written its pid"))
        self.wait_for_workers(set())
        return self

    def pid(self, name="nginx.pid"):
        """The process ID in a pid file, if the file exists."""
        return int(read(self.folder / name) or 0)

    def wait_for_workers(self, old, seconds=60):
        """Waits until the configured number of new workers runs."""
        def ready():
            assert self.process.poll() is None, f"nginx ended: {self.error_log()}"
            return len(self.workers() - old) >= self.workers_wanted

        wait_until(ready, "nginx has its workers", seconds)

    def reload(self):
        """Reloads, and waits for the new workers, not for the old ones to end."""
        old = self.workers()
        self.process.send_signal(signal.SIGHUP)
        self.wait_for_workers(old)
        return old

    def upgrade(self):
        """Upgrades the binary on the fly: a new master runs beside the old one, which is returned."""
        old, workers = self.process, self.workers()
        old.send_signal(signal.SIGUSR2)
        pid = wait_until(lambda: self.pid("nginx.pid.oldbin") == old.pid and self.pid(), "there is another master")
        self.earlier.append(old)
        self.process = processes.Stranger(pid)
        self.wait_for_workers(workers)
        return old

    def go_back(self):
        """Makes the master from before an upgrade this server's master again; the caller ends the other one."""
        new, self.process = self.process, self.earlier.pop()
        self.earlier.append(new)
        return new

    def stop(self):
        """Stops gracefully; returns whether nginx ended without being killed."""
        if self.process is None:
            return True
        for pid in self.workers():
            # One that is about to end may have ended meanwhile.
            with suppress(ProcessLookupError):
                processes.thaw(pid)
        return all([processes.stop(master, signal.SIGQUIT) for master in [*self.earlier, self.process]])

    def kill(self):
        """Ends the processes that a failure has left."""
        for pid in [*(master.pid for master in self.earlier if master.poll() is None), *self.workers()]:
            processes.kill(pid)

    def workers(self):
        """The live workers, including those that are about to end."""
        started = re.findall(r"start worker process (\d+)$", self.error_log(), re.MULTILINE)
        return {int(pid) for pid in started if processes.is_alive(int(pid))}

    def worker(self):
        """The only worker of a server with one worker."""
        (pid,) = self.workers()
        return pid

    @property
    def gate(self):
        return self.folder / "gate.sock"

    def error_log(self):
        return read(self.folder / "error.log")

    def access_log(self):
        return read(self.folder / "access.log")

    def lines(self, mark):
        """The lines of the error log that contain a text."""
        return [line for line in self.error_log().splitlines() if mark in line]

    def grave_lines(self, expected=()):
        lines = [line for line in self.error_log().splitlines() if GRAVE.search(line)]
        return [line for line in lines if not any(re.search(mark, line) for mark in expected)]


def in_folder(text, folder):
    """Makes the paths of our sockets absolute, since nginx uses them as they are."""
    return re.sub(r"unix:(\w+\.sock)", rf"unix:{folder}/\1", text)


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""
