"""Politeness per host, and the waiting that it takes. Owns waiting: no worker ever sleeps on a host.

    policy     what the job allows a host: slots, delay
    adaptive   fewer slots while the host is busy or slow            (pure)
    breaker    a host where nobody is, is left alone                 (pure)
    gate       who may be asked when: all of these, by host
    fair       what each process may have of a host's slots        (pure)
    table      where processes of one machine see each other
    shared     a gate that shares its hosts with them
    lines      what waits, by kind of work and host
    scheduler  gives a worker the next task whose host has a free slot

Pages and files share a host's slots. `HostGate` is a protocol so that two jobs, and later shards, can
share a host (`gate_for`). A parked, slow or dead host holds up nobody but its own tasks.
"""

from __future__ import annotations

from scraper.net.hosts.breaker import Patience, Told, Verdict
from scraper.net.hosts.gate import HostGate, LocalGate
from scraper.net.hosts.policy import Policy, policy_for
from scraper.net.hosts.scheduler import Scheduler
from scraper.net.hosts.shared import gate_for

__all__ = ["HostGate", "LocalGate", "Patience", "Policy", "Scheduler", "Told", "Verdict", "gate_for", "policy_for"]
