"""Retention: how long each kind of thing stays, by its contributor's choice or by the schedule, and what is due."""
