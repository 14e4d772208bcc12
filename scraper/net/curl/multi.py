"""libcurl's multi handle, and the epoll that watches what it waits for."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable
from typing import Any

import pycurl

_EVENTS = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}
AT_REST = -1
"""What libcurl waits for on a connection that serves nothing at the moment."""


def _mask(events: int) -> int:
    """What epoll saw, in libcurl's words."""
    return (
        (pycurl.CSELECT_IN if events & (select.EPOLLIN | select.EPOLLHUP) else 0)
        | (pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0)
        | (pycurl.CSELECT_ERR if events & select.EPOLLERR else 0)
    )


_MASKS = {events: _mask(events) for events in (select.EPOLLIN, select.EPOLLOUT)}


class Multi:
    """libcurl's multi handle, and what it waits for.

    Attributes:
        due: when libcurl wants to be called, or None.
    """

    def __init__(self, epoll: Any, clock: Callable[[], float], most: int) -> None:
        self._epoll = epoll
        self._clock = clock
        self._known: dict[int, int] = {}
        self.due: float | None = None
        self.handle = pycurl.CurlMulti()
        self.handle.setopt(pycurl.M_SOCKETFUNCTION, self.on_socket)
        self.handle.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self.handle.setopt(pycurl.M_MAXCONNECTS, most + 64)
        self.handle.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)

    def on_socket(self, event: int, descriptor: int, multi: Any, data: Any) -> None:
        """What libcurl waits for. A connection at rest stays registered: it serves again in a moment.

        If it was closed at rest, the kernel has forgotten it, and its number may be that of a new one.
        """
        if event == pycurl.POLL_REMOVE:
            self._known[descriptor] = AT_REST
            return
        if descriptor in self._known:
            try:
                self._epoll.modify(descriptor, _EVENTS[event])
            except FileNotFoundError:
                self._epoll.register(descriptor, _EVENTS[event])
        else:
            self._epoll.register(descriptor, _EVENTS[event])
        self._known[descriptor] = event

    def _on_timer(self, milliseconds: int) -> None:
        self.due = None if milliseconds < 0 else self._clock() + milliseconds / 1000

    def on_event(self, descriptor: int, events: int) -> None:
        """A socket is ready."""
        if self._known.get(descriptor, AT_REST) == AT_REST:
            self._known.pop(descriptor, None)  # the server closed it; libcurl sees that when it wants it again
            self._forget(descriptor)
            return
        self.handle.socket_action(descriptor, _MASKS.get(events) or _mask(events))

    def on_time(self, now: float) -> None:
        """libcurl's timer may be due."""
        if self.due is not None and now >= self.due:
            self.due = None
            self.handle.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def _forget(self, descriptor: int) -> None:
        """The kernel need not watch it any more.

        An answer of epoll tells of several descriptors. What libcurl did at the first of them may have
        closed another one (the pair that wakes its resolver, for example), and its number may be that of
        a new one that is not watched yet.
        """
        with contextlib.suppress(OSError):  # EBADF and ENOENT: there is nothing left to forget
            self._epoll.unregister(descriptor)
