"""Settings as an operator gives them: `MUNIMENT_*` variables, or a file of the same names.

A misspelt name is refused with the nearest known one, and an unsafe combination with a sentence that says what to do.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from muniment.settings import PREFIX, Settings

FILE = "MUNIMENT_SETTINGS"
"""Names a file of `MUNIMENT_NAME=value` lines. A variable of the environment wins over the file."""


class SettingsError(Exception):
    """The settings can't be used; `sentences` say why and what to do, without showing any value."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def load(**overrides: Any) -> Settings:
    """This process's settings: `overrides` (of the command line; None is unsaid), environment, file, defaults.

    Raises SettingsError with one sentence per problem; no sentence repeats a value.
    """
    file = os.environ.get(FILE)
    if file and not Path(file).is_file():
        raise SettingsError([f"{FILE} names a file that is not there."])
    unknown = _unknown(os.environ, "in the environment") + (
        _unknown(dotenv_values(file), "in the file") if file else []
    )
    if unknown:
        raise SettingsError(unknown)
    said = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(_env_file=file, **said)
    except ValidationError as error:
        wrong = [
            item for item in error.errors() if item["type"] != "default_factory_not_called"
        ]  # follows from the rest
        raise SettingsError([sentence for item in wrong for sentence in _sentences(item)]) from None


def _unknown(names: Mapping[str, Any], where: str) -> list[str]:
    known = [PREFIX + field.upper() for field in Settings.model_fields] + [FILE]
    sentences = []
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)[0]
            sentences.append(f"{name} ({where}) is no setting of Muniment. Did you mean {near}?")
    return sentences


def _sentences(item: Any) -> list[str]:
    message = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        return message.split("\n")
    return [f"{PREFIX}{str(item['loc'][0]).upper()} can't be used: {message[0].lower()}{message[1:]}."]
