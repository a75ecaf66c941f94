"""Which gains somebody has looked at and wants: `policies/approvals.yaml`, read by `policy diff`.

An entry approves one very change, by the digest that `policy diff` shows: another way to the same right, or another
role, has another digest. Each names a reason and who approved.
"""

from dataclasses import dataclass
from pathlib import Path

from policies.workbench.comparisons import Change

FILE = Path("policies/approvals.yaml")
_WORDS = ("change", "role", "resource", "action", "because", "approved_by")


class ApprovalError(Exception):
    """The file of approvals can't be used. The message begins with its name."""


@dataclass(frozen=True)
class Approval:
    """One entry of the file."""

    change: str
    role: str
    resource: str
    action: str
    because: str
    approved_by: str

    def covers(self, change: Change) -> bool:
        """Whether this is about that change, and says so in all its words."""
        about = (change.digest, change.role, change.resource, str(change.action))
        return change.gained and (self.change, self.role, self.resource, self.action) == about


def load(file: Path = FILE) -> list[Approval]:
    """The approvals in `file`. Raises ApprovalError, also if there is no such file."""
    import yaml  # a server loads policies, and no YAML

    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    except OSError as problem:
        raise ApprovalError(f"{file}: can't be read") from problem
    except yaml.YAMLError as problem:
        raise ApprovalError(f"{file.name}: this is no YAML") from problem
    if not isinstance(entries, list):
        raise ApprovalError(f"{file.name}: write a list of approvals, each with {', '.join(_WORDS)}")
    return [_read(entry, number, file.name) for number, entry in enumerate(entries, 1)]


def _read(entry: object, number: int, name: str) -> Approval:
    if not isinstance(entry, dict) or set(entry) != set(_WORDS):
        raise ApprovalError(f"{name}: approval {number} must say {', '.join(_WORDS)}, and nothing else")
    said = {word: str(entry[word] or "").strip() for word in _WORDS}
    if empty := [word for word in _WORDS if not said[word]]:
        raise ApprovalError(f"{name}: approval {number} leaves “{empty[0]}” empty")
    return Approval(**said)
