"""/privacy: open to everybody, as a page and as JSON, and the same as the API answers."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from storage.clock import now
from storage.preferences import REGISTER
from storage.privacy.cards import CARDS
from storage.services import ServiceStatus
from tests.registered import enter
from tests.world import World

pytestmark = pytest.mark.one_database(
    "sqlite", reason="the one table that is read is read on both in tests/muniment/test_services.py"
)
ASK = """{ privacyPolicy { version sections { name title promises { id text check } } }
  dataCards { name title what why where howLong who options } }"""


class Page(HTMLParser):
    """The tags that are open, the ids there are, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        said = dict(attrs)
        self.ids += [said["id"]] if said.get("id") else []
        self.links += [said["href"]] if tag == "a" and said.get("href") else []
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_policy_is_the_same_as_a_page_as_json_and_from_the_api(world: World) -> None:
    """A stranger reads all of it; each link of the page leads somewhere in it, and no script is there."""
    html = world.client.get("/privacy", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    found = world.client.get("/privacy", headers={"accept": "application/json"}).json()
    asked = world.ask(ASK).data
    assert (found["version"], found["sections"]) == (
        asked["privacyPolicy"]["version"],
        asked["privacyPolicy"]["sections"],
    )
    assert found["dataCards"] == asked["dataCards"]
    assert [each["name"] for each in found["dataCards"]] == [card.name for card in CARDS]
    assert [each["name"] for each in found["preferences"]] == [each.name for each in REGISTER]
    assert not any(each["default"] for each in found["preferences"])
    assert html.headers["content-type"].startswith("text/html")
    page = Page()
    page.feed(html.text)
    assert page.open == []
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} - set(page.ids) == {"/services"}
    text = re.sub(r"<[^>]*>", "", html.text).replace("&#x27;", "'")
    for section in found["sections"]:
        for promise in section["promises"]:
            assert promise["text"] in text
    assert found["version"] in text


def test_the_page_brings_its_style_and_nothing_else(world: World) -> None:
    """Its style is a file of our own, so that the strictest policy for pages lets it look as it should."""
    html = world.client.get("/privacy")
    assert re.findall(r'(?:src|href)="(/[^"]*)"', html.text) == ["/privacy.css", "/services"]
    assert "style-src 'self'" in html.headers["content-security-policy"]
    css = world.client.get("/privacy.css")
    assert css.headers["content-type"].startswith("text/css")
    assert "url(" not in css.text


def test_the_services_of_the_register_are_told(world: World) -> None:
    """Who else may get work, what and for how long: what is in force or announced, and nothing that is proposed only."""
    engine, later = world.house.store.engine, now() + timedelta(days=9)
    enter(engine, "old.example.org", effective_at=now() - timedelta(days=9))
    enter(engine, "old.example.org", operator="New terms", categories=["PROMPTS"], retention_days=30)
    enter(engine, "later.example.org", effective_at=later, trains_on_inputs=True)
    enter(engine, "hidden.example.org", status=ServiceStatus.PROPOSED)
    found = world.client.get("/privacy", headers={"accept": "application/json"}).json()
    assert [(each["address"], each["operator"], each["trainsOnInputs"]) for each in found["services"]] == [
        ("embedded", "This house", False),
        ("later.example.org", "Models Ltd", True),
        ("old.example.org", "New terms", False),
    ]
    [shared] = [
        each["text"] for part in found["sections"] for each in part["promises"] if "old.example.org" in each["text"]
    ]
    assert "None of them gets a thing of yours until you name it." in shared
    html = world.client.get("/privacy").text
    assert "<td>your prompts</td><td>30 days</td><td>no</td>" in html
    assert "hidden.example.org" not in html
