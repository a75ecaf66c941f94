"""The job queue's own tables."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource


class QueueRowsRefused(Event):
    """Rows of the job queue were not in our format: they were not read, and those that lay there were removed.

    Only a login to the database can write them. `refused_count` counts rows that a worker refused to run,
    `removed_count` rows that were removed from the queue's tables.
    """

    action = "queue.rows_refused"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    refused_count: int
    removed_count: int
