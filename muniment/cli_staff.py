"""`python -m muniment staff …`: the people who run the platform, as whoever runs the server adds and removes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli_words import Home, give_up, settings_of, told

if TYPE_CHECKING:
    from resolvers.house import House
    from storage.staff import StaffRole

app = typer.Typer(no_args_is_help=True, help="The people who run the platform.")

Email = Annotated[str, typer.Option(help="The address they sign in with.")]
_JOBS = "auditor, privacy, security, support or sysadmin"
Until = Annotated[
    str | None,
    typer.Option(
        help="When the job ends by itself: 2026-12-31. Default: never; for an auditor in 90 days.", show_default=False
    ),
]


@app.command("add")
def add(
    email: Email,
    role: Annotated[list[str], typer.Option(help=f"{_JOBS}; may be repeated.")],
    until: Until = None,
    home: Home = None,
) -> None:
    """Open a staff account; its first password and second factor are shown once. No role opens contributors' work."""
    roles = [_role(name) for name in role]
    with _opened(home) as house:
        from resolvers import staff

        hired = staff.add(house, email, roles, _end(until))
    typer.echo(f"{email} may now sign in. First password, shown this once: {hired.password}")
    typer.echo(f"Second factor, shown this once, for an authenticator app: {hired.second_factor}")


@app.command("enrol")
def enrol(email: Email, home: Home = None) -> None:
    """Give a member of staff another second factor: they lost theirs, or have none yet. Their sessions end."""
    with _opened(home) as house:
        from resolvers import staff

        uri = staff.enrol(house, email)
    typer.echo(f"Second factor of {email}, shown this once, for an authenticator app: {uri}")


@app.command("assign")
def assign(
    email: Email, role: Annotated[str, typer.Option(help=f"{_JOBS}.")], until: Until = None, home: Home = None
) -> None:
    """Give a member of staff one job more, unless nobody may hold it together with what they have."""
    wanted = _role(role)
    with _opened(home) as house:
        from resolvers import staff

        staff.assign(house, email, wanted, _end(until))
    typer.echo(f"{email} works in {wanted.lower()} too.")


@app.command("revoke")
def revoke(email: Email, role: Annotated[str, typer.Option(help=f"{_JOBS}.")], home: Home = None) -> None:
    """Take a job from a member of staff. What they were let into in that job is closed to them at once."""
    lost = _role(role)
    with _opened(home) as house:
        from resolvers import staff

        staff.revoke(house, email, lost)
    typer.echo(f"{email} works in {lost.lower()} no more.")


@app.command("remove")
def remove(email: Email, home: Home = None) -> None:
    """Shut out a member of staff who leaves: account, jobs, second factor, sessions and access grants, at once."""
    with _opened(home) as house:
        from resolvers import staff

        gone = staff.dismiss(house, email)
    typer.echo(f"{email} is gone. Ended: {gone.sessions} sessions, {gone.grants} access grants, {gone.roles} jobs.")


@contextmanager
def _opened(home: Path | None) -> Iterator["House"]:
    settings = settings_of(home=home)
    from muniment.homes import prepare
    from muniment.house import open_house

    prepare(settings)
    with told(), open_house(settings) as house:
        yield house


def _end(said: str | None) -> datetime | None:
    try:
        end = None if said is None else datetime.fromisoformat(said)
    except ValueError:
        give_up("--until is a day or a moment: 2026-12-31.", code=2)
    return end if end is None or end.tzinfo is not None else end.replace(tzinfo=UTC)


def _role(name: str) -> "StaffRole":
    from storage.staff import StaffRole

    if name.upper() not in {known.value for known in StaffRole}:
        give_up(f"There is no role {name.lower()}: {', '.join(known.lower() for known in StaffRole)}.", code=2)
    return StaffRole(name.upper())
