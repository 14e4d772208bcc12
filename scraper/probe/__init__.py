"""Asks a URL what a run would meet there, step by step: name, connection, proxy, TLS, HTTP, robots.txt.

    report, stages = probe(url, settings)          stages: the sections of the report, as they are done
    for section in stages: print(lines_of(report, section))

Sockets are opened by hand up to TLS (sockets.py, road.py, tls.py), since a transport tells in one word what took
four steps; HTTP goes through the project's own Session (web.py), so that what is told is what a run sends. `tcp://`
and `udp://` are asked by a client for small services (service.py). All that comes from outside is cut and has its
echoes of secrets concealed where it enters the report (`Settings.words`); whoever prints it escapes it.
"""

from scraper.probe.report import Report
from scraper.probe.settings import Settings
from scraper.probe.steps import Target, probe, target_of

__all__ = ["Report", "Settings", "Target", "probe", "target_of"]
