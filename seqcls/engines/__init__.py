"""Engines: ways to compute the logits of one model, behind one interface. `registry.ENGINES` names them.

In: `LoadedModel`. Out: `Engine`, Batch -> logits (B, K) float32. Promise: every engine is built, at each opening, from
our own verified weights; no file of an engine is written or read. Which one scores is decided by `race`.
"""
