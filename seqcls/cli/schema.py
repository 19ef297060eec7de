"""`seqcls init` and `schema`: a pipeline file to start from, and the JSON Schema that editors check it with."""

from __future__ import annotations

import argparse
from pathlib import Path

from seqcls.cli.show import say
from seqcls.errors import ConfigRefused
from seqcls.table import KINDS

_FILL_IN = "Next: put the names of your files into [source], then `seqcls check {file}`"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = commands.add_parser("init", help="write a commented pipeline file, and its schema beside it")
    what = init.add_mutually_exclusive_group(required=True)
    what.add_argument("--kind", choices=KINDS, help="what a sequence is")
    what.add_argument("--from", dest="place", metavar="PATH", help="look at a file, a folder or a quoted glob, and "
                      "write what was found")  # fmt: skip
    init.add_argument("file", type=Path, help="the pipeline file to write")
    init.set_defaults(run=_init)

    schema = commands.add_parser("schema", help="print the JSON Schema of the pipeline file, for editors")
    schema.set_defaults(run=_schema)


def _init(options: argparse.Namespace) -> None:
    from seqcls.config.schema import SCHEMA_FILE, schema_text
    from seqcls.config.templates import template

    text, last_words = (template(options.kind), _FILL_IN) if options.place is None else _from(options)
    try:
        with open(options.file, "x", encoding="utf-8") as file:
            file.write(text)
        options.file.with_name(SCHEMA_FILE).write_text(schema_text(), "utf-8")  # that of this version
    except FileExistsError:
        raise ConfigRefused(
            "the file exists already", where=str(options.file), next_step="choose another name, or remove it first"
        ) from None
    except OSError as error:
        raise ConfigRefused(
            f"cannot write ({error.strerror})",
            where=str(error.filename or options.file),
            expected="a folder that can be written to",
            next_step="choose another folder, or fix its permissions",
        ) from None
    say(f"wrote {options.file}\n{last_words.format(file=options.file)}")


def _from(options: argparse.Namespace) -> tuple[str, str]:
    """The text of the file, and the last words: what was found, what is open, the next command."""
    from seqcls.detection import detect
    from seqcls.detection.writing import last_words, write

    found = detect(options.place, options.file.absolute().parent)
    return write(found, options.place, options.file), last_words(found)


def _schema(_: argparse.Namespace) -> None:
    from seqcls.config.schema import schema_text

    print(schema_text(), end="")
