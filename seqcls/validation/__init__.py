"""Check rows against rules: masks reject rows, Great Expectations counts the same breaches, a report lists the results.

In order: `profile` (scalar columns) -> `rules` (one declaration each) -> `census` and `repeats` (facts about the whole
table) -> `rejecting` (rejected rows with their reasons) -> `expectations` (the second count) -> `checks` (the report);
`validate` is the stage.
"""
