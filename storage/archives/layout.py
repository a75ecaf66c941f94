"""What stands where in an export archive, version 1. Frozen: archives made today are opened for ever.

README.html                    to open in a browser, offline
profile.json, …                one object each
projects.jsonl, …              one object per line
assets/<id>/<file name>        uploaded files, byte for byte
outputs/<id>.txt               what the agents made
schemas/<stem>.schema.json     JSON Schema 2020-12 of each JSON file
manifest.json                  every other file: path, bytes, sha256, type; counts
manifest.json.sig              C2SP signed note over the manifest's SHA-256
"""

import re
import unicodedata
import uuid

from storage.normalization import normalize

FORMAT = "muniment-export/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
README = "README.html"

JSON = "application/json"
JSON_LINES = "application/jsonl"
JSON_SCHEMA = "application/schema+json"

_NAME_BYTES = 120
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_UNSHOWN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def statement(manifest_sha256: str) -> str:
    """The text that is signed: the format and the hex SHA-256 of manifest.json's bytes."""
    return f"{FORMAT}\nmanifest sha256 {manifest_sha256}\n"


def records_in(media_type: str, newlines: int) -> int:
    """How many records a file of `media_type` with that many line feeds holds: its lines, or one."""
    return newlines if media_type == JSON_LINES else 1


def camel(name: str) -> str:
    """A column's name as clients know it: `owner_id` becomes `ownerId`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def asset_path(asset_id: uuid.UUID, file_name: str) -> str:
    """Where an asset's bytes lie in the archive."""
    return f"assets/{asset_id}/{safe_name(file_name)}"


def output_path(output_id: uuid.UUID) -> str:
    """Where an output's text lies in the archive."""
    return f"outputs/{output_id}.txt"


def schema_path(file: str) -> str:
    """Where the JSON Schema of `file` lies in the archive."""
    return f"schemas/{file.rsplit('.', 1)[0]}.schema.json"


def safe_name(file_name: str) -> str:
    """`file_name` as one path component that every common file system takes and that points nowhere else.

    Separators, control and formatting characters (also those that turn the reading direction) and the characters that
    Windows forbids become `_`; the rest stays, whatever the script. The extension survives shortening.
    """
    name = file_name
    if not (name.isascii() and name.isprintable()):  # else there is nothing of the kind, as in most names
        name = normalize("NFC", name)
        name = "".join("_" if unicodedata.category(c) in _UNSHOWN else c for c in name)
    name = _FORBIDDEN.sub("_", name).strip(" .") or "file"
    if _RESERVED.match(name):
        name = f"_{name}"
    if len(name.encode()) <= _NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 16:
        return _cut(name, _NAME_BYTES)
    return f"{_cut(stem, _NAME_BYTES - len(extension.encode()) - 1)}.{extension}"


def is_safe_path(path: str) -> bool:
    """Whether unpacking `path` stays inside the directory it is unpacked into."""
    parts = path.split("/")
    return not (any(part in ("", ".", "..") for part in parts) or "\\" in path or "\x00" in path or ":" in parts[0])


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore").rstrip(" .") or "file"
