"""A house with people in it: contributors whose every table holds something, with a marker in everything they wrote."""

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from agents.exports import build_export
from agents.models.gateway import Gateway
from agents.runtime import Agents
from policies.access import Policy
from policies.force import InForce
from storage import provider_copies, quotas, search
from storage.access_reviews.records import AccessReviewItem, ReviewChange, ReviewKind
from storage.assets import Asset, AssetStatus, Blob
from storage.blobs.contexts import FileContext, FileKind
from storage.blobs.store import BlobStore
from storage.clock import now
from storage.contributors import Consent, Contributor, PrivacyPreferences, StyleProfile
from storage.database import open_engine
from storage.deletions import Deletion, DeletionScope
from storage.exports import Export, ExportScope
from storage.factors import RecoveryCode, SecondFactor
from storage.federation import FederatedIdentity
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.idempotency import IdempotentAnswer
from storage.ids import new_id
from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.keys.names import KeysetName
from storage.ledger.events import ContributorRegistered, DeletionRequested
from storage.ledger.scope import AuditScope
from storage.legal_holds import HoldReason, LegalHold, LegalHoldStatus
from storage.notices import Notice, NoticeKind, NoticeSettings
from storage.outputs import Output
from storage.passkeys import Passkey, PasskeyChallenge, PasskeyUse
from storage.projects import MemberRole, Project, ProjectMember
from storage.prompts import Prompt, PromptAsset, PromptStatus, PromptStep, StepName, StepStatus
from storage.retention.settings import Retention, RetentionSetting
from storage.rights import RightsKind, RightsRequest, RightsStatus, RightsTopic
from storage.sessions import ApiKey, KnownAddress, Session, SubjectKind
from storage.staff import StaffRole
from storage.work import Store
from tests.house_policy import house_policy

ROOT = Path(__file__).parents[2]
EMPLOYEE = uuid.UUID(int=0x5AFF)
"""The id of a member of staff to whom everybody has given access."""


@dataclass
class Person:
    """Someone with an account, and what is in it. `marker` stands in everything they wrote."""

    id: uuid.UUID
    marker: str
    projects: list[uuid.UUID] = field(default_factory=list)
    assets: list[uuid.UUID] = field(default_factory=list)
    prompts: list[uuid.UUID] = field(default_factory=list)
    outputs: list[uuid.UUID] = field(default_factory=list)


