"""A small world to generate in: contributors, a project, assets, prompts, as the use cases would have left them."""

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from policies.access import Access, Policy
from policies.principals import Kind, Principal
from storage import queue
from storage.assets import Asset, AssetStatus, Blob
from storage.blobs.contexts import FileContext, FileKind
from storage.blobs.store import BlobStore
from storage.contributors import Contributor, PrivacyPreferences
from storage.database import transaction
from storage.ids import new_id
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.keys.names import KeysetName
from storage.ledger.entries import AuditEvent
from storage.ledger.scope import AuditScope
from storage.outputs import Output
from storage.projects import MemberRole, Project, ProjectMember
from storage.prompts import Prompt, PromptAsset, PromptStatus, PromptStep
from storage.work import Store, UnitOfWork

ROOT = Path(__file__).parents[2]


def open_store(engine: Engine, home: Path) -> Store:
    """The store that `home` holds, with keys apart from data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keys = home / "keys"
        keyring = Keyring.open(f"sqlite:///{keys / 'keys.sqlite3'}", f"insecure-local://{keys}")
    return Store(engine, keyring, BlobStore(home / "data" / "blobs", keyring))


@dataclass
class World:
    """The store, the policy, and hands that do what the API's use cases do."""

    store: Store
    policy: Policy
    home: Path
    scope: AuditScope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = AuditScope("test", "CONTRIBUTOR", None, None, None, None, uuid.uuid4(), self.policy.version)

    @contextmanager
    def work(self) -> Iterator[UnitOfWork]:
        """A transaction beside the door."""
        with self.store.begin(self.scope) as work:
            yield work

    def contributor(self, **preferences: bool) -> uuid.UUID:
        """Someone with an account and these choices."""
        identity = new_id()
        self.store.keyring.create(KeysetName("contributor", str(identity)), identity)
        with self.work() as work:
            person = Contributor(id=identity, email_lookup=identity.bytes)
            work.vault.seal(person, email="a@example.org", display_name="A", password_hash="x")
            work.session.add_all([person, PrivacyPreferences(owner_id=identity, **preferences)])
        return identity

    def project(self, owner: uuid.UUID) -> uuid.UUID:
        """A project of theirs."""
        identity = new_id()
        self.store.keyring.create(
            KeysetName("project", str(identity)), owner, parent=KeysetName("contributor", str(owner))
        )
        with self.work() as work:
            project = Project(id=identity, owner_id=owner)
            work.vault.seal(project, name="Harbour")
            work.session.add(project)
        return identity

    def share(self, project: uuid.UUID, owner: uuid.UUID, member: uuid.UUID, role: MemberRole) -> None:
        """Let someone else into a project."""
        with self.work() as work:
            work.session.add(ProjectMember(project_id=project, contributor_id=member, owner_id=owner, role=role))

    def asset(self, owner: uuid.UUID, project: uuid.UUID, media_type: str, content: bytes, title: str) -> uuid.UUID:
        """An uploaded file."""
        blob_id, file = new_id(), FileContext(FileKind.CONTENT, owner, new_id())
        with self.store.blobs.writer(blob_id, KeysetName("project", str(project)), file) as writer:
            writer.write(content)
            writer.finish()
        with self.work() as work:
            asset = Asset(
                id=file.object_id,
                owner_id=owner,
                project_id=project,
                status=AssetStatus.AVAILABLE,
                media_type=media_type,
                byte_size=len(content),
                blob_id=blob_id,
            )
            work.vault.seal(asset, file_name="f", title=title, description="", tags=[])
            work.session.add(asset)
            whose = {"owner_id": owner, "project_id": project, "object_id": asset.id}
            work.session.add(Blob(id=blob_id, byte_size=len(content), kind=file.kind, **whose))
        return asset.id

    def submit(
        self,
        project: uuid.UUID,
        owner: uuid.UUID,
        text: str = "A line about the sea.",
        *,
        author: uuid.UUID | None = None,
        model: str = "house-model",
        variations: int = 1,
        assets: tuple[uuid.UUID, ...] = (),
        **parameters: Any,
    ) -> uuid.UUID:
        """A prompt, queued in the transaction that makes it."""
        with self.work() as work:
            prompt = Prompt(
                id=new_id(),
                owner_id=owner,
                author_id=author or owner,
                project_id=project,
                model=model,
                variations=variations,
            )
            work.vault.seal(prompt, text=text, parameters=parameters)
            work.session.add(prompt)
            work.session.flush()
            for position, asset in enumerate(assets):
                work.session.add(
                    PromptAsset(
                        prompt_id=prompt.id, asset_id=asset, owner_id=owner, project_id=project, position=position
                    )
                )
            work.enqueue("generate", prompt.id)
        return prompt.id

    def seen_by(self, contributor: uuid.UUID, work: UnitOfWork) -> Access:
        """The door, as this contributor."""
        return Access(self.policy, Principal(Kind.CONTRIBUTOR, id=contributor), work.session)

    def prompt(self, prompt_id: uuid.UUID) -> Prompt | None:
        """The prompt's record now."""
        with transaction(self.store.engine, read_only=True) as session:
            return session.get(Prompt, prompt_id)

    def steps(self, prompt_id: uuid.UUID) -> list[tuple[str, int, str, str | None]]:
        """Name, variation, status and failure code of each step, in order."""
        with transaction(self.store.engine, read_only=True) as session:
            found = session.scalars(select(PromptStep).where(PromptStep.prompt_id == prompt_id).order_by(PromptStep.id))
            return [(step.name.value, step.variation, step.status.value, step.failure_code) for step in found]

    def texts(self, prompt_id: uuid.UUID, reader: uuid.UUID) -> list[str]:
        """The outputs of a prompt as `reader` sees them, by variation."""
        from policies.actions import Action
        from storage import pages

        with self.work() as work:
            chosen = self.seen_by(reader, work).select(Output, Action.READ_CONTENT)
            outputs = pages.fetch(work.session, chosen.where(Output.prompt_id == prompt_id).order_by(Output.variation))
            return [work.vault.open(output, "text") for output in outputs]

    def events(self, run: uuid.UUID) -> list[str]:
        """The actions in the trail of a run, in order."""
        with transaction(self.store.engine, read_only=True) as session:
            chosen = select(AuditEvent.action).where(AuditEvent.correlation_id == run).order_by(AuditEvent.id)
            return list(session.scalars(chosen))

    def count(self, model: Any) -> int:
        """How many rows there are."""
        with transaction(self.store.engine, read_only=True) as session:
            return session.scalar(select(func.count()).select_from(model)) or 0


def ended(session: Session, prompt_id: uuid.UUID) -> bool:
    """Whether a run has ended."""
    status = session.scalar(select(Prompt.status).where(Prompt.id == prompt_id))
    return status not in (PromptStatus.QUEUED, PromptStatus.RUNNING)


def prepare(engine: Engine) -> None:
    """The queue's tables."""
    queue.prepare(engine)
