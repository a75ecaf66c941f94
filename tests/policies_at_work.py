"""Policies to bring into force: the house's own, a little changed, in files of a test's own."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policies.compiled import Policy
from resolvers.policies import standing
from storage.staff import StaffRole
from tests.world import ROOT, Answer, Person, World, opened

OWN = (ROOT / "policy.polar").read_bytes()
SAME = OWN + b"\n# Another word about nothing.\n"
LESS = OWN.replace(b'    "share" if "owner";\n', b"")
"""No rule lets an owner share a project any more."""
MORE = OWN.replace(b'    "share" if "owner";\n', b'    "share" if "owner";\n    "share" if "editor";\n')
"""Editors may share a project too."""

BROKEN = {
    "a slip of the pen": b"\nallow(person: Person, ;\n",
    "an unknown class": b'\nallow(_: Person, "read", _: Asett);\n',
    "an unknown field": b'\nallow(person: Person, "read", asset: Asset) if asset.ownr_id = person.id;\n',
    "an unknown action": b'\nallow(_: Person, "raed", _: Asset);\n',
    "a shape without SQL": b'\nallow(_: Person, "read", asset: Asset) if not asset.byte_size = 3;\n',
    "a rule that never matches": b'\nallow(person: Person, "read", asset: Asset) if never(person, asset);\nnever(1, 2);\n',
    "conditions that exclude one another": (
        b'\nallow(_: Staff, "read", asset: Asset) if asset.byte_size < 3 and asset.byte_size > 5;\n'
    ),
    "alternatives that multiply": (
        b'\nallow(_: Staff, "read", asset: Asset) if '
        + b" and ".join(b"(asset.byte_size = %d or asset.byte_size > %d)" % (n, n) for n in range(24))
        + b";\n"
    ),
    "brackets in brackets": b'\nallow(_: Staff, "read", asset: Asset) if ' + b"(" * 9999 + b"\n",
    "recursion": b'\nallow(staff: Staff, "read", asset: Asset) if again(staff, asset);\nagain(s, a) if again(s, a);\n',
    "recursion by way of another rule": b'\nhas_role(p: Person, "owner", a: Asset) if has_role(p, "editor", a);\n',
    "ten megabytes": b"#" * 10 * 1024 * 1024,
    "a stranger by name": b'\nallow(_: Anonymous, "read", _: Asset);\n',
    "everything for everybody": b'\nallow(_, "read", _: Asset);\n',
    "every action": b"\nallow(_: Staff, _, _: Asset);\n",
    "no text at all": b"\xff\xfe",
    "the end of a line too early": b"\nresource Asset {",
}
"""What to put behind the policy to make it one that must never be served."""

IN_FORCE = "SELECT count(*) FROM policy_changes WHERE number IS NOT NULL"


def compiled(policy: bytes) -> Policy:
    """The policy of one of these texts, from what was compiled before where it was."""
    return standing.load(policy, "policy.polar")


def hash_of(policy: bytes) -> str:
    """What people compare: sha256sum of the file."""
    return hashlib.sha256(policy).hexdigest()


@contextmanager
def ruled(home: Path, database_url: str, policy: bytes = OWN, **settings: Any) -> Iterator[World]:
    """The application with a policy file of its own, `home`/policy.polar, and approvals beside it."""
    file, approvals = home / "policy.polar", home / "approvals.yaml"
    file.write_bytes(policy)
    if not approvals.exists():
        approvals.write_text("[]\n")
    with opened(home, database_url, policy_file=file, policy_approvals=approvals, **settings) as world:
        yield world


def save(world: World, policy: bytes) -> str:
    """Write the policy file anew; answers its hash."""
    world.settings.policy_file.write_bytes(policy)
    return hash_of(policy)


def propose(world: World, by: Person | None, policy_hash: str) -> Answer:
    return world.do("reloadPolicy", by, wants="proposal { id version inForceAt } auditEventId", hash=policy_hash)


def confirm(world: World, by: Person | None, policy_hash: str, proposal: str) -> Answer:
    wants = "proposal { id version inForceAt } auditEventId"
    return world.do("reloadPolicy", by, wants=wants, hash=policy_hash, proposalId=proposal)


def two_people(world: World) -> tuple[Person, Person]:
    """Whoever proposes, and whoever confirms."""
    return world.employ(StaffRole.SYSADMIN), world.employ(StaffRole.SECURITY)
