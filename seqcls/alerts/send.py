"""One message to every address of [alert].

In: a message. Out: what did not work, in sentences. Promise: an address is a secret: it comes from the environment, and
neither a fault nor a log names more of it than the variable that holds it.
"""

from __future__ import annotations

import json
import logging
import os
import time
import urllib.request
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError

from seqcls.config.alert import AlertConfig

SECONDS = 10.0
"""How long an address may take."""


@dataclass(frozen=True)
class Message:
    pipeline: str
    about: str
    title: str
    text: str
    next_step: str

    @property
    def body(self) -> str:
        return "\n".join(filter(None, (self.text, f"Next: {self.next_step}" if self.next_step else "")))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A message goes where the variable says, nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def send(config: AlertConfig, folder: Path, message: Message) -> list[str]:
    """Send to all; the faults of those that could not be reached."""
    faults = [_to_address(name, message) for name in config.to_env]
    if config.file is not None:
        faults.append(_to_file(folder / config.file, message))
    return [fault for fault in faults if fault]


def _to_file(path: Path, message: Message) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.time(), **asdict(message)}) + "\n")
    except OSError as error:
        return f"alert.file {path} cannot be written ({error.strerror})"
    return ""


def _to_address(name: str, message: Message) -> str:
    address = os.environ.get(name, "")
    if not address:
        return f"the environment variable {name} of alert.to_env is not set; expected an address"
    if address.lower().startswith(("http://", "https://")):
        return _post(name, address, message)
    return _through_apprise(name, address, message)


def _post(name: str, address: str, message: Message) -> str:
    """JSON whose `text` is the whole message, which is what Slack and Mattermost show."""
    content = {**asdict(message), "text": f"{message.title}\n{message.body}"}
    head = {"Content-Type": "application/json", "User-Agent": "seqcls"}
    try:
        request = urllib.request.Request(address, json.dumps(content).encode(), head)  # noqa: S310 (http or https only)
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=SECONDS):
            return ""
    except HTTPError as error:
        return f"the address in {name} answered with status {error.code}"
    except (URLError, OSError, ValueError) as error:  # its text may hold the address
        reason = getattr(error, "reason", error)
        return f"the address in {name} cannot be reached ({type(reason).__name__})"


def _through_apprise(name: str, address: str, message: Message) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own use of what Python gives up
        try:
            import apprise
        except ImportError:
            return f"the address in {name} is not http(s), and Apprise is not installed: `pip install apprise`"
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it would log addresses
        reached = apprise.Apprise()
        if not reached.add(address):
            return f"the address in {name} is none that Apprise knows"
        try:
            sent = reached.notify(title=message.title, body=message.body)
        except Exception as error:  # of any of a hundred services; a message that fails ends nothing
            return f"the address in {name} cannot be reached ({type(error).__name__})"
    return "" if sent else f"the address in {name} took no message"
