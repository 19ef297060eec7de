"""FILE.sha256 beside FILE: the sender's checksum, and the sign that the file is complete.

In: a file to read, with its digest. Promise with `source.checksums`: a file is refused if it was cut off between two
rows (nothing else could detect that), changed in transit, or has no checksum yet. The layout is that of
`sha256sum FILE > FILE.sha256`.
"""

from __future__ import annotations

import re

from seqcls.errors import WorldFailed
from seqcls.sources.entries import CHECKSUM
from seqcls.sources.paths import parts_beside
from seqcls.sources.reading import Reading
from seqcls.store.artefacts import file_digest

_DIGEST = re.compile(r"\\?([0-9a-fA-F]{64})(?:\s|$)")  # sha256sum writes a backslash before escaped names


def check_checksum(reading: Reading) -> None:
    """Refuse a file that does not match its checksum, or has none."""
    path = reading.file.path
    beside = path.with_name(path.name + CHECKSUM)
    try:
        with open(beside, encoding="ascii", errors="replace") as file:
            line = file.read(4096)
    except FileNotFoundError:
        raise reading.refuse(
            "no checksum beside the file", expected=f"{beside.name}, as sha256sum writes it",
            next_step="deliver it after the file, or remove source.checksums",
        ) from None  # fmt: skip
    except OSError as error:
        raise WorldFailed(
            f"cannot read {beside.name} ({error.strerror})", where=reading.file.name,
            expected="a readable file", next_step="fix its permissions, then run again",
        ) from error  # fmt: skip
    match = _DIGEST.match(line)
    if match is None:
        raise reading.refuse(
            f"{beside.name} does not begin with a SHA-256 in hexadecimal", expected="the layout of sha256sum",
            next_step=f"write it with `sha256sum {path.name} > {beside.name}`",
        )  # fmt: skip
    # The digest of an input covers what belongs to it, such as a file of classes; the checksum covers the file alone.
    digest = file_digest(path) if parts_beside(reading.source, reading.folder, path) else reading.file.digest
    if digest != match[1].lower():
        raise reading.refuse(
            f"SHA-256 {digest[:12]}", expected=f"{match[1][:12].lower()}, as {beside.name} says",
            next_step="the file was cut off or changed in transit: fetch the file again",
        )  # fmt: skip
