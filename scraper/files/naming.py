"""Names that are safe to write: from a URL or a rendered path template to a relative POSIX path.

Theory. A template layer renders `path` to text in which `/` parts folders and nothing else does.
`safe_path` makes each segment a name that Linux, macOS and Windows all store as written: dangerous
characters become `_`, invisible ones go, the text is NFC, device names and leading dots or dashes get a
`_`, and 250 bytes (255 is the limit of most file systems, five are for `.part`) hold it with its extension
kept. Every rule is a small function from name to name and they are repeated until nothing changes, so a
safe path is a fixed point: `safe_path(safe_path(x)) == safe_path(x)`.

An extension that only the response can tell is one character, `UNKNOWN_EXT`, until `complete` puts the
extension in its place. `fold` answers whether two paths could be one file on some file system; `distinct`,
`number` and `part_name` make the other names a file may need. Nothing here refuses an extension: what is
saved is never run.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote

#: Stands for an extension that only the response can tell: a noncharacter, so no text from outside holds it.
UNKNOWN_EXT = "\ufdd2"

#: Name of the records file where the job gives none (JOBS.md, `records`).
RECORDS = "records.jsonl"
#: Names of our own files below dest, which no other file gets: the records file, or that and others.
Own = str | tuple[str, ...]

NAME_BYTES = 250  # NAME_MAX is 255 (ext4, XFS, APFS, NTFS); `.part` takes five
PART_BYTES = 255
PATH_BYTES = 3500  # PATH_MAX is 4096 with the output folder and the final NUL
DEPTH = 64
_LONGEST = 1024  # characters, and folders, that are looked at: normalising runs of marks is quadratic
_OTHER_EXT = re.compile(r"\.[A-Za-z0-9]{1,16}\Z")

_KNOWN = """
    jpg jpeg jpe jfif png apng gif webp avif heic heif bmp ico cur tif tiff svg svgz psd jxl jp2 tga exr
    dds raw cr2 nef dng eps mp4 m4v mov mkv webm avi wmv flv mpg mpeg m2ts mts 3gp 3g2 ogv vob m3u8 m3u
    mpd vtt srt ass sub mp3 m4a m4b aac ogg oga opus flac wav aif aiff wma mid midi amr weba pdf ps djvu
    epub mobi azw3 doc docx docm dot dotx odt rtf xls xlsx xlsm xlsb ods ppt pptx pps ppsx odp odg txt
    md rst tex log csv tsv json jsonl ndjson geojson topojson jsonld xml xsl xsd rss atom rdf kml kmz
    gpx gml yaml yml toml ini sql sqlite sqlite3 parquet arrow feather avro orc h5 hdf5 nc npy npz mat
    pkl pt onnx safetensors bib ris ics vcf zip tar tgz tbz2 txz gz bz2 xz zst lz4 lzma br 7z rar z cab
    iso dmg img jar war apk ipa deb rpm msi exe bin dat warc wacz html htm xhtml xht mhtml css js mjs
    map wasm ts tsx jsx vue scss less py ipynb c h cpp hpp java go rs rb r sh bat pl swift kt lua patch
    diff ttf otf woff woff2 eot glb gltf obj stl ply fbx shp dbf shx prj las laz torrent sig asc pem crt
    fasta fastq pdb nii dcm
