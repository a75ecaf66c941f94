"""Entries of the trail as OCSF 1.8.0 events (https://schema.ocsf.io/1.8.0), for whoever collects security events.

Each event of the registry becomes one of six classes; which is a table below, and API Activity for the rest. What OCSF
has no place for goes under `unmapped`. Fields made to carry content are never filled (`NEVER`). Pure: takes a record
as its leaf says it, with the people where they are known, and answers a dict.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

VERSION = "1.8.0"

NEVER = frozenset(
    {"args", "charter", "data", "evidences", "http_response", "prompt_text", "query_string", "raw_data", "request"}
    | {"response", "response_text", "url"}
)
"""Attributes of OCSF that hold what was said, asked or answered."""

ANONYMISED = "anonymised"
"""Stands where a class demands somebody or somewhere, and nobody is remembered, or what acted has no address."""


class _Kind(NamedTuple):
    """A class of OCSF, and what was done in it. Its category is the class's number without the last three digits."""

    class_uid: int
    activity_id: int
    activity: str


_API, _LOGIN, _ENTITY, _HOSTING, _LIFECYCLE, _STORE, _FINDING = 6003, 3002, 3004, 6006, 6002, 6005, 2004
_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99

_KINDS = {
    "account.erased": _Kind(_STORE, 7, "Delete"),
    "api_key.created": _Kind(_ENTITY, _CREATE, "Create"),
    "api_key.new_place": _Kind(_LOGIN, _OTHER, "New place"),
    "api_key.revoked": _Kind(_ENTITY, _DELETE, "Delete"),
    "api_key.rotated": _Kind(_ENTITY, _UPDATE, "Update"),
    "change.approved": _Kind(_ENTITY, 8, "Enable"),
    "change.registered": _Kind(_ENTITY, _CREATE, "Create"),
    "content.damaged": _Kind(_FINDING, _CREATE, "Create"),
    "content.downloaded": _Kind(_HOSTING, 2, "Download"),
    "contributor.registered": _Kind(_ENTITY, _CREATE, "Create"),
    "control.switched_off": _Kind(_FINDING, _CREATE, "Create"),
    "deletion.erased": _Kind(_STORE, 7, "Delete"),
    "detection.alarmed": _Kind(_FINDING, _CREATE, "Create"),
    "export.downloaded": _Kind(_HOSTING, 2, "Download"),
    "incident.opened": _Kind(_FINDING, _CREATE, "Create"),
    "incident.joined": _Kind(_FINDING, _UPDATE, "Update"),
    "incident.closed": _Kind(_FINDING, 3, "Close"),
    "investigation.ended": _Kind(_ENTITY, 11, "Deactivate"),
    "investigation.opened": _Kind(_ENTITY, 10, "Activate"),
    "ledger.damaged": _Kind(_FINDING, _CREATE, "Create"),
    "ledger.halted": _Kind(_FINDING, _CREATE, "Create"),
    "role.assigned": _Kind(_ENTITY, _UPDATE, "Update"),
    "service.assessed": _Kind(_ENTITY, _UPDATE, "Update"),
    "service.disabled": _Kind(_ENTITY, 9, "Disable"),
    "service.enabled": _Kind(_ENTITY, 8, "Enable"),
    "service.registered": _Kind(_ENTITY, _CREATE, "Create"),
    "session.ended": _Kind(_LOGIN, 2, "Logoff"),
    "session.new_place": _Kind(_LOGIN, _OTHER, "New place"),
    "session.refused": _Kind(_LOGIN, 1, "Logon"),
    "session.started": _Kind(_LOGIN, 1, "Logon"),
    "session.stepped_up": _Kind(_LOGIN, _OTHER, "Step up"),
    "session.throttled": _Kind(_LOGIN, _OTHER, "Throttle"),
    "staff.added": _Kind(_ENTITY, _CREATE, "Create"),
    "system.started": _Kind(_LIFECYCLE, 3, "Start"),
    "version.began": _Kind(_LIFECYCLE, 3, "Start"),
}
_NAMES = {
    _API: "api_activity",
    _ENTITY: "entity_management",
    _FINDING: "detection_finding",
    _HOSTING: "file_hosting",
    _LIFECYCLE: "application_lifecycle",
    _LOGIN: "authentication",
    _STORE: "datastore_activity",
}
_VERBS = {
    "created": (_CREATE, "Create"), "requested": (_CREATE, "Create"), "submitted": (_CREATE, "Create"),
    "stored": (_CREATE, "Create"), "built": (_CREATE, "Create"), "uploaded": (_CREATE, "Create"),
    "read": (_READ, "Read"), "opened": (_READ, "Read"), "verified": (_READ, "Read"),
    "updated": (_UPDATE, "Update"), "shared": (_UPDATE, "Update"), "unshared": (_UPDATE, "Update"),
    "deleted": (_DELETE, "Delete"), "anonymised": (_DELETE, "Delete"), "archived": (_DELETE, "Delete"),
}  # fmt: skip
_TITLES = {
    "content.damaged": "Something sealed does not open although its key is there",
    "control.switched_off": "Something that protects was switched off",
    "detection.alarmed": "Something that somebody should know of",
    "incident.opened": "Unusual activity",
    "ledger.damaged": "Entries of the audit log are not what was hashed into it",
    "ledger.halted": "The audit log does not continue what it published",
}
"""What a finding is called; which detection it was stands under `unmapped`."""
_ALARMS = {
    "access.credential_refused": 3,
    "access.denied": 3,
    "access.strangers_denied": 3,
    "content.damaged": 5,
    "control.switched_off": 4,
    "detection.alarmed": 3,
    "egress.blocked": 3,
    "incident.alerted": 4,
    "incident.contained": 4,
    "incident.opened": 4,
    "investigation.opened": 3,
    "ledger.damaged": 5,
    "ledger.halted": 5,
    "outage.began": 3,
    "api_key.new_place": 2,
    "session.new_place": 2,
    "session.refused": 2,
    "session.throttled": 3,
    "witness.failed": 3,
}
"""Severity by action: 2 low, 3 medium, 5 critical. Everything else is 1, informational."""


