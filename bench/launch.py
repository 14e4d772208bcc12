"""Runs one program and tells what it used: `python -I -S launch.py SPEC`, SPEC in JSON.

A process inherits the peak memory of the one that forked it (Linux keeps it across exec), so the bench, which
holds digests and results, must not be the parent of what it measures. This file imports little and
stays below 9 MB: peaks beneath that cannot be seen. Wall time runs from the fork to the end of the program;
CPU and peak memory are wait4's: of the program and of every descendant it waited for, the peak being that of
the largest single process. With `tree`, the memory of the whole process group is sampled five times a second as well.

The program is a process group of its own, and ends with us: at `timeout`, at SIGTERM or SIGINT to us, and when
whoever started us has gone. Two lines go to stdout: {"pid"} at the start, the usage at the end.
"""

import contextlib
import json
import os
import signal
import sys
import time

ENDS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def child(spec):
    """Becomes the program."""
    os.setpgid(0, 0)
    for number, (name, flags) in enumerate(
        [
            (spec.get("stdin"), os.O_RDONLY),
            (spec.get("stdout"), os.O_WRONLY | os.O_CREAT | os.O_APPEND),
            (spec.get("stderr"), os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        ]
    ):
        os.dup2(os.open(name or os.devnull, flags, 0o644), number)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    if spec.get("cpus"):
        os.sched_setaffinity(0, spec["cpus"])
    os.chdir(spec.get("cwd") or ".")
    os.execvpe(spec["argv"][0], spec["argv"], spec.get("env") or os.environ)


def group_memory(group):
    """Bytes resident in all processes of the group; a page that N of them share counts 1/N in each (PSS)."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.getpgid(int(name)) == group:
                    with open(f"/proc/{name}/smaps_rollup", "rb") as file:
                        total += sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
            except OSError:  # it has ended meanwhile
                continue
    return total * 1024


def kill(group, number):
    """A signal for the whole group, which may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def watch(pid, spec, parent, began):
    """Waits for the program; ends it where its time is up or nobody waits for it any more."""
    deadline, cut, tree_peak, harsh = began + spec["timeout"], False, 0, False
    tick = 0.2 if spec.get("tree") else 1.0
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, used, time.perf_counter() - began, cut, tree_peak
        info = signal.sigtimedwait(ENDS | {signal.SIGCHLD}, max(0.0, min(tick, deadline - time.perf_counter())))
        if spec.get("tree"):
            tree_peak = max(tree_peak, group_memory(pid))
        asked = (info is not None and info.si_signo in ENDS) or os.getppid() != parent
        if asked or time.perf_counter() >= deadline:
            kill(pid, signal.SIGKILL if harsh else signal.SIGTERM)
            deadline, cut, harsh = time.perf_counter() + GRACE, True, True


def main():
    """Starts the program of the SPEC, prints what it used."""
    spec = json.loads(sys.argv[1])
    parent = os.getppid()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS | {signal.SIGCHLD})
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        try:
            child(spec)
        finally:
            os._exit(127)
    with contextlib.suppress(OSError):  # it runs its program already, in its group
        os.setpgid(pid, pid)  # as the child does: whoever is first, the group is there before its number is told
    print(json.dumps({"pid": pid}), flush=True)
    status, used, seconds, cut, tree_peak = watch(pid, spec, parent, began)
    kill(pid, signal.SIGKILL)  # descendants that it left behind
    usage = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "user": used.ru_utime,
        "system": used.ru_stime,
        "peak": max(used.ru_maxrss * 1024, tree_peak),
        "cut": cut,
    }
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(1, json.dumps(usage).encode() + b"\n")


if __name__ == "__main__":
    main()
