"""The command line of the policy author's workbench: `python -m muniment policy …`.

Exit 0: everything holds. 1: it does not, and was said why. 2: the arguments or settings can't be used.
"""

import typer

from muniment.cli_policy import asking, writing

app = typer.Typer(no_args_is_help=True, help="Who may do what: policy.polar, and the workbench for those who write it.")
for verb in (
    writing.check,
    writing.test,
    writing.coverage,
    writing.matrix,
    writing.mutants,
    writing.watch,
    asking.explain,
    asking.diff,
    asking.sql,
):
    app.command()(verb)

__all__ = ["app"]
