"""Data for benchmarks: owners, projects and assets, sealed as the application seals them."""

import uuid
from dataclasses import dataclass

from policies.principals import Kind, Principal
from resolvers.context import Asking, Context
from resolvers.house import House
from resolvers.sessions import open_session
from storage.assets import Asset, AssetStatus
from storage.contributors import Contributor, PrivacyPreferences
from storage.ids import new_id
from storage.keys.names import contributor_keyset, project_keyset
from storage.projects import Project
from storage.sessions import SubjectKind
from storage.vault import Vault


@dataclass(frozen=True)
class World:
    """One contributor to ask as, by token, among many others."""

    token: str
    project_id: uuid.UUID


def fill(house: House, *, owners: int, assets_each: int) -> World:
    """`owners` contributors with one project each and `assets_each` assets in it; answers the last one's session."""
    store = house.store
    context = Context(house, Asking(Principal(Kind.ANONYMOUS)))
    for _ in range(owners):
        owner, project = new_id(), Project(id=new_id())
        store.keyring.create(contributor_keyset(owner), owner=owner)
        store.keyring.create(project_keyset(project.id), owner=owner)
        with context.writing("fill"):
            work = context.work
            vault = Vault(store.keyring)
            person = Contributor(id=owner, email_lookup=owner.bytes)
            vault.seal(person, email=f"{owner}@example.org", display_name="Someone", password_hash="-")  # noqa: S106
            project.owner_id = owner
            vault.seal(project, name="A project")
            work.session.add_all((person, PrivacyPreferences(owner_id=owner), project))
            work.session.flush()
            work.session.add_all([_asset(vault, owner, project.id, number) for number in range(assets_each)])
            issued = open_session(context, SubjectKind.CONTRIBUTOR, owner)
    return World(issued.token, project.id)


def _asset(vault: Vault, owner: uuid.UUID, project: uuid.UUID, number: int) -> Asset:
    asset = Asset(
        id=new_id(),
        owner_id=owner,
        project_id=project,
        status=AssetStatus.AVAILABLE,
        media_type="image/png",
        byte_size=1000 + number,
    )
    vault.seal(
        asset,
        file_name=f"picture-{number}.png",
        title=f"Picture number {number}",
        description="A picture of a river in the morning, seen from the old bridge.",
        tags=["river", "morning"],
    )
    return asset
