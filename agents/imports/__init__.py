"""The imports agent takes in what an archive holds, for the contributor whose account it is given."""

from agents.imports.choosing import Chosen
from agents.imports.looking import Wishes
from agents.imports.taking import Taken, take_in

__all__ = ["Chosen", "Taken", "Wishes", "take_in"]