"""
KNOWN_EXTENSIONS = frozenset(_KNOWN.split())

#: Compressed forms that leave the extension before them standing: `.tar.gz`, `.csv.zst`.
_COMPRESSED = frozenset(("gz", "bz2", "xz", "zst", "lz4", "lzma", "br", "z"))

#: Endings of programs, which say nothing about what they answer.
_SCRIPTS = re.compile(r"\.(?:php[3457]?|phtml|aspx?|ashx|asmx|jspx?|jsf|cgi|fcgi|cfm|do|action|dll)\Z", re.I)

# Windows, "Naming Files, Paths, and Namespaces": reserved with any extension, superscript digits included.
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [port + digit for port in ("COM", "LPT") for digit in "0123456789\u00b9\u00b2\u00b3"]
)

# Unicode's Default_Ignorable_Code_Point, which holds the bidi controls and all zero-width characters: a
# reader cannot see them, and ext4's casefold and HFS+ do not compare them.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_NONCHARACTERS = "\ufdd0\ufdd1\ufdd3-\ufdef" + "".join(
    chr(p + 0xFFFE) + chr(p + 0xFFFF) for p in range(0, 0x110000, 0x10000)
)
# Controls, line separators, surrogates, noncharacters, and what Windows forbids in names.
_FORBIDDEN = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"|?*\\\\' + _NONCHARACTERS + "]")
_SEPARATORS = re.compile(r"[/\\]")
_OUR_MARKS = re.compile("[\ufdd0-\ufdef]")
_NOWHERE = ("", ".", "..")
_BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


class UrlName(NamedTuple):
    """The names a URL gives to a path template (JOBS.md, Templates)."""

    filename: str
    stem: str
    ext: str
    dir: str
    host: str


def url_name(url: str) -> UrlName:
    """The parts of a URL's path as template names; never raises.

    Each segment is percent-decoded once as UTF-8 (bad bytes become U+FFFD) and holds no separator. `ext` is
    a known extension with its dot, else UNKNOWN_EXT, and then the ending of a program (`.php`) is not part
    of `stem` either. An empty last segment is called `index`. `host` is the name without user and port.
    """
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    netloc, _, path = bare[bare.find("://") + 3 if "://" in bare else 0 :].partition("/")
    *folders, last = [_decoded(segment) for segment in path.split("/")]
    cut = _known_at(last)
    stem, ext = (last[:cut], last[cut:]) if cut else (_SCRIPTS.sub("", last), UNKNOWN_EXT)
    stem = "index" if stem in _NOWHERE else stem
    return UrlName(stem + ext, stem, ext, "/".join(f for f in folders if f not in _NOWHERE), _host(netloc))


def _decoded(segment: str) -> str:
    text = _SEPARATORS.sub("_", unquote(segment, encoding="utf-8", errors="replace"))
    return _OUR_MARKS.sub("\ufffd", text)


def _host(netloc: str) -> str:
    name = netloc.rpartition("@")[2].lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


def has_known_ext(name: str) -> bool:
    """Whether the last segment of `name` ends in an extension of the table (`.tar.gz` and `.JPG` do,
    `.php` does not).
    """
    return _known_at(name.rpartition("/")[2]) > 0


def known_ext(name: str) -> str:
    """The known extension at the end of `name`, with its dot and as it is written there, else an empty
    text.
    """
    cut = _known_at(name)
    return name[cut:] if cut else ""


def _known_at(name: str) -> int:
    """Where the known extension of a name begins; 0 where there is none, or nothing stands before it."""
    end = name.rfind(".")
    ending = name[end + 1 :].lower()
    if end <= 0 or ending not in KNOWN_EXTENSIONS:
        return 0
    if ending not in _COMPRESSED:
        return end
    inner = name.rfind(".", 0, end)
    return inner if inner > 0 and name[inner + 1 : end].lower() in KNOWN_EXTENSIONS else end


def safe_path(rendered: str, *, records_name: Own = RECORDS) -> str:
    """A relative POSIX path that stays below its folder, from a rendered template in which only `/` parts
    folders.

    Segments have at most 250 bytes of UTF-8, the path about 3500 and 64 segments; folders that come to
    nothing are left out, a file name that does is `index`. No segment ends in `.part`; the path is not
    the records file (or another of `records_name`), lies not below it nor in its way, and not below
    `.scraper`. Idempotent. UNKNOWN_EXT is kept.
    """
    if len(rendered) < 200 and _PLAIN.fullmatch(rendered) and not _is_special(rendered, records_name):
        return rendered
    return _made_safe(rendered, records_name)


_INNER = "[A-Za-z0-9_~+=,@()!-]"
_SEGMENT = f"[A-Za-z0-9_](?:(?:{_INNER}|[. ])*{_INNER})?"
#: A path of plain segments, which no rule below changes but those that `_is_special` asks about.
_PLAIN = re.compile(f"(?:{_SEGMENT}/){{0,9}}{_SEGMENT}{UNKNOWN_EXT}?")


def _is_special(path: str, records_name: Own) -> bool:
    """Whether a segment of a plain path is a device, ends in `.part`, or is one of our own files' names."""
    for segment in path.rstrip(UNKNOWN_EXT).lower().split("/"):
        base = segment.partition(".")[0].rstrip()
        if base.upper() in _DEVICES or segment.endswith(".part") or segment in _folded_segments(records_name):
            return True
    return False