def event(form: Mapping[str, Any], *, origin: str, index: int | None = None) -> dict[str, Any]:
    """The OCSF event for an entry in its published form (`trail.public_form`).

    People and address stand in it as far as `form` knows them. `origin` is the log's name, `index` the entry's place in
    it. Events are delivered at least once: `metadata.uid` tells one from its repetition.
    """
    kind = _kind_of(str(form["action"]))
    went_well = form["outcome"] == "SUCCESS"
    moment = datetime.fromisoformat(form["timestamp"])
    found: dict[str, Any] = {
        "class_uid": kind.class_uid,
        "category_uid": kind.class_uid // 1000,
        "activity_id": kind.activity_id,
        "activity_name": kind.activity,
        "type_uid": kind.class_uid * 100 + kind.activity_id,
        "time": round(moment.timestamp() * 1000),
        "severity_id": _ALARMS.get(form["action"], 1),
        "status_id": 1 if went_well else 2,
        "metadata": _metadata(form, origin, index),
        "unmapped": {"muniment": _unmapped(form)},
    }
    _fill_class(found, form, kind)
    if (code := form["details"].get("code") or form["details"].get("reason")) is not None:
        found["status_code"] = code
    return found


def class_name(class_uid: int) -> str:
    """What OCSF calls a class: the last part of the address of its schema."""
    return _NAMES[class_uid]


def _kind_of(action: str) -> _Kind:
    known = _KINDS.get(action)
    if known is not None:
        return known
    verb = action.rpartition(".")[2]
    return _Kind(_API, *_VERBS.get(verb, (_OTHER, verb.replace("_", " ").capitalize())))


def _fill_class(found: dict[str, Any], form: Mapping[str, Any], kind: _Kind) -> None:
    """What the class demands beside what every event has."""
    named = {"type": form["resource"], "uid": form["resourceId"] or ANONYMISED, "name": form["resource"]}
    match kind.class_uid:
        case _ if kind.class_uid == _LIFECYCLE:
            found["app"] = _product()
            return
        case _ if kind.class_uid == _FINDING:
            uid = form["resourceId"] or form["id"]
            found["finding_info"] = {"uid": uid, "title": _TITLES.get(form["action"], _TITLES["incident.opened"])}
            return
        case _ if kind.class_uid == _LOGIN:
            found["user"] = _user(form)
            found["service"] = {"name": "muniment"}
        case _ if kind.class_uid == _ENTITY:
            found["entity"] = named
        case _ if kind.class_uid == _HOSTING:
            # A file's name is content: its id stands in its place.
            found["file"] = {"name": named["uid"], "uid": named["uid"], "type_id": 1}
        case _ if kind.class_uid == _STORE:
            found["databucket"] = {**named, "type_id": 99, "type": form["resource"]}
        case _:
            found["api"] = {"operation": form["action"], "service": {"name": "muniment"}}
            found["resources"] = [{"type": form["resource"], "uid": form["resourceId"] or ANONYMISED}]
            _add_model(found, form)
    found["actor"] = _actor(form)
    found["src_endpoint"] = {"ip": form["ipAddress"]} if form["ipAddress"] else {"uid": ANONYMISED}
    if form["userAgent"] and kind.class_uid in (_API, _HOSTING, _LOGIN, _STORE):
        found["http_request"] = {"user_agent": form["userAgent"]}


def _add_model(found: dict[str, Any], form: Mapping[str, Any]) -> None:
    """Which model, where one was at work; and what a refusal refused."""
    details = form["details"]
    if "modelUsed" in details and "provider" in details:
        found["ai_model"] = {"name": details["modelUsed"], "ai_provider": details["provider"]}
        found["metadata"]["profiles"].append("ai_operation")
    if form["action"] == "access.denied":
        found["action_id"], found["disposition_id"] = 2, 2
        found["metadata"]["profiles"].append("security_control")
        found["api"]["operation"] = details["attempted"]


def _metadata(form: Mapping[str, Any], origin: str, index: int | None) -> dict[str, Any]:
    found = {
        "version": VERSION,
        "product": _product(),
        "uid": form["id"],
        "event_code": form["action"],
        "correlation_uid": form["correlationId"],
        "log_name": origin,
        "profiles": [],
    }
    return found if index is None else {**found, "sequence": index}


def _product() -> dict[str, Any]:
    return {"name": "Muniment", "vendor_name": "Muniment"}


def _actor(form: Mapping[str, Any]) -> dict[str, Any]:
    return {"user": _user(form), "app_name": form["component"]}


def _user(form: Mapping[str, Any]) -> dict[str, Any]:
    return {"uid": form["userId"] or form["onBehalfOf"] or ANONYMISED, "type": form["actorKind"], "type_id": 99}


def _unmapped(form: Mapping[str, Any]) -> dict[str, Any]:
    names = ("category", "outcome", "component", "actorKind", "resource", "grantId", "rule", "policyVersion", "details")
    return {name: form[name] for name in names}
