"""Versions of models, the champion, and the `gate` that a model passes to become it."""
