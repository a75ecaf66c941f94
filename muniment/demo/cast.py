"""Who plays, and what they have with them: people, files, and the word that nobody has ever written."""

import mimetypes
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from muniment.demo.client import Client

SAMPLES = Path(__file__).with_name("samples")
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_ABOUT = {
    "lighthouse.png": ("The lighthouse at Marrow Point", "Evening at sea, and a small boat coming home."),
    "brief.md": ("What the wall text should do", "From the gallery, by post."),
}

REGISTER = """
mutation Register($input: RegisterContributorInput!) {
  registerContributor(input: $input) { contributor { id } session { token } }
}"""

SIGN_IN = """
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) { session { token expiresAt } viewer { kind roles } }
}"""

STEP_UP = "mutation StepUp($input: StepUpInput!) { stepUp(input: $input) { session { steppedUpUntil } } }"


@dataclass
class Person:
    """Somebody with an account. `client` is signed in as them, once they are."""

    name: str
    email: str
    password: str
    client: Client
    id: str = ""
    code: str | None = None
    """What an authenticator app shows, for whoever signs in with one."""

    def register(self) -> None:
        """Open a contributor's account."""
        asked = {"email": self.email, "password": self.password, "displayName": self.name}
        made = self.client.ask(REGISTER, input=asked)["registerContributor"]
        self.id = made["contributor"]["id"]

    def sign_in(self) -> dict[str, Any]:
        """Sign in with e-mail and password; answers who the server says this is."""
        asked = {"email": self.email, "password": self.password, "totp": self.code}
        made = self.client.ask(SIGN_IN, input=asked)["signIn"]
        self.client = self.client.signed_in(made["session"]["token"])
        viewer: dict[str, Any] = made["viewer"]
        return viewer

    def step_up(self) -> None:
        """Prove once more who is asking."""
        self.client.ask(STEP_UP, input={"password": self.password})


@dataclass(frozen=True)
class File:
    """A file that is handed in."""

    name: str
    media_type: str
    content: bytes
    title: str
    description: str

    @classmethod
    def read(cls, path: Path) -> "File":
        """The file at `path`, its media type guessed from its name, as a browser does it."""
        guessed = mimetypes.guess_type(path.name)[0] or "text/plain"
        title, description = _ABOUT.get(path.name, (path.stem, "Brought along for the demo."))
        return cls(path.name, guessed, path.read_bytes(), title, description)


@dataclass
class Asset:
    """A file once it is uploaded."""

    id: str
    file: File
    link: str
    """Where its bytes may be fetched for some minutes."""


@dataclass
class Work:
    """What the contributor has made in the course of the play."""

    word: str
    """Made up for this run alone. It stands in everything that the contributor writes."""
    project: str = ""
    assets: list[Asset] = field(default_factory=list)
    prompt: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    export: str = ""
    export_link: str = ""


def new_word() -> str:
    """A word of eight random syllables: some 49 bits that can be pronounced."""
    return "".join(secrets.choice(_SYLLABLES) for _ in range(8))


def person(name: str, client: Client, word: str) -> Person:
    """Somebody who has no account yet. `word` keeps them apart from everybody else who is called that."""
    given = name.split()[0]
    return Person(name, f"{given.lower()}.{word}@example.org", f"{secrets.token_urlsafe(12)} {word}", client)
