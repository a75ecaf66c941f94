"""`python -m muniment`: the command line."""

from muniment.cli import main

main()
