"""A fault is told once: the ledger remembers it until it is over.

In: a workspace, a fault. Promise: what cannot be told is noted, tried again by the next run, and ends nothing.
"""

from __future__ import annotations

from seqcls.alerts.send import Message, send
from seqcls.config.alert import About
from seqcls.errors import printable
from seqcls.ledger.told import remember_told, was_told
from seqcls.workspace import Workspace


def tell(workspace: Workspace, about: About, fault: str, title: str, text: str, next_step: str) -> None:
    """Send a message about `fault` (at most 200 characters that are the same each time), if it was not told yet."""
    config, name = workspace.pipeline.alert, workspace.pipeline.name
    if not config.is_on or about not in config.about or was_told(workspace.ledger, name, fault):
        return
    message = Message(name, about, f"seqcls: {name}: {printable(title)}", printable(text), printable(next_step))
    faults = send(config, workspace.folder, message)
    if len(faults) < len(config.to_env) + (config.file is not None):  # somebody has it
        remember_told(workspace.ledger, name, fault)
    for found in faults:
        workspace.listener.note(f"alert not sent: {found}")
