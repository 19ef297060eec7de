"""Engines: ways to compute the logits of one model, behind one interface. `registry.ENGINES` names them.

In: `LoadedModel`. Out: `Engine`, Batch -> logits (B, K) float32. Promise: every engine is built from our own verified
weights each time it is opened; no engine file is written or read. `race` decides which one scores.
"""
