"""`family = "auto"`: try presets within a budget and train the best one. `search` is the entry point."""
