"""What was measured on: processor, kernel, file system, versions; and how busy the machine is."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def busy() -> float:
    """CPU seconds that all programs used since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / TICK


def used(pid: int) -> float:
    """CPU seconds that a process used so far; nothing where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def peak(pid: int) -> int:
    """The most bytes of memory that a process had so far; nothing where it has ended."""
    try:
        found = re.search(
            r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("utf-8", "replace"), re.MULTILINE
        )
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def version(*command: str) -> str:
    """The first version number that a program tells; empty where it tells none."""
    if shutil.which(command[0], path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        return ""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PATH": path}
    )
    found = re.search(r"\d+\.\d[\w.]*", done.stdout + done.stderr)
    return found[0] if found else ""


def facts(folder: Path) -> list[str]:
    """A few lines on the machine."""
    info = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    model = re.search(r"model name\s*:\s*(.+)", info)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    done = subprocess.run(
        ["findmnt", "-n", "-o", "FSTYPE", "-T", str(folder)], capture_output=True, text=True, check=False
    )
    return [
        f"{len(os.sched_getaffinity(0))} cores ({model[1] if model else platform.machine()}), {memory:.0f} GiB,"
        f" Linux {platform.release()}, output on {(done.stdout.split() or ['an unknown file system'])[-1]},"
        f" Python {platform.python_version()}"
    ]


def programs() -> dict[str, str]:
    """Versions of the programs of the machine."""
    return {
        "nginx": version("nginx", "-v"),
        "curl": version("curl", "-V"),
        "wget2": version("wget2", "-V"),
        "aria2c": version("aria2c", "-v"),
        "openssl": version("openssl", "version"),
        "ab": version("ab", "-V"),
    }
