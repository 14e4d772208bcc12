"""Bodies, lengths, chunks, codings and heads that are wrong: always, and once with a right answer after it.

What is retried (DESIGN section 3) ends right after the fault is over; what is final stays failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

SIZE = 40_960
RETRIED = {"connect", "timeout", "stalled", "protocol", "length", "encoding"}
SHORT = {"read": 0.3, "slowest": 100_000}


@dataclass(frozen=True)
class Case:
    """A fault, the classes it may end with (`saved`: it does no harm), and what of the trial is its own."""

    fault: dict[str, Any]
    classes: tuple[str, ...]
    size: int = SIZE
    timeout: dict[str, float] = field(default_factory=dict)

    @property
    def endings(self) -> tuple[str, ...]:
        return tuple(one if one == "saved" else f"failed:{one}" for one in self.classes)

    @property
    def after(self) -> tuple[str, ...]:
        """How it ends where only the first answer is spoiled."""
        return tuple({"saved" if one == "saved" or one in RETRIED else f"failed:{one}" for one in self.classes})

    def __str__(self) -> str:
        parameters = [f"{name}={str(value)[:12]!r}" for name, value in self.fault.items() if name != "do"]
        return " ".join([self.fault["do"], *parameters])


def case(do: str, *classes: str, size: int = SIZE, timeout: dict[str, float] | None = None, **parameters: Any) -> Case:
    return Case({"do": do, **parameters}, classes, size, timeout or {})


CASES = [
    # no answer, or not all of it
    case("refuse", "connect", "protocol"),
    case("hang_up", "protocol"),
    case("hang_up", "protocol", reset=True),
    case("silence", "timeout", timeout=SHORT),
    case("cut", "length", at=0),
    case("cut", "length", at="50%"),
    case("cut", "length", at=SIZE - 1),
    case("reset", "protocol", "length", at=0),
    case("reset", "protocol", "length", at="50%"),
    case("stall", "stalled", at=0, timeout=SHORT),
    case("stall", "stalled", at="50%", timeout=SHORT),
    case("stall", "stalled", at=SIZE - 1, timeout=SHORT),
    case("drip", "stalled", rate=2000, timeout=SHORT),
    case("drip", "timeout", rate=100, head=True, timeout=SHORT),
    case("drip", "timeout", rate=2000, timeout={"total": 0.3, "slowest": 0}),
    case("drip_head", "timeout", what="line", timeout=SHORT),
    case("drip_head", "timeout", what="interim", timeout=SHORT),
    # lengths
    case("length", "length", by=100),
    case("length", "length", by=-100, size=8000),
    case("bad_length", "protocol", value="-5"),
    case("bad_length", "protocol", value="ten"),
    case("bad_length", "protocol", value=""),
    case("bad_length", "protocol", value="+40960"),
    case("bad_length", "protocol", value="0xA000"),
    case("bad_length", "protocol", value="4_0960"),
    case("bad_length", "protocol", value="9" * 20),
    case("bad_length", "length", value="9" * 15),
    case("two_lengths", "protocol", by=1),
    case("two_lengths", "protocol", by=-1),
    case("two_lengths", "saved", by=0),
    case("length_and_chunks", "saved", "protocol", "length", by=-1),
    case("surplus", "length"),
    case("no_length", "saved"),
    # chunks
    case("chunk_cut", "protocol", at="50%"),
    case("chunk_end", "protocol", at="50%"),
    case("chunk_end", "protocol", at=0),
    case("no_last_chunk", "protocol"),
    case("bad_chunk", "protocol", size_="xyz"),
    case("bad_chunk", "protocol", size_="-5"),
    case("bad_chunk", "protocol", size_="f" * 20),
    case("bad_chunk", "protocol", size_=""),
    # content encodings
    case("gzipped", "saved"),
    case("gzipped", "encoding", coding="x-own"),
    case("gzip_cut", "encoding", at="50%"),
    case("gzip_cut", "encoding", at=0),
    case("gzip_corrupt", "encoding", part="crc"),
    case("gzip_corrupt", "encoding", part="size"),
    case("gzip_corrupt", "encoding", part="data"),
    case("gzip_tail", "encoding"),
    case("bomb", "limit", layers=2, size_="64M"),
    # heads
    case("no_colon", "protocol"),
    case("bad_header", "protocol", value="a\0b"),
    case("bad_header", "protocol", "saved", value="a\rb"),
    case("long_header", "limit", "saved", size_="64k"),
    case("long_header", "limit", size_="128k"),
    case("many_headers", "limit", count=10_000),
    case("big_head", "limit"),
    case("interim", "saved", code=100, count=1),
    case("interim", "saved", code=103, count=3),
    case("interim", "limit", code=100),
    case("interim", "limit", code=102),
    case("http09", "protocol"),
    case("status_line", "protocol", text="HTTP/1.1 99 Low"),
    case("status_line", "protocol", text="HTTP/1.1 1000 High"),
    case("status_line", "protocol", text="HTTP/1.1 OK 200"),
    case("status_line", "protocol", text="SSH-2.0-OpenSSH_9.2"),
    # a part that nobody asked for
    case("unasked_range", "protocol", first=0),
    case("unasked_range", "protocol", first=8),
]


def spoil(trial: Any, records: Any, case: Case, **rule: Any) -> None:
    trial.put("/a.bin", records(1, case.size))
    parameters = {name.removesuffix("_"): value for name, value in case.fault.items()}
    trial.spoil({**parameters, **rule})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_that_stays(case: Case, trial: Any, records: Any) -> None:
    spoil(trial, records, case)
    trial.fetch("/a.bin", attempts=1, **case.timeout)
    trial.ends({"/a.bin": case.endings})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_that_passes(case: Case, trial: Any, records: Any) -> None:
    spoil(trial, records, case, times=1)
    trial.fetch("/a.bin", attempts=2, **case.timeout)
    trial.ends({"/a.bin": case.after})


def test_attempts_are_counted_and_bounded(trial: Any, records: Any) -> None:
    trial.put("/a.bin", records(1, SIZE))
    trial.spoil({"do": "cut"})
    trial.fetch("/a.bin", attempts=4)
    trial.ends({"/a.bin": "failed:length"})
    assert (len(trial.asked("/a.bin")), trial.rows()[0]["attempts"]) == (4, 4)


def test_what_is_final_is_not_tried_again(trial: Any, records: Any) -> None:
    trial.put("/a.bin", records(1, SIZE))
    trial.spoil({"do": "big_head"})
    trial.fetch("/a.bin", attempts=4)
    trial.ends({"/a.bin": "failed:limit"})
    assert len(trial.asked("/a.bin")) == 1


BATCH = ["hang_up", "cut", "reset", "chunk_cut", "bad_chunk", "gzip_cut", "no_colon", "two_lengths", "http09", "status"]


def test_a_batch_in_which_every_second_answer_is_wrong_at_first(trial: Any, records: Any) -> None:
    """Files of many connections, kept ones among them: none gets bytes of another."""
    targets = [f"/{number}.bin" for number in range(60)]
    for number, target in enumerate(targets):
        trial.put(target, records(number, 8 * (100 + number)))
    for number, target in enumerate(targets[::2]):
        trial.spoil({"url": f"*{target}", "do": BATCH[number % len(BATCH)], "times": 1})
    trial.spoil({"url": "*/1?.bin", "do": "surplus", "times": 1})
    trial.fetch(*targets)
    trial.ends(dict.fromkeys(targets, "saved"))
    assert sum(strike.faults != ("surplus",) for strike in trial.layer.strikes) == 30


def test_a_fault_of_one_file_does_not_touch_the_others(trial: Any, records: Any) -> None:
    targets = [f"/{number}.bin" for number in range(20)]
    for number, target in enumerate(targets):
        trial.put(target, records(number, 4096))
    trial.spoil({"url": "*/7.bin", "do": "stall", "at": 100})
    trial.fetch(*targets, attempts=1, **SHORT)
    trial.ends({target: "failed:stalled" if target == "/7.bin" else "saved" for target in targets})
