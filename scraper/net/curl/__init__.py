"""The curl transport: files over libcurl's multi interface, a thread with an event loop each. Owns pycurl.

    CurlTransport(outgoing, jobs).threads(source)

Theory. A transfer costs libcurl some 50 microseconds without Python's lock; what is left
to Python is a handful of calls, one for each line of the head and one for each piece of
up to 16 KiB. So one thread drives many transfers: `socket_action` is told which socket is
ready (epoll: `select` and `perform` look at all of them each time), a timer is kept for
libcurl, and every quarter of a second the transfers in flight are looked at for those
that take too long. Easy handles are used again, by what was set on them once (a profile).

Whether an address is private is judged where it is certain: on the connection, new or used
again, before the first byte of a request is sent on it.

Importing the package raises ImportError where pycurl is not installed, or cannot do what is needed (offer.py).
"""

from scraper.net.curl import offer

offer.check()

from scraper.net.curl.transport import CurlTransport  # noqa: E402 - it takes for granted what was just checked

__all__ = ["CurlTransport"]
