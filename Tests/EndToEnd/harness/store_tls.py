"""TLS between gateways and Redis: what Redis presents, and what the gateways are told."""

from harness.certificates import Authority


class StoreTLS:
    """An authority whose certificate Redis presents, and which the gateways trust.

    serve    the certificate of Redis, made from the authority
    trust    the file of what the gateways trust instead of that authority, made in a folder; None: nothing is named
    words    more words of the gateways' latchkey_store_tls, a function of the authority
    options  more options of Redis
    """

    def __init__(self, folder, serve=Authority.server, trust=lambda folder: folder / "ca" / "ca.crt", words=lambda authority: "", options=()):
        self.authority = Authority(folder)
        self.certificate = serve(self.authority)
        self.ca = trust(folder)
        self.words = words(self.authority)
        self.more_options = options

    @property
    def directive(self):
        """What the gateways are told."""
        words = f"{f'ca={self.ca}' if self.ca else ''} {self.words}"
        return f"latchkey_store_tls {words};" if words.strip() else ""

    def options(self, port):
        """The options with which Redis speaks TLS on a port."""
        files = {"cert": self.certificate.path, "key": self.certificate.key, "ca-cert": self.authority.path}
        options = [word for name, path in files.items() for word in (f"--tls-{name}-file", str(path))]
        return ["--tls-port", str(port), "--tls-auth-clients", "no", *options, *self.more_options]
