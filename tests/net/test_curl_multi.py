"""What libcurl waits for: descriptors that go while an answer of epoll is worked through."""

import os
import select
import time
from collections.abc import Iterator

import pycurl
import pytest

from scraper.net.curl.multi import Multi


@pytest.fixture
def epoll() -> Iterator[select.epoll]:
    with select.epoll() as made:
        yield made


@pytest.fixture
def multi(epoll: select.epoll) -> Iterator[Multi]:
    made = Multi(epoll, time.monotonic, 1)
    yield made
    made.handle.close()


def test_a_descriptor_that_was_closed_before_its_event_is_looked_at(epoll: select.epoll, multi: Multi) -> None:
    reading, writing = os.pipe()
    multi.on_socket(pycurl.POLL_IN, reading, None, None)
    os.write(writing, b"x")
    ((descriptor, events),) = epoll.poll(0)
    multi.on_socket(pycurl.POLL_REMOVE, reading, None, None)
    os.close(reading)
    os.close(writing)
    multi.on_event(descriptor, events)
    assert epoll.poll(0) == []


def test_a_descriptor_whose_number_serves_somebody_else_by_now(epoll: select.epoll, multi: Multi) -> None:
    reading, writing = os.pipe()
    multi.on_socket(pycurl.POLL_IN, reading, None, None)
    multi.on_socket(pycurl.POLL_REMOVE, reading, None, None)
    os.dup2(writing, reading)  # closes it, and its number is that of a descriptor nobody watches
    multi.on_event(reading, select.EPOLLIN)
    os.close(writing)
    os.close(reading)
    assert epoll.poll(0) == []


def test_a_connection_that_the_server_ends_at_rest_is_watched_no_more(epoll: select.epoll, multi: Multi) -> None:
    reading, writing = os.pipe()
    multi.on_socket(pycurl.POLL_IN, reading, None, None)
    multi.on_socket(pycurl.POLL_REMOVE, reading, None, None)
    os.close(writing)
    ((descriptor, events),) = epoll.poll(0)
    multi.on_event(descriptor, events)
    assert epoll.poll(0) == []
    os.close(reading)
