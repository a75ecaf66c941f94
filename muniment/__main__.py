"""`python -m muniment`: the command line."""

from muniment.cli import main
from muniment.dumps import leave_none

leave_none()
main()
