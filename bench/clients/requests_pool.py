"""requests and ThreadPoolExecutor as a careful user writes it: `requests_pool.py LIST DEST JOBS ATTEMPTS TIMEOUT`.

One Session a thread, pieces of 64 KiB, each file opened under its final name. With ATTEMPTS above 1, urllib3's Retry
obeys 503 and Retry-After, and a body that breaks is fetched again from the start.
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

local = threading.local()


def session(attempts):
    """This thread's Session."""
    if not hasattr(local, "session"):
        local.session = requests.Session()
        retry = Retry(attempts - 1, status_forcelist=[503], backoff_factor=0.1, raise_on_status=False)
        for scheme in ("http://", "https://"):
            local.session.mount(scheme, HTTPAdapter(max_retries=retry))
    return local.session


def fetch(url, dest, attempts, timeout):
    """One file; whether it came."""
    for _ in range(attempts):
        try:
            with session(attempts).get(url, stream=True, timeout=timeout) as response:
                response.raise_for_status()
                with open(os.path.join(dest, url.rpartition("/")[2]), "wb") as file:
                    for piece in response.iter_content(65536):
                        file.write(piece)
            return True
        except requests.HTTPError:
            return False
        except requests.RequestException:
            continue
    return False


def main(listed, dest, jobs, attempts, timeout):
    """Every URL of the list."""
    with open(listed, encoding="ascii") as file:
        urls = file.read().split()
    with ThreadPoolExecutor(int(jobs)) as pool:
        came = list(pool.map(lambda url: fetch(url, dest, int(attempts), float(timeout)), urls))
    sys.exit(0 if all(came) else 4)


if __name__ == "__main__":
    main(*sys.argv[1:])
