"""Sizes and prices by which the cost of an operation is computed, for each field that a plain count would underrate.

A unit of cost is about 2.5 microseconds of processor time, which is what a field of a page takes.
`python -m benchmarks fields` measures every field of the roots alone and names those whose price is too low;
`tests/contract/test_prices.py` demands a size for every list of objects.
"""

from collections.abc import Mapping

INTROSPECTION = 10_000
"""The price of each `__schema` and `__type`, whatever is selected in it: a full introspection takes 25 ms or more."""

SIZES: Mapping[str, int] = {
    "Change.versions": 60,
    "Deletion.destroyed": 60,
    "Deletion.remaining": 60,
    "Detection.steps": 10,
    "IncidentMonth.byPlaybook": 30,
    "IncidentMonth.bySeverity": 5,
    "MyData.copies": 50,
    "MyData.held": 80,
    "MyData.rights": 10,
    "MyData.sentElsewhere": 50,
    "MyData.touched": 100,
    "Policy.matrix": 800,
    "Policy.proposals": 20,
    "PolicyExplanation.reasons": 10,
    "PolicyProposal.changes": 50,
    "PolicyReason.below": 4,
    "PolicyReason.saw": 10,
    "PrivacyPolicy.sections": 30,
    "PrivacySection.promises": 20,
    "PromptProgress.steps": 20,
    "Query.controls": 150,
    "Query.dataCards": 80,
    "Query.deployments": 100,
    "Query.detections": 40,
    "Query.findings": 100,
    "Query.incidentMetrics": 24,
    "Query.passkeys": 20,
    "Query.retentionPreview": 60,
    "Query.retentionSchedule": 80,
    "Query.roles": 20,
    "StyleProfile.measures": 30,
}
"""How many objects each list holds at most, or usually where that depends on data: lists that are no connections."""

ROOT = 100
"""The price of a field of the roots that has no other: authorization, and at least one statement."""
TOTAL_COUNT = 20
"""The price of each `totalCount`. A statement counts for all siblings at once, so each of many parents costs less. For
many rows it is charged for again once they are counted (`Context.charge_for_count`)."""

PRICES: Mapping[str, int] = {
    "Contributor.privacyPreferences": 600,
    "Contributor.viewerCan": 300,
    "Policy.explain": 2_000,
    "Policy.matrix": 2_000,
    "PolicyProposal.changes": 4_000,
    "Query.contributor": 400,
    "Query.incidentMetrics": 1_500,
    "Query.ledger": 400,
    "Query.myData": 8_000,
    "Query.node": 400,
    "Query.nodes": 400,
    "Query.population": 4_000,
    "Query.privacyPolicy": 3_500,
    "Viewer.storage": 1_200,
}
"""What a field costs beside what is counted below it, as measured."""
