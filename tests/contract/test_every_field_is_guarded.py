"""The schema, walked: closed by default, described throughout, and named as clients were promised."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    is_specified_scalar_type,
)

from schema.api import build
from schema.guards import Asked, Audited, Followed, Guarded
from schema.lookups import KINDS

SCHEMA = build()
TYPES = {name: kind for name, kind in SCHEMA._schema.type_map.items() if not name.startswith("__")}
ROOTS: dict[str, type[Guarded]] = {"Query": Asked, "Mutation": Audited, "Subscription": Followed}

PUBLIC = {
    "Query.controls": "what is promised to everybody is nobody's secret",
    "Query.ledger": "what is signed for everybody is nobody's secret",
    "Query.dataCards": "what is promised to everybody is nobody's secret",
    "Query.privacyPolicy": "what is promised to everybody is nobody's secret",
    "Query.retentionSchedule": "what is promised to everybody is nobody's secret",
    "Query.viewer": "says who the caller is, to find out that it is nobody",
    "Mutation.registerContributor": "an account begins here",
    "Mutation.signIn": "a session begins here",
    "Mutation.beginPasskeySignIn": "a session begins here",
}
"""Root fields that strangers may use, each with its reason."""

NAMING_SOMEBODY_ELSE = {
    "FollowUpInput.ownerId": "who of staff has something to do, which takes nothing from them and gives them no right",
    "ReassignFollowUpInput.ownerId": "the same",
    "AssignRoleInput.role": "staff ask that a colleague does a job, and a second person has to agree",
    "RevokeRoleInput.role": "security takes a job from a colleague, which gives nobody anything",
    "ShareProjectInput.role": "what the other one may do is the owner's to choose",
    "PlaceLegalHoldInput.contributorId": "staff keep somebody else's things from being destroyed, and see none",
    "RequestAccessInput.contributorId": "staff ask somebody else, and get nothing by asking",
}
"""Inputs that name a person or a role, each with the reason why that takes nothing from anybody."""

PROMISED = {
    "Query": "viewer node nodes contributor project projects asset assets prompt prompts output outputs exports "
    "deletions accessGrants accessLog auditEvents auditProof ledger apiKeys policy services notices dataCards privacyPolicy retentionSchedule "
    "controls findings population incidents detections accessReviews lockdowns outages changes deployments followUps incidentMetrics appointments",
    "Mutation": "registerContributor signIn signOut stepUp enrollTotp enrollPasskey createApiKey rotateApiKey revokeApiKey revokeSessions "
    "createProject updateProject shareProject unshareProject createAsset updateAsset submitPrompt cancelPrompt "
    "deleteAsset deletePrompt deleteOutput deleteProject deleteAccount updatePrivacyPreferences requestExport "
    "registerService assessService enableService disableService mintExportLink requestAccess consentToAccess approveAccess denyAccess endAccess "
    "reloadPolicy publishNotice markNoticeRead triageIncident recordIncidentStep notifyAffected closeIncident "
    "openAccessReview decideAccessReviewItem lockDown endLockdown announceMaintenance explainOutage "
    "registerChange approveChange denyChange completeFollowUp reviewFollowUp reassignFollowUp "
    "addStaff assignRole approveAppointment denyAppointment revokeRole removeStaff",
    "Policy": "version hash explain matrix",
    "Subscription": "promptProgress exportProgress deletionProgress",
    "PrivacyPreferences": "styleLearning training analytics stripMetadata supportAccess services",
    "Session": "token expiresAt steppedUpUntil",
}


def _fields(root: str) -> dict[str, Any]:
    return dict(TYPES[root].fields)


def _guards() -> Iterator[tuple[str, Any, type[Guarded]]]:
    for root, kind in ROOTS.items():
        for name, field in _fields(root).items():
            yield f"{root}.{name}", field.extensions["strawberry-definition"].extensions, kind


def test_every_root_field_is_guarded() -> None:
    """A root field without its guard would answer whoever asks."""
    open_fields = [name for name, found, kind in _guards() if not any(type(each) is kind for each in found)]
    assert open_fields == []


def test_strangers_are_let_in_where_a_reason_says_so_and_nowhere_else() -> None:
    """The list of public fields is short, and each guard gives its reason in the code too."""
    public = {name for name, found, _ in _guards() for each in found if isinstance(each, Guarded) and each.public}
    assert public == set(PUBLIC)


def test_everything_is_described() -> None:
    """Each type, field, argument, input field and enum says in plain language what it is."""
    silent = []
    for name, kind in TYPES.items():
        if is_specified_scalar_type(kind):
            continue
        if not kind.description:
            silent.append(name)
        if isinstance(kind, GraphQLEnumType):
            continue
        for field_name, field in getattr(kind, "fields", {}).items():
            place = f"{name}.{field_name}"
            if not field.description:
                silent.append(place)
            silent += [
                f"{place}({argument}:)"
                for argument, found in getattr(field, "args", {}).items()
                if not found.description
            ]
    assert silent == []


def test_every_mutation_takes_one_input_and_answers_with_its_event() -> None:
    """`name(input: NameInput!): NamePayload!` with `auditEventId: ID!`; what needs no input takes none."""
    wrong = []
    for name, field in _fields("Mutation").items():
        payload = field.type.of_type if isinstance(field.type, GraphQLNonNull) else None
        expected = f"{name[0].upper()}{name[1:]}Input!"
        arguments = {argument: str(found.type) for argument, found in field.args.items()}
        answers = isinstance(payload, GraphQLObjectType) and str(payload.fields["auditEventId"].type) == "ID!"
        if not answers or arguments not in ({"input": expected}, {}):
            wrong.append(name)
    assert wrong == []


def test_every_node_is_found_by_its_id() -> None:
    """A type that implements Node and that `node` does not know would hand out ids that lead nowhere."""
    implementing = {
        name
        for name, kind in TYPES.items()
        if isinstance(kind, GraphQLObjectType) and any(each.name == "Node" for each in kind.interfaces)
    }
    assert implementing == set(KINDS)


def test_every_node_says_what_its_viewer_can_do() -> None:
    """A frontend shows the buttons that will work."""
    node = TYPES["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert str(node.fields["viewerCan"].type) == "[Action!]!"


@pytest.mark.parametrize("name", PROMISED)
def test_names_that_clients_rely_on_exist(name: str) -> None:
    """The names of the published contract are there, root by root."""
    assert set(PROMISED[name].split()) - set(_fields(name)) == set()


def test_inputs_never_name_an_owner() -> None:
    """Whose a thing is follows from who asks, never from what they send (mass assignment)."""
    named = [
        f"{name}.{field}"
        for name, kind in TYPES.items()
        if isinstance(kind, GraphQLInputObjectType)
        for field in kind.fields
        if field in {"ownerId", "authorId", "contributorId", "status", "createdAt", "role"}
        and f"{name}.{field}" not in NAMING_SOMEBODY_ELSE
    ]
    assert named == []
