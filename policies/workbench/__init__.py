"""The policy author's workbench: what `python -m muniment policy …` does, as functions that answer values.

It explains and measures. What is decided, the door decides: nothing here is on the way of a request.
"""
