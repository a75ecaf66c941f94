"""What may be agreed with a service: its terms, and what makes them unusable."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from resolvers import inputs
from resolvers.errors import BadInput
from storage import services
from storage.services import DataCategory, ServiceKind

_MOST = 50
_LONGEST_PATH = 200
_ADDRESS = re.compile(
    r"(?=.{1,253}(:\d{1,5})?$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
    r"(:[1-9]\d{0,4})?"
)
_PATH = re.compile(r"(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|\{id\}))+")
_REGION = re.compile(r"[A-Z]{2,3}")


@dataclass(frozen=True)
class Terms:
    """What is agreed with a service; the fields are those of `storage.services.Service`.

    `deletion_path` empty: as is usual for its kind.
    """

    address: str
    kind: ServiceKind
    operator: str
    purpose: str
    contract: str
    categories: Sequence[DataCategory]
    regions: Sequence[str]
    sub_processors: Sequence[str]
    retention_days: int
    breach_hours: int
    trains_on_inputs: bool
    deletion_path: str | None = ""


def demand_sound(terms: Terms) -> None:
    """Raise `BadInput`, with its field, for terms that can't be used as they are."""
    if not _ADDRESS.fullmatch(terms.address) or terms.address == services.EMBEDDED:
        raise BadInput(
            "address is a host in lower case, with its port where that is unusual: api.example.org.", field="address"
        )
    if terms.kind is ServiceKind.INTERNAL:
        raise BadInput("kind INTERNAL is for what runs inside this house, which registers it itself.", field="kind")
    inputs.text(terms.operator, "operator", at_most=200)
    inputs.text(terms.purpose, "purpose", at_most=1_000, at_least=10)
    inputs.text(terms.contract, "contract", at_most=200)
    _demand_list(terms.categories, "categories")
    _demand_list(terms.regions, "regions")
    if not all(_REGION.fullmatch(each) for each in terms.regions):
        raise BadInput("regions are countries (ISO 3166-1, as DE) or unions (EU, EEA).", field="regions")
    if len(terms.sub_processors) > _MOST:
        raise BadInput(f"subProcessors names more than {_MOST}.", field="subProcessors")
    for each in terms.sub_processors:
        inputs.text(each, "subProcessors", at_most=200)
    inputs.between(terms.retention_days, "retentionDays", at_least=0, at_most=36_500)
    inputs.between(terms.breach_hours, "breachHours", at_least=1, at_most=8_760)
    if terms.deletion_path:
        _demand_path(terms.kind, terms.deletion_path)


def _demand_path(kind: ServiceKind, path: str) -> None:
    """Nothing but a path of that very host: neither another address nor a query can be made of it."""
    if kind is not ServiceKind.MODEL_PROVIDER:
        raise BadInput(
            "deletionPath is for kind MODEL_PROVIDER: nothing else is asked to delete.", field="deletionPath"
        )
    if len(str(path)) > _LONGEST_PATH or not _PATH.fullmatch(str(path)) or path.count("{id}") != 1:
        raise BadInput(
            "deletionPath is a path of the service's host with {id} once, as a part of its own: "
            f"{services.USUAL_DELETION_PATH}.",
            field="deletionPath",
        )


def _demand_list(given: Collection[object], field: str) -> None:
    if not 0 < len(given) <= _MOST:
        raise BadInput(f"{field} names at least one, and at most {_MOST}.", field=field)
