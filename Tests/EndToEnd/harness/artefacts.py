"""The paths of the programs under test, and the accounts that run them."""

import os
import pwd
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("LATCHKEY_BUILD", ROOT / "build")).resolve()

EXECUTABLE = BUILD / "bin/latchkey"
ABI = int(re.search(r"#define LATCHKEY_ABI_VERSION (\d+)", (ROOT / "CBridge/abi/latchkey.h").read_text())[1])
LIBRARY = BUILD / f"lib/latchkey/liblatchkey.so.{ABI}"
MODULE = Path(os.environ.get("LATCHKEY_MODULE", BUILD / "lib/nginx/modules/ngx_http_latchkey_module.so")).resolve()

# Another nginx needs a module built for it.
NGINX = os.environ.get("LATCHKEY_NGINX", "/usr/sbin/nginx")

IS_ROOT = os.getuid() == 0
CALLER = pwd.getpwuid(os.getuid()).pw_name


def missing():
    """The programs that have not been built."""
    return [path for path in (EXECUTABLE, LIBRARY, MODULE) if not path.exists()]
