"""Evidence packs: populations and results of checks in one signed archive, to be checked by anybody without us."""
