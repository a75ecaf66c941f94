"""People with a password and a passkey in software."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from resolvers import staff
from storage.database import transaction
from storage.staff import StaffRole
from tests.authenticator import Authenticator
from tests.world import PASSWORD, Answer, Person, World, code_of

MINE = "{ passkeys { id createdAt lastUsedAt model synced copiedAt } }"


@dataclass
class Holder:
    """Somebody with a password and a passkey."""

    world: World
    person: Person
    password: str = PASSWORD
    device: Authenticator = field(default_factory=Authenticator)
    codes: list[str] = field(default_factory=list)

    def register(self, device: Authenticator | None = None) -> Answer:
        """Register `device`, stepped up for it."""
        options = self.world.do_plain("enrollPasskey", self.person, wants="options").data["it"]["options"]
        credential = (device or self.device).create(options)
        wants = "passkey { id synced } recoveryCodes"
        return self.world.do("confirmPasskey", self.person, wants=wants, credential=credential)

    def options(self) -> str:
        given = {"email": self.person.email, "password": self.password}
        return str(self.world.do("beginPasskeySignIn", None, wants="options", **given).data["it"]["options"])

    def sign_in(self, passkey: str | None = None) -> Answer:
        signed = self.device.get(self.options()) if passkey is None else passkey
        return self.world.sign_in(self.person.email, self.password, passkey=signed)

    def step_up(self, **proof: str) -> Answer:
        if not proof:
            begun = self.world.do_plain("beginPasskeyStepUp", self.person, wants="options").data["it"]
            proof = {"passkey": self.device.get(begun["options"])}
        return self.world.do("stepUp", self.person, **proof)

    def there(self) -> list[dict[str, Any]]:
        return list(self.world.ask(MINE, self.person).data["passkeys"])


def refusals(world: World) -> list[str]:
    return [event["details"]["reason"] for event in world.events("session.refused")]


def rows(world: World, model: type[Any]) -> list[Any]:
    with transaction(world.house.store.engine, read_only=True) as session:
        found = list(session.scalars(select(model).order_by(model.id)))
        session.expunge_all()
    return found


def contributor(world: World) -> Holder:
    """A contributor with a passkey, who has just proved who she is."""
    holder = Holder(world, world.register("ada"))
    world.step_up(holder.person)
    holder.codes = holder.register().data["it"]["recoveryCodes"]
    return holder


def member(world: World) -> Holder:
    """A member of staff with the app that she was handed, and a passkey."""
    hired = staff.add(world.house, "mara@example.org", [StaffRole.SUPPORT])
    answer = world.sign_in("mara@example.org", hired.password, totp=code_of(hired.second_factor))
    token = answer.data["it"]["session"]["token"]
    person = Person("mara", token, email="mara@example.org", second_factor=hired.second_factor)
    holder = Holder(world, person, hired.password, Authenticator.of_ed25519())
    holder.step_up(totp=code_of(hired.second_factor, 1)).data  # noqa: B018 - fails the test where it did not work
    holder.codes = holder.register().data["it"]["recoveryCodes"]
    return holder
