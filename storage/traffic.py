"""Who is being answered in this process at the moment, so that work which can wait gives way to whoever can't."""


class Traffic:
    """Units of work that somebody waits for: those that read, and those that change something.

    Background work with the same interpreter looks here before it goes on. Work of agents is not entered.
    """

    def __init__(self) -> None:
        self._reading, self._changing = set[object](), set[object]()

    @property
    def reading(self) -> bool:
        """Whether somebody reads."""
        return bool(self._reading)

    @property
    def changing(self) -> bool:
        """Whether somebody changes something, or waits until they may."""
        return bool(self._changing)

    def entered(self, *, read_only: bool) -> "_Entered":
        """For `with`: somebody is at work for as long as the block runs, however it ends."""
        return _Entered(self._reading if read_only else self._changing)


class _Entered:
    """One of them. To add to a set, and to take away, is one step of the interpreter: it takes no lock."""

    def __init__(self, among: set[object]) -> None:
        self._among = among

    def __enter__(self) -> None:
        self._among.add(self)

    def __exit__(self, *_: object) -> None:
        self._among.discard(self)
