"""What stands before @data in an ARFF file: which attribute is the class, which the id, which are measurements.

In: the lines of the head. Out: `Head`. Promise: the head is believed. The nominal attribute is the class, wherever it
stands, and its values are all that there are; what is no number is never read as a measurement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from seqcls.sources.reading import Reading

_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)
_FIELD = re.compile(r"\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^,\t]*?)\s*([,\t]|$)")
_NUMBERS = ("numeric", "real", "integer")
_NAMES_OF_ROWS = re.compile(r"(?i)(.*_)?id|index|name")


@dataclass(frozen=True)
class Attribute:
    name: str
    type: str
    """numeric, nominal, relational, string, date."""
    values: frozenset[str] = frozenset()
    """Of a nominal one."""


@dataclass
class Head:
    """Filled line by line; `label`, `id` and `values` are places among the attributes, decided at @data."""

    attributes: list[Attribute] = field(default_factory=list)
    has_data: bool = False
    in_relation: bool = False
    label: int = -1
    id: int | None = None
    values: list[int] = field(default_factory=list)
    channels: int | None = None
    row: int = 1

    @property
    def is_relational(self) -> bool:
        return any(attribute.type == "relational" for attribute in self.attributes)

    @property
    def classes(self) -> frozenset[str]:
        """Of the head; empty where it does not name them."""
        return self.attributes[self.label].values

    def read(self, reading: Reading, text: str, line: int) -> None:
        """One line that is neither blank nor a comment."""
        tag = text.split()[0].lower()
        if tag == "@data":
            self.has_data = True
            self._decide(reading, line)
        elif tag == "@end":
            self.in_relation = False
        elif tag == "@attribute":
            self._add(reading, text, line)
        elif tag != "@relation":
            raise reading.refuse(
                f"{text[:60]!r} before @data", row=line, expected="@relation, @attribute or @data",
                next_step="check source.format",
            )  # fmt: skip

    def _add(self, reading: Reading, text: str, line: int) -> None:
        match = _ATTRIBUTE.match(text)
        if match is None:
            raise reading.refuse(
                f"{text[:60]!r}", row=line, expected="@attribute NAME TYPE", next_step="correct this line"
            )
        if self.in_relation:
            return
        name, kind = unquoted(match[1]), match[2].strip()
        first = kind.split()[0].lower()
        if kind.startswith("{"):
            values = frozenset(unquoted(value) for value in fields_of(kind.strip("{} \t")))
            self.attributes.append(Attribute(name, "nominal", values))
        else:
            self.in_relation = first == "relational"
            self.attributes.append(Attribute(name, "numeric" if first in _NUMBERS else first))

    def _decide(self, reading: Reading, line: int) -> None:
        names = [attribute.name for attribute in self.attributes]
        if len(names) < 2:
            raise reading.refuse(
                f"{len(names)} attribute{'' if len(names) == 1 else 's'}", row=line, expected="values and a class",
                next_step="check the head of the file",
            )  # fmt: skip
        self.label = self._class(reading, names, line)
        wanted = reading.source.id
        if wanted is not None and wanted not in names:
            raise reading.refuse(
                f"no attribute {wanted!r}", row=line, expected=f"one of {', '.join(map(repr, names[:30]))}",
                next_step="correct source.id",
            )  # fmt: skip
        self.id = names.index(wanted) if wanted is not None else None
        for place, attribute in enumerate(self.attributes):
            if place not in (self.label, self.id):
                self._require_measurement(reading, attribute, line)
                self.values.append(place)

    def _class(self, reading: Reading, names: list[str], line: int) -> int:
        """The attribute that `source.label` names, else the only nominal one, else the last."""
        if reading.source.label in names:
            return names.index(reading.source.label)
        nominal = [place for place, attribute in enumerate(self.attributes) if attribute.type == "nominal"]
        if len(nominal) > 1:
            listed = ", ".join(repr(names[place]) for place in nominal[:10])
            raise reading.refuse(
                f"{len(nominal)} nominal attributes: {listed}", row=line,
                expected="one, the class", next_step="name the class in source.label, and leave the others out",
            )  # fmt: skip
        return nominal[0] if nominal else len(names) - 1

    def _require_measurement(self, reading: Reading, attribute: Attribute, line: int) -> None:
        if attribute.type == "relational":
            return
        if attribute.type != "numeric":
            found = f"of type {attribute.type}"
        elif self.is_relational:
            found = "beside a relational one"
        elif _NAMES_OF_ROWS.fullmatch(attribute.name):
            found = "whose name is that of an id, not of a measurement"
        else:
            return
        raise reading.refuse(
            f"an attribute {attribute.name!r} {found}", row=line, expected="measurements, a class, maybe an id",
            next_step=f"set source.id = {attribute.name!r} if it names the rows; else leave it out or rename it",
        )  # fmt: skip


def fields_of(text: str) -> list[str]:
    """Fields as they are written, quotes included; separated by commas or tabs."""
    if "'" not in text and '"' not in text:
        return [part.strip() for part in text.split("," if "," in text else "\t")]
    found: list[str] = []
    at = 0
    while True:
        match = _FIELD.match(text, at)
        if match is None:  # something follows a closing quote
            return [*found, text[at:]]
        found.append(match[1])
        if not match[2]:
            return found
        at = match.end()


def unquoted(text: str) -> str:
    """Without blanks and quotes around it; a backslash before a quote goes with them."""
    text = text.strip()
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
