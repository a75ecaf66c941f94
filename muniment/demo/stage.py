"""The narration: acts, steps with what came of them, tables, progress; plain lines wherever there is no terminal."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.text import Text

from muniment.demo.client import NoAnswer, NotUnderstood, Refused

_WIDTH = 100
_LOOK = "The server's own output may say more."


class Otherwise(Exception):
    """A step did not do what it should. The message says what came instead."""


class StepFailed(Exception):
    """The play ends here: what was expected, what came, what to do."""

    def __init__(self, expected: str, came: str, advice: str) -> None:
        super().__init__(came)
        self.expected, self.came, self.advice = expected, came, advice


def demand(holds: object, came: str) -> None:
    """Raise Otherwise unless it holds."""
    if not holds:
        raise Otherwise(came)


@dataclass
class Step:
    """A step under way. `detail` is shown behind it when it is done."""

    text: str
    detail: str = ""


class Stage:
    """Where the play is shown. Everything printed is told plainly enough for a pipe; a terminal adds colour."""

    def __init__(self) -> None:
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
        self._console = Console(markup=False, highlight=False, emoji=False)
        self._width = min(self._console.width, _WIDTH) if self._console.is_terminal else _WIDTH
        self._console = Console(markup=False, highlight=False, emoji=False, width=self._width)
        unicode = (self._console.encoding or "").lower().startswith("utf")
        self._tick, self._cross, self._dot = ("✓", "✗", "·") if unicode else ("ok", "NO", "-")
        self._acts = 0
        self._began = time.monotonic()
        self.steps = 0

    @property
    def seconds(self) -> float:
        """How long the play has been going on."""
        return time.monotonic() - self._began

    def title(self, text: str) -> None:
        """The line above everything."""
        self._console.print(Text(clean(text), style="bold"))

    def act(self, title: str, text: str = "") -> None:
        """Begin an act, with a sentence on what it is about."""
        self._acts += 1
        self._console.print()
        self._console.print(Text(f"{self._acts}. {clean(title)}", style="bold cyan"))
        if text:
            self.say(text, indent=3)

    def say(self, text: str, *, indent: int = 3, style: str = "") -> None:
        """A paragraph."""
        for line in Text(clean(text), style=style).wrap(self._console, self._width - indent):
            line.rstrip()
            self._console.print(Text(" " * indent) + line)

    @contextmanager
    def step(self, text: str, advice: str = "") -> Iterator[Step]:
        """One step, in the words in which it is told once it is done. Raises StepFailed when it did not do that."""
        step = Step(text)
        try:
            yield step
        except Otherwise as error:
            raise StepFailed(step.text, str(error), advice or _LOOK) from None
        except Refused as error:
            meaning = f"docs/errors/{error.code}.md says what that code means. {_LOOK}"
            raise StepFailed(step.text, str(error), advice or meaning) from None
        except NoAnswer as error:
            again = "See whether the server still runs; start it with `make run` and play the demo again."
            raise StepFailed(step.text, str(error), advice or again) from None
        except NotUnderstood as error:
            where = "See that the address is Muniment's own, and that server and demo are of the same version."
            raise StepFailed(step.text, str(error), advice or where) from None
        except OSError as error:
            raise StepFailed(step.text, f"this machine said: {error.strerror}.", advice or _LOOK) from None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            shape = f"an answer of a shape that this API does not give ({type(error).__name__})."
            raise StepFailed(step.text, shape, advice or "See that server and demo are of the same version.") from None
        self.steps += 1
        detail = (f" {self._dot} {clean(step.detail)}", "dim") if step.detail else ""
        self._beside((self._tick, "green"), Text.assemble(clean(step.text), detail))

    def _beside(self, mark: tuple[str, str], text: Text) -> None:
        """A mark, and text that stays to the right of it when it is wrapped."""
        wrapped = text.wrap(self._console, self._width - 4 - len(mark[0]))
        for number, line in enumerate(wrapped):
            line.rstrip()
            head = ("   ", mark, " ") if number == 0 else (" " * (4 + len(mark[0])),)
            self._console.print(Text.assemble(*head, line))

    def failed(self, error: StepFailed) -> None:
        """The last thing that is shown when a step did not do what it should."""
        self._console.print()
        self._beside((self._cross, "bold red"), Text("This step did not do what it should.", "bold red"))
        for label, text in (("expected", error.expected), ("what came", error.came), ("what to do", error.advice)):
            self.say(f"{label:11}{text}", indent=5)

    def end(self, title: str, *lines: str) -> None:
        """The last words."""
        self._console.print()
        self._console.print(Text(clean(title), style="bold green"))
        for line in lines:
            self._console.print(Text(clean(line)), soft_wrap=True)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Rows under headings, in columns as wide as their widest cell; the last one is wrapped where it must be."""
        lines = [[clean(cell) for cell in row] for row in (headings, *rows)]
        widths = [max(cell_len(cell) for cell in column) + 2 for column in zip(*lines, strict=True)][:-1]
        room = max(20, self._width - 5 - sum(widths))
        for number, line in enumerate(lines):
            style = "dim" if number == 0 else ""
            head = "".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=False))
            for part in Text(line[-1]).wrap(self._console, room) or [Text()]:
                self._console.print(Text(f"     {head}{part.plain}".rstrip(), style))
                head = " " * len(head)

    @contextmanager
    def transfer(self, label: str, size: int) -> Iterator[Callable[[int], None]]:
        """Bytes on their way, as a bar that goes away again; without a terminal, nothing. Yields what to tell."""
        columns = TextColumn("     {task.description}"), BarColumn(), DownloadColumn()
        quiet = not self._console.is_terminal or self._console.is_dumb_terminal
        with Progress(*columns, console=self._console, transient=True, disable=quiet) as progress:
            task = progress.add_task(clean(label), total=size)
            yield lambda count: progress.advance(task, count)

    def typing(self, heading: str) -> "Typist":
        """Text that comes bit by bit, under a heading."""
        self.say(heading, indent=5, style="dim")
        return Typist(self._console, self._width, indent=7)


class Typist:
    """Writes a growing text as it grows, wrapped at whole words, forwards only: good for any terminal, or none."""

    def __init__(self, console: Console, width: int, indent: int) -> None:
        self._console, self._width, self._indent = console, width, indent
        self._written, self._column = 0, 0

    def show(self, text: str, *, whole: bool = False) -> None:
        """Write what is new of `text`: its complete words, or all of it when it is `whole`."""
        words = clean(text).split()
        ready = words if whole else words[:-1]
        for word in ready[self._written :]:
            if self._column == 0 or self._column + 1 + len(word) > self._width:
                self._write(("\n" if self._column else "") + " " * self._indent + word)
                self._column = self._indent + len(word)
            else:
                self._write(f" {word}")
                self._column += 1 + len(word)
        self._written = max(self._written, len(ready))
        if whole:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._console.print(Text(text, style="italic"), end="", soft_wrap=True)


def clean(text: str) -> str:
    """`text` without what could steer a terminal: it may come from a model, or from a file's name."""
    return "".join(character if character.isprintable() else " " for character in text)
