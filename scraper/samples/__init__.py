"""What travels in the wheel: the sample jobs, and the job that `scraper init` writes."""

from __future__ import annotations

from pathlib import Path


def sample_jobs() -> list[Path]:
    """The sample jobs: beside this file in a wheel, in `jobs/` of a checkout."""
    here = Path(__file__).parent / "jobs"
    folder = here if here.is_dir() else Path(__file__).parents[2] / "jobs"
    return sorted(folder.glob("*.yaml"))
