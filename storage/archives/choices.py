"""What somebody had chosen where an archive comes from: what protects them is taken along, what permits is only told.

Nobody can allow something here by having allowed it elsewhere, to others and on other terms. What they had forbidden,
and how long they wanted their work to stay, is theirs to expect here too, unless they have chosen here already.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from storage import runs, styles
from storage.archives import restoring
from storage.archives.layout import camel
from storage.archives.reading import Archive
from storage.archives.restoring import Graft, demand_known, unsuitable
from storage.contributors import Consent, PrivacyPreferences, StyleProfile
from storage.preferences import REGISTER, SWITCHES
from storage.projects import ProjectMember
from storage.retention import settings
from storage.retention.settings import Retention, RetentionSetting
from storage.styles import Profile
from storage.vault import Vault

CHOSEN = {
    "preferences": "what protects is on here where it was on there; what permits is allowed here, or it is not",
    "retention_settings": "they hold here too, and nothing goes by them before the notice that begins here",
    "style_profile": "it is kept where the account allows that agents learn its style, and has none yet",
}
"""Files of an archive of which something is taken in, and what."""


@dataclass(frozen=True)
class Choices:
    """What an archive says was chosen. `protecting` and `permitting` name what was switched on.

    `style` is None where none was learned, or none that this version understands; `styled` is whether any was.
    `shared`: how many times a project was shared with somebody, who has no account here.
    """

    protecting: tuple[str, ...] = ()
    permitting: tuple[str, ...] = ()
    retention: tuple[RetentionSetting, ...] = ()
    style: Profile | None = None
    styled: bool = False
    shared: int = 0


def read(archive: Archive, graft: Graft, projects: Collection[uuid.UUID]) -> Choices:
    """What was chosen; `projects` are those that are taken in. Raises ArchiveRefused for what can't be used."""
    wishes, style = (archive.object(restoring.file_of(model)) for model in (PrivacyPreferences, StyleProfile))
    on = () if wishes is None else _switched_on(graft, wishes)
    protecting = tuple(each.name for each in REGISTER if each.protects and each.name in on)
    return Choices(
        protecting=protecting,
        permitting=tuple(name for name in on if name not in protecting),
        retention=tuple(_retention(archive, graft, projects)),
        style=None if style is None else _style(graft, style),
        styled=style is not None,
        shared=sum(1 for _ in archive.objects(restoring.file_of(ProjectMember))),
    )


def _switched_on(graft: Graft, said: Mapping[str, Any]) -> tuple[str, ...]:
    demand_known(PrivacyPreferences, said)
    services = said.get("services", [])
    if said.get("ownerId") != str(graft.former) or not isinstance(services, list):
        raise unsuitable(PrivacyPreferences, "services")
    for name in SWITCHES:
        if not isinstance(said.get(camel(name), False), bool):
            raise unsuitable(PrivacyPreferences, name)
    on = [name for name in SWITCHES if said.get(camel(name))]
    return (*on, "services") if services else tuple(on)


def _retention(archive: Archive, graft: Graft, projects: Collection[uuid.UUID]) -> Iterable[RetentionSetting]:
    places: set[uuid.UUID] = set()
    for said in archive.objects(restoring.file_of(RetentionSetting)):
        row, _ = graft.row(RetentionSetting, said)
        if said.get("placeId") != (said.get("projectId") or str(graft.former)):
            raise unsuitable(RetentionSetting, "place_id")
        row.place_id = row.project_id or graft.account
        if row.place_id in places or (row.project_id is not None and row.project_id not in projects):
            raise unsuitable(RetentionSetting, "project_id")
        at_end = row.setting is Retention.AT_PROJECT_END and row.project_id is not None
        if (row.project_ends_at is not None) is not at_end:
            raise unsuitable(RetentionSetting, "project_ends_at")
        places.add(row.place_id)
        yield row


def _style(graft: Graft, said: Mapping[str, Any]) -> Profile | None:
    _row, content = graft.row(StyleProfile, said)
    try:
        return styles.accepted(content.get("profile"))
    except ValueError:
        raise unsuitable(StyleProfile, "profile") from None


def keep_retention(session: Session, chosen: RetentionSetting, moment: datetime) -> tuple[bool, bool]:
    """Let a choice hold here from now on, unless one was made here; answers whether it does, and whether it is new."""
    there = settings.of_place(session, chosen.place_id)
    if there is not None:
        return there.id == chosen.id, False
    columns = ("id", "place_id", "owner_id", "project_id", "setting", "project_ends_at")
    session.add(RetentionSetting(**{key: getattr(chosen, key) for key in columns}, set_at=moment))
    session.flush()
    return True, True


def keep_wishes(
    session: Session, account: uuid.UUID, said: Choices, moment: datetime
) -> tuple[PrivacyPreferences, list[str]]:
    """What the account allows, once what protects it is switched on; and what was switched on.

    Whoever has ever decided here about one of these has decided.
    """
    row = session.get_one(PrivacyPreferences, account, with_for_update=True)
    changed = [name for name in said.protecting if not (getattr(row, name) or _decided(session, account, name))]
    session.add_all(Consent(owner_id=account, preference=name, allowed=True) for name in changed)
    if changed:
        mine = update(PrivacyPreferences).where(PrivacyPreferences.owner_id == account)
        session.execute(mine.values(**dict.fromkeys(changed, True), updated_at=moment))
        session.refresh(row)
    return row, changed


def keep_style(session: Session, vault: Vault, account: uuid.UUID, said: Choices) -> bool:
    """Keep the profile, unless the account does not allow learning, or has one. Whether it is kept."""
    if said.style is None or session.get(StyleProfile, account) is not None:
        return False
    if not session.get_one(PrivacyPreferences, account, with_for_update=True).style_learning:
        return False
    vault.seal(runs.style_profile(session, account), profile=said.style)
    return True


def _decided(session: Session, account: uuid.UUID, name: str) -> bool:
    return session.scalar(select(exists().where(Consent.owner_id == account, Consent.preference == name))) is True
