"""One form of a text for all its spellings that look alike.

In: texts. Out: Unicode NFC (`compose`); and for characters (`canonical`) each run of blanks of any kind as one blank,
none at the ends, without what cannot be seen: soft hyphens, zero-width and direction marks (categories Cf and Co).
Words need no more than `compose`, since blanks divide them anyway.
"""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

_BEYOND_ASCII = r"[^\x00-\x7f]"
_IN_FORM = r"^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*)?$"
_INVISIBLE = r"[\p{Cf}\p{Co}]+"
_BLANKS = r"[\s\p{Z}\p{Cc}]+"


def compose(texts: pa.StringArray) -> pa.StringArray:
    """Unicode NFC of texts without line breaks.

    Not Arrow's utf8_normalize: up to version 25 it gives NFD for "NFC" (apache/arrow issue 51225), and an upgrade that
    fixes this would change the words of a vocabulary that is already fitted.
    """
    if not pc.any(pc.match_substring_regex(texts, pattern=_BEYOND_ASCII)).as_py():
        return texts
    return pa.array(unicodedata.normalize("NFC", "\n".join(texts.to_pylist())).split("\n"), pa.string())


def canonical(texts: pa.StringArray) -> pa.StringArray:
    """The form in which texts are compared character by character."""
    others = pc.invert(pc.match_substring_regex(texts, pattern=_IN_FORM))
    if not pc.any(others).as_py():
        return texts
    changed = pc.replace_substring_regex(texts.filter(others), pattern=_INVISIBLE, replacement="")
    changed = pc.replace_substring_regex(changed, pattern=_BLANKS, replacement=" ")
    return pc.replace_with_mask(texts, others, compose(pc.utf8_trim(changed, characters=" ")))
