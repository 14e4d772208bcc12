"""The short ways of naming.py come to what the long ones come to."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from scraper.files import naming

PIECES = [
    "a", "B7", "CON", "nul", "COM1", ".", "..", ".part", ".PART", "/", " ", "-", "_", "~", "(1)", "records.jsonl",
    "RECORDS.JSONL", ".scraper", "x.jpg", ".tar.gz", naming.UNKNOWN_EXT, "é", "%", "a" * 90,
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(TEXTS, st.sampled_from([naming.RECORDS, "out/r.csv", "a"]))
@example("a/CON .jpg", naming.RECORDS)
@example("a.part" + naming.UNKNOWN_EXT, naming.RECORDS)
@example("x/" * 30 + "y", naming.RECORDS)
def test_a_plain_path_is_safe_as_it_stands(text: str, records: str) -> None:
    assert naming.safe_path(text, records_name=records) == naming._made_safe(text, records)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_folds_to_lower_case(text: str) -> None:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold().upper().casefold())
    assert naming.fold(text) == folded


@given(st.text("aé\u2603\U0001f600./", min_size=1))
def test_a_part_has_room_for_its_ending(path: str) -> None:
    folder, slash, name = path.rpartition("/")
    part = naming.part_name(path)
    assert part.startswith(folder + slash)
    assert part.endswith(".part")
    assert len(part.rpartition("/")[2].encode()) <= max(naming.PART_BYTES, 5)
    if len(name.encode()) <= naming.NAME_BYTES:
        assert part == f"{path}.part"