@lru_cache(maxsize=16)
def _folded_segments(names: Own) -> frozenset[str]:
    return frozenset(fold(segment) for one in _of_records(names) for segment in one.split("/"))


@lru_cache(maxsize=16)
def _of_records(names: Own) -> tuple[str, ...]:
    """Our own files, and what SQLite takes for a part of one when it is opened (sqlite.org/tempfiles.html):
    it would play a journal back that a server put there.
    """
    paths = (names,) if isinstance(names, str) else names
    beside = {path: ("-journal", "-wal", "-shm") if path.endswith((".sqlite", ".db")) else () for path in paths}
    return tuple(path + ending for path in paths for ending in ("", *beside[path]))


def _made_safe(rendered: str, records_name: Own) -> str:
    *folders, last = rendered.split("/")
    name = _tidy(last)
    if not name.strip(UNKNOWN_EXT):
        name = "index" + name[:1]
    tidied = islice(filter(None, map(_tidy, folders[:_LONGEST])), DEPTH - 1)
    return _guarded([*_shallow(tidied, name), name], records_name)


def _tidy(segment: str) -> str:
    if len(segment) > _LONGEST:
        segment = segment[: _LONGEST // 2] + segment[-_LONGEST // 2 :]
    before = None
    while segment != before:
        before = segment
        for rule in _RULES:
            segment = rule(segment)
    return segment


def _visible(name: str) -> str:
    return unicodedata.normalize("NFC", _FORBIDDEN.sub("_", _UNSEEN.sub("", name)))


def _short(name: str) -> str:
    return _fitted(*_split(name))


def _stripped(name: str) -> str:
    return name.lstrip(_BLANKS).rstrip(_BLANKS + ".")


def _plain_start(name: str) -> str:
    """No hidden file, and nothing that a program would take for an option."""
    return "_" + name[1:] if name.startswith((".", "-")) else name


def _no_device(name: str) -> str:
    base = re.split(f"[.{UNKNOWN_EXT}]", name, maxsplit=1)[0].rstrip(_BLANKS)
    return "_" + name if base.upper() in _DEVICES else name


def _no_part(name: str) -> str:
    return _cut(name, NAME_BYTES - 1) + "_" if fold(name).endswith(".part") else name


_RULES = (_visible, _short, _stripped, _plain_start, _no_device, _no_part)


def _split(name: str) -> tuple[str, str]:
    """Stem and ending: what is cut when a name is too long, and what is kept."""
    if name.endswith(UNKNOWN_EXT):
        return name[:-1], UNKNOWN_EXT
    cut = _known_at(name)
    if not cut and (other := _OTHER_EXT.search(name)):
        cut = other.start()
    return (name[:cut], name[cut:]) if cut else (name, "")


def _fitted(stem: str, ending: str, limit: int = NAME_BYTES) -> str:
    return _cut(stem, limit - len(ending.encode())) + ending


def _cut(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` bytes that parts neither a code point nor a letter from
    its marks.
    """
    kept = text.encode()[:limit].decode(errors="ignore")
    end = len(kept)
    while 0 < end < len(text) and unicodedata.combining(text[end]):
        end -= 1
    return text[:end] or kept


def _shallow(folders: Iterable[str], name: str) -> list[str]:
    """As many folders from the top as the bytes of a path allow."""
    kept: list[str] = []
    left = PATH_BYTES - len(name.encode())
    for folder in folders:
        left -= len(folder.encode()) + 1
        if left < 0:
            break
        kept.append(folder)
    return kept


def _guarded(segments: list[str], records_name: Own) -> str:
    """The path, with a `_` where it would be, hold or block one of our own files or `.scraper`."""
    for reserved in filter(None, (".scraper", *_of_records(records_name))):
        taken = [segment for segment in reserved.split("/") if segment not in _NOWHERE]
        depth = min(len(taken), len(segments))
        if [fold(s) for s in segments[:depth]] == [fold(t) for t in taken[:depth]]:
            stem, ending = _split(segments[depth - 1])
            segments[depth - 1] = _fitted(_cut(stem, NAME_BYTES - 1 - len(ending.encode())) + "_", ending)
    return "/".join(segments)


def is_open(path: str) -> bool:
    """Whether only the response can complete this path: it holds UNKNOWN_EXT, or its name has no known
    extension.
    """
    return UNKNOWN_EXT in path or not has_known_ext(path)


def complete(path: str, ext: str, *, records_name: Own = RECORDS) -> str:
    """A safe path with `ext` (`.jpg`, or empty) where UNKNOWN_EXT stands, else after a name without
    known extension.
    """
    ext = _SEPARATORS.sub("_", ext)
    folder, slash, name = path.rpartition("/")
    if UNKNOWN_EXT not in name and not has_known_ext(name):
        name += ext
    return safe_path((folder + slash + name).replace(UNKNOWN_EXT, ext), records_name=records_name)


def without_mark(path: str, *, records_name: Own = RECORDS) -> str:
    """The form of a path that is reserved before the request (DESIGN 4.6): UNKNOWN_EXT taken out."""
    return safe_path(path.replace(UNKNOWN_EXT, ""), records_name=records_name)


def distinct(path: str, key: str, digits: int = 8, *, records_name: Own = RECORDS) -> str:
    """`name~1a2b3c4d.ext`: the path with `digits` (up to 64) hex digits of SHA-256 of the file's key
    (DESIGN 4.6).
    """
    return _suffixed(path, "~" + _digest(key)[:digits], records_name)


def number(path: str, n: int, *, records_name: Own = RECORDS) -> str:
    """`name-2.ext`: the path of the n-th file (from 1) of several; the first keeps the bare name."""
    return path if n < 2 else _suffixed(path, f"-{n}", records_name)


def part_name(path: str, key: str | None = None) -> str:
    """Where the bytes of `path` go until they are whole: `name.part`, with a key `name~1a2b3c4d.part`;
    255 bytes.
    """
    if key is None and len(path) <= 62:  # at most 4 bytes a character
        return path + ".part"
    folder, slash, name = path.rpartition("/")
    tail = ".part" if key is None else f"~{_digest(key)[:8]}.part"
    return folder + slash + _fitted(name, tail, PART_BYTES)


def _suffixed(path: str, suffix: str, records_name: Own) -> str:
    *folders, name = path.split("/")
    stem, ending = _split(name)
    return _guarded([*folders, _fitted(stem, suffix + ending)], records_name)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def fold(path: str) -> str:
    """The key under which two paths collide, if any common file system takes them for one.

    APFS, HFS+ and ext4's casefold compare canonical forms without case and unseen characters, NTFS by upper
    case, ZFS with formKD by compatibility. All of these at once: two names that are needlessly the same
    only cost a suffix, two that are wrongly different cost a file.
    """
    if path.isascii():
        return path.lower()
    text = _UNSEEN.sub("", path)
    before = None
    while text != before:
        before = text
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold().upper().casefold())
        text = _UNSEEN.sub("", text)
    return text


def digest_of(template: str) -> str:
    """By what a path template is the same in the next run: 16 hex digits of SHA-256."""
    return hashlib.sha256(template.encode("utf-8", "surrogatepass")).hexdigest()[:16]
