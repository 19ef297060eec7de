"""`family = "auto"`: presets are tried within a budget, the best is trained. `search` is the recipe."""
