"""Whether the API of this container can encode and search now: exit status 0, else 1."""

import os
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 8.0


def main() -> int:
    """Ask /readyz of the port that the API was told."""
    port = os.environ.get("FURNITURE_PROMPTER_PORT", "8000")
    address = f"http://127.0.0.1:{int(port)}/readyz"
    # Proxies that the environment names are not asked for what is right here.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=TIMEOUT_S) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        sys.stderr.write(f"{address}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
