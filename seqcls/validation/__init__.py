"""Rows against rules: masks set rows aside, Great Expectations counts the same breaches, a report says what was found.

The road: `profile` (scalar columns) -> `rules` (one declaration) -> `census` and `repeats` (what only the whole table
tells) -> `rejecting` (rows set aside with their reasons) -> `expectations` (the second count) -> `checks` (the report);
`validate` is the stage.
"""
