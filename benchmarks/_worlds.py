"""Data for benchmarks: owners, projects and assets, sealed as the application seals them."""

import uuid
from dataclasses import dataclass

from policies.principals import Kind, Principal
from resolvers.context import Asking, Context
from resolvers.house import House
from resolvers.sessions import open_session
from storage.assets import Asset, AssetStatus
from storage.clock import now
from storage.contributors import Contributor, PrivacyPreferences
from storage.ids import new_id
from storage.keys.names import contributor_keyset, project_keyset
from storage.outputs import Output
from storage.projects import Project
from storage.prompts import Prompt, PromptStatus
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


def nest(house: House, owners: int, projects: int, assets: int, prompts: int, outputs: int) -> str:
    """Contributors with so many projects each, and in each so many assets, and prompts with outputs; answers the last
    one's token."""
    context = Context(house, Asking(Principal(Kind.ANONYMOUS)))
    for _ in range(owners):
        owner, keyring = new_id(), house.store.keyring
        keyring.create(contributor_keyset(owner), owner=owner)
        found = [Project(id=new_id(), owner_id=owner) for _ in range(projects)]
        for project in found:
            keyring.create(project_keyset(project.id), owner=owner)
        with context.writing("nest"):
            work, vault = context.work, Vault(keyring)
            person = Contributor(id=owner, email_lookup=owner.bytes)
            vault.seal(person, email=f"{owner}@example.org", display_name="Someone", password_hash="-")  # noqa: S106
            work.session.add_all((person, PrivacyPreferences(owner_id=owner), *found))
            for project in found:
                vault.seal(project, name="A project")
            work.session.flush()
            for project in found:
                work.session.add_all([_asset(vault, owner, project.id, number) for number in range(assets)])
                answered = [_prompt(vault, owner, project.id, outputs) for _ in range(prompts)]
                work.session.add_all(answered)
                work.session.flush()
                work.session.add_all([_output(vault, prompt, n + 1) for prompt in answered for n in range(outputs)])
            issued = open_session(context, SubjectKind.CONTRIBUTOR, owner)
    return issued.token


def _prompt(vault: Vault, owner: uuid.UUID, project: uuid.UUID, outputs: int) -> Prompt:
    prompt = Prompt(
        id=new_id(),
        owner_id=owner,
        author_id=owner,
        project_id=project,
        status=PromptStatus.COMPLETED,
        model="smollm2-135m-instruct",
        variations=outputs,
        stored=outputs,
        finished_at=now(),
    )
    vault.seal(prompt, text="A river in the morning.", parameters={})
    return prompt


def _output(vault: Vault, prompt: Prompt, variation: int) -> Output:
    output = Output(
        id=new_id(),
        owner_id=prompt.owner_id,
        project_id=prompt.project_id,
        prompt_id=prompt.id,
        variation=variation,
        byte_size=240,
        model=prompt.model,
        provider="local",
    )
    vault.seal(output, text="The river is quiet in the morning, and the old bridge waits. " * 4)
    return output


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