@contextmanager
def household(
    home: Path, engine: Engine, policy: Policy | None = None, *, inside_too: bool = False, keys: str | None = None
) -> Iterator[Agents]:
    """The agents of a house whose data lie in `home`/data and whose keys in `home`/keys, or at `keys`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        keyring = Keyring.open(keys or f"sqlite:///{home}/keys/keys.sqlite3", f"insecure-local://{home}/keys")
    store = Store(engine, keyring, BlobStore(home / "data" / "blobs", keyring))
    try:
        yield Agents(store, InForce(policy or house_policy()), Gateway([]), inside_too=inside_too)
    finally:
        keyring.close()


@contextmanager
def house_at(home: Path, database_url: str) -> Iterator[Agents]:
    """The same, with an engine of its own, for what makes a beginning."""
    engine = open_engine(database_url)
    with household(home, engine) as agents:
        yield agents
    engine.dispose()


def person(agents: Agents, marker: str, *, projects: int = 1, asset_bytes: int = 100_000) -> Person:
    """Someone new, with something in every table."""
    someone = Person(new_id(), marker)
    keyring = agents.store.keyring
    keyring.create(KeysetName("contributor", str(someone.id)), someone.id)
    with agents.store.begin(scope_of(someone)) as work:
        row = Contributor(id=someone.id, email_lookup=keyring.keyed_hash("email", marker))
        work.vault.seal(row, email=f"{marker}@example.org", display_name=f"<b>{marker}</b>", password_hash="x")
        key = ApiKey(owner_id=someone.id, prefix=someone.id.hex[-8:], scopes=["read"], expires_at=_later())
        work.vault.seal(key, name=f"key {marker}")
        style = StyleProfile(owner_id=someone.id)
        work.vault.seal(style, profile={"words": [marker]})
        session = Session(
            token_hash=someone.id.bytes, kind=SubjectKind.CONTRIBUTOR, subject_id=someone.id, expires_at=_later()
        )
        answered = IdempotentAnswer(
            owner_id=someone.id, key_hash=b"k", place_hash=someone.id.bytes, request_hash=b"r", expires_at=_later()
        )
        work.vault.seal(answered, answer={"type": ["CreateApiKeyPayload", {"secret": marker}]})
        consent = Consent(owner_id=someone.id, preference="training", allowed=True)
        hold = LegalHold(
            subject_id=someone.id,
            scope=DeletionScope.ACCOUNT,
            object_id=someone.id,
            reason_code=HoldReason.LITIGATION,
            status=LegalHoldStatus.RELEASED,
            placed_by=EMPLOYEE,
            review_at=_later(),
        )
        work.vault.seal(hold, reason=f"why {marker}", matter=f"matter {marker}")
        kept = RetentionSetting(place_id=someone.id, owner_id=someone.id, setting=Retention.UNTIL_I_DELETE)
        work.session.add_all([row, key, style, session, answered, consent, PrivacyPreferences(owner_id=someone.id)])
        asked = RightsRequest(
            owner_id=someone.id,
            kind=RightsKind.COMPLAINT,
            topic=RightsTopic.USE,
            status=RightsStatus.ANSWERED,
            identified=True,
            due_at=_later(),
            answered_by=EMPLOYEE,
        )
        work.vault.seal(asked, text=f"complaint {marker}", answer=f"answer to {marker}")
        work.session.add(KnownAddress(kind=SubjectKind.CONTRIBUTOR, subject_id=someone.id, lookup=new_id().bytes))
        factor = SecondFactor(kind=SubjectKind.CONTRIBUTOR, subject_id=someone.id)
        work.vault.seal(factor, secret=someone.id.bytes)
        code = RecoveryCode(subject_id=someone.id)
        work.vault.seal(code, digest=someone.id.bytes)
        passkey = Passkey(kind=SubjectKind.CONTRIBUTOR, subject_id=someone.id, synced=False)
        work.vault.seal(passkey, credential=someone.id.bytes)
        asked_of = PasskeyChallenge(
            kind=SubjectKind.CONTRIBUTOR, subject_id=someone.id, use=PasskeyUse.STEP_UP, expires_at=_later()
        )
        work.vault.seal(asked_of, challenge=someone.id.bytes)
        notice = Notice(owner_id=someone.id, kind=NoticeKind.PRODUCT, effective_at=_later())
        work.vault.seal(notice, title=f"title {marker}", body=f"body {marker}")
        wishes = NoticeSettings(owner_id=someone.id)
        work.vault.seal(wishes, webhook_url=f"https://{marker}.example", webhook_secret=f"whsec_{marker}")
        tie = FederatedIdentity(kind=SubjectKind.CONTRIBUTOR, subject_id=someone.id, name_lookup=someone.id.bytes)
        work.vault.seal(tie, name=f"https://issuer.example\n{marker}")
        looked_at = AccessReviewItem(
            review_id=new_id(), kind=ReviewKind.API_KEY, name=key.prefix, owner_id=someone.id, rights_hash="",
            change=ReviewChange.NEW, flags=[], decided_by=EMPLOYEE,
        )  # fmt: skip
        work.vault.seal(looked_at, note=f"kept for {marker}")
        work.session.add_all([hold, kept, asked, factor, code, passkey, asked_of, notice, wishes, tie, looked_at])
        work.record(ContributorRegistered(resource_id=someone.id, subject_id=someone.id))
    for number in range(projects):
        _project(agents, someone, number, asset_bytes)
    return someone


def with_mara(home: Path, database_url: str) -> Person:
    """A beginning: somebody with two projects."""
    with house_at(home, database_url) as agents:
        return person(agents, "marker-of-mara", projects=2)


def with_export(home: Path, database_url: str) -> Person:
    """Another: she has an export, too."""
    with house_at(home, database_url) as agents:
        someone = person(agents, "marker-of-mara", projects=2)
        build_export(agents, ask_export(agents, someone))
        return someone


def _project(agents: Agents, someone: Person, number: int, asset_bytes: int) -> None:
    project_id, asset_id, blob_id = new_id(), new_id(), new_id()
    keyset = KeysetName("project", str(project_id))
    agents.store.keyring.create(keyset, someone.id)
    content = (f"file {number} of {someone.marker} ".encode() * (asset_bytes // 10))[:asset_bytes]
    file = FileContext(FileKind.CONTENT, someone.id, asset_id)
    with agents.store.blobs.writer(blob_id, keyset, file) as writer:
        writer.write(content)
        writer.finish()
    with agents.store.begin(scope_of(someone)) as work:
        mine = {"owner_id": someone.id, "project_id": project_id}
        project = Project(id=project_id, owner_id=someone.id)
        work.vault.seal(project, name=f"project {number} of {someone.marker}")
        work.session.add(project)
        work.session.flush()
        asset = Asset(
            **mine,
            id=asset_id,
            media_type="image/png",
            byte_size=len(content),
            blob_id=blob_id,
            status=AssetStatus.AVAILABLE,
        )
        work.vault.seal(
            asset,
            file_name=f"../{someone.marker}/pic ture.png",
            title=f"title {someone.marker}",
            description=f"<script>{someone.marker}</script>",
            tags=[someone.marker],
            checksum=b"\x00\x01",
        )
        empty = Asset(**mine, media_type="text/plain", byte_size=7)
        work.vault.seal(empty, file_name="later.txt", title="", description="", tags=[])
        prompt = Prompt(**mine, author_id=someone.id, model="m", variations=2, status=PromptStatus.COMPLETED)
        work.vault.seal(prompt, text=f"prompt {someone.marker}", parameters={"seed": 1})
        blob = Blob(id=blob_id, object_id=asset.id, byte_size=len(content), kind=FileKind.CONTENT, **mine)
        work.session.add_all([asset, empty, prompt, blob])
        work.session.flush()
        for each in (asset, empty):
            quotas.take(work.session, someone.id, each.byte_size, quotas.USUAL)
        for written in (asset, prompt):
            search.index(work.session, work.vault, written)
        provider_copies.note(work.session, prompt, [asset.id], "models.example", "m", None)
        work.session.add(PromptAsset(prompt_id=prompt.id, asset_id=asset.id, position=0, **mine))
        for variation in (1, 2):
            text = f"output {variation} of {someone.marker}"
            output = Output(
                **mine, prompt_id=prompt.id, variation=variation, byte_size=len(text), model="m", provider="p"
            )
            work.vault.seal(output, text=text)
            step = PromptStep(**mine, prompt_id=prompt.id, name=StepName.GENERATE, variation=variation)
            step.status = StepStatus.DONE
            work.vault.seal(step, partial=text)
            work.session.add_all([output, step])
            work.session.flush()
            someone.outputs.append(output.id)
        things = zip(AccessScope, (someone.id, project_id, asset.id, prompt.id, someone.outputs[-1]), strict=True)
        for scope, thing in things:
            grant = AccessGrant(
                subject_id=someone.id,
                grantee_id=EMPLOYEE,
                role=StaffRole.SUPPORT,
                scope=scope,
                object_id=thing,
                reason=ReasonCode.SUPPORT_REQUEST,
                decider=Decider.CONTRIBUTOR,
                expires_at=_later(),
                status=GrantStatus.ACTIVE,
            )
            work.vault.seal(grant, justification=f"why {someone.marker}", ticket=f"case {someone.marker}")
            work.session.add(grant)
    someone.projects.append(project_id)
    someone.assets.append(asset.id)
    someone.prompts.append(prompt.id)


def share(agents: Agents, owner: Person, project: int, with_whom: Person) -> None:
    """Let someone else into a project."""
    with agents.store.begin(scope_of(owner)) as work:
        work.session.add(
            ProjectMember(
                project_id=owner.projects[project],
                contributor_id=with_whom.id,
                owner_id=owner.id,
                role=MemberRole.EDITOR,
            )
        )


def ask_export(agents: Agents, someone: Person, project: uuid.UUID | None = None) -> uuid.UUID:
    """An export that waits to be built."""
    scope = ExportScope.ACCOUNT if project is None else ExportScope.PROJECT
    with agents.store.begin(scope_of(someone)) as work:
        export = Export(id=new_id(), owner_id=someone.id, scope=scope, project_id=project)
        work.session.add(export)
    return export.id


def ask_deletion(agents: Agents, someone: Person, scope: DeletionScope, thing: uuid.UUID) -> uuid.UUID:
    """A deletion that waits to be carried out."""
    with agents.store.begin(scope_of(someone)) as work:
        deletion = Deletion(id=new_id(), owner_id=someone.id, scope=scope, object_id=thing)
        work.session.add(deletion)
        named = None if scope is DeletionScope.ACCOUNT else thing
        work.record(DeletionRequested(resource_id=deletion.id, subject_id=someone.id, scope=scope, object_id=named))
    return deletion.id


def scope_of(someone: Person) -> AuditScope:
    """Somebody acting for themselves, through the API."""
    return AuditScope(
        component="api",
        actor_kind="CONTRIBUTOR",
        actor_id=someone.id,
        on_behalf_of=None,
        ip_address="203.0.113.9",
        user_agent="test",
        correlation_id=uuid.uuid4(),
        policy_version="0123456789abcdef",
    )


def _later() -> datetime:
    return now() + timedelta(hours=1)
