"""`seqcls doctor CONFIG --alert`: a test message to every address of [alert]; what each of them said."""

from __future__ import annotations

from pathlib import Path

from seqcls.alerts.send import Message, send
from seqcls.config import load_pipeline
from seqcls.maintenance.doctor import Finding


def test_message(config: Path) -> list[Finding]:
    """One finding for each address or file."""
    loaded = load_pipeline(config)
    alert = loaded.pipeline.alert
    if not alert.is_on:
        return [Finding("alert", False, "[alert] names nobody", "set alert.to_env or alert.file")]
    name = loaded.pipeline.name
    message = Message(name, "test", f"seqcls: {name}: test message", "somebody asked whether alerts arrive", "")
    parts = {f"alert to {variable}": alert.model_copy(update={"to_env": [variable], "file": None})
             for variable in alert.to_env}  # fmt: skip
    if alert.file is not None:
        parts[f"alert to {alert.file}"] = alert.model_copy(update={"to_env": []})
    found = {what: send(part, loaded.folder, message) for what, part in parts.items()}
    remedy = "set the variable to the address, and see that this machine reaches it"
    return [Finding(what, not faults, "; ".join(faults) or "sent", remedy) for what, faults in found.items()]
