"""The courier: every published entry reaches the webhook, in order, at least once, whatever comes in between."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from agents.ledger import Courier, Webhook
from agents.ledger.courier import NotReceived
from storage.database import transaction
from storage.ledger import deliveries
from storage.ledger.events import DeliveryFailure
from storage.ledger.sequencing import Lease, claim
from tests.agents.gates import Open
from tests.agents.test_ageing import acts, ageing, happen
from tests.agents.test_ledger import settle
from tests.agents.test_outward import Receiver, receiver
from tests.agents.worlds import World

__all__ = ["receiver"]

KEY = b"k" * 32


def courier(world: World, receiver: Receiver, **more: Any) -> Courier:
    url = f"http://127.0.0.1:{receiver.port}/trail"
    return Courier(world.store, Webhook(url, (KEY,), inside_too=True), lambda: "0" * 16, **{"gate": Open(), **more})


def received(receiver: Receiver) -> list[int]:
    """The places of the entries that came, in the order in which they came."""
    return [json.loads(body)["data"]["metadata"]["sequence"] for _, _, body in receiver.got]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_every_entry_comes_in_order_and_signed(world: World, receiver: Receiver) -> None:
    """Each once, under its own id, with a signature that the shared key makes."""
    happen(world, 5)
    settle(world)
    assert courier(world, receiver).advance() == 5
    assert received(receiver) == [0, 1, 2, 3, 4]
    for _, headers, body in receiver.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{digest}"
        assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert json.loads(body)["id"] == headers["webhook-id"]
    assert courier(world, receiver).advance() == 0


@pytest.mark.parametrize("status", [199 + 102, 400, 404, 500])
def test_what_was_not_accepted_is_sent_again_and_nothing_overtakes_it(
    world: World, receiver: Receiver, status: int
) -> None:
    """The entry waits, and so do those behind it; the outage is in the trail, once."""
    happen(world, 3)
    settle(world)
    running = courier(world, receiver)
    receiver.status = status
    for _ in range(2):
        with pytest.raises(NotReceived) as failure:
            running.advance()
        running.failed(failure.value, pause=False)
    assert failure.value.reason is DeliveryFailure.NOT_ACCEPTED
    receiver.status = 200
    assert running.advance() == 3
    assert received(receiver) == [0, 0, 0, 1, 2]
    settle(world)
    assert running.advance() == 1
    told = json.loads(receiver.got[-1][2])
    assert told["subject"] == "webhook.failed"
    assert told["data"]["status_code"] == "NOT_ACCEPTED"


def test_entries_of_forgotten_people_and_archived_ones_come_as_well(world: World, receiver: Receiver) -> None:
    """Anonymised or moved to the archive before they were delivered: still every place, still nobody in it."""
    acts(world, person := uuid.uuid4())
    happen(world, 520)
    settle(world)
    aging = ageing(world)
    aging.anonymise()
    assert aging.archive() == 512
    settle(world)
    store = aging.agents.store
    running = Courier(
        store, Webhook(f"http://127.0.0.1:{receiver.port}/", (KEY,), inside_too=True), lambda: "0" * 16, gate=Open()
    )
    while running.advance():
        pass
    assert received(receiver) == list(range(len(receiver.got)))
    assert len(receiver.got) > 520
    assert str(person).encode() not in b"".join(body for _, _, body in receiver.got)


def test_a_process_that_died_on_the_way_is_followed_by_one_that_goes_on(world: World, receiver: Receiver) -> None:
    """What was acknowledged is not sent again; what was sent and not yet noted is, once."""
    happen(world, 4)
    settle(world)

    class Died(BaseException):
        pass

    def dying(url: str, body: bytes, headers: dict[str, str], *, inside_too: bool) -> int:
        receiver.got.append(("", {}, body))
        if json.loads(body)["data"]["metadata"]["sequence"] == 2:
            raise Died
        return 200

    with pytest.raises(Died):
        courier(world, receiver, send=dying).advance()
    with transaction(world.store.engine) as session:
        assert deliveries.next_index(session) == 2
        session.connection().exec_driver_sql("DELETE FROM audit_lease")
    assert courier(world, receiver).advance() == 2
    assert received(receiver) == [0, 1, 2, 2, 3]


def test_one_process_delivers_while_the_others_wait(world: World, receiver: Receiver) -> None:
    """The lease keeps a second one from sending everything twice."""
    happen(world, 2)
    settle(world)
    with transaction(world.store.engine) as session:
        assert claim(session, uuid.uuid4(), Lease.DELIVERY)
    assert courier(world, receiver).advance() == 0
    assert receiver.got == []


def test_an_address_inside_the_network_gets_nothing(world: World, receiver: Receiver) -> None:
    """In production the webhook of an operator who was tricked leads nowhere."""
    happen(world, 1)
    settle(world)
    strict = Courier(world.store, Webhook(f"https://127.0.0.1:{receiver.port}/", (KEY,)), lambda: "0" * 16, gate=Open())
    with pytest.raises(NotReceived) as refused:
        strict.advance()
    assert refused.value.reason is DeliveryFailure.ADDRESS_REFUSED
    assert receiver.got == []


def test_the_thread_delivers_soon_and_stops(world: World, receiver: Receiver) -> None:
    """What is published while it runs comes without asking, and its lease is free afterwards."""
    running = courier(world, receiver)
    running.start()
    happen(world, 2)
    settle(world)
    wait_for(lambda: len(receiver.got) == 2)
    running.stop()
    with transaction(world.store.engine) as session:
        assert claim(session, uuid.uuid4(), Lease.DELIVERY)
