"""Signs that a text was damaged on its way: U+FFFD, letters that were decoded twice, nothing that can be seen.

In: texts. Out: the number of signs of each. A letter is decoded twice where UTF-8 was read as cp1252 and written as
UTF-8 again: two signs for an accented letter, three for a quotation mark. Promise: text of any language that was
decoded once has no sign, but for rare quotations of such damage.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# What the second and later bytes of UTF-8 are in cp1252, without the signs that may follow a letter: quotation marks,
# dashes, and dots, which count before a letter or at the beginning of a word.
_LATER = "[\x80-\xbf€‚ƒ„†‡ˆ‰Š‹ŒŽ•˜™š›œžŸ]"
_DECODED_TWICE = (
    r"[ÃÐÑØÙÄÅ]…\pL", r"(?:^|\PL)Ã…", f"à[¸¹º]{_LATER}",
    f"Ã{_LATER}", "Â[\x80-\xbf]", f"â€[{_LATER[1:-1]}“”…]", f"[ÐÑØÙÄÅ]{_LATER}", "â‚¬", "ï»¿", "ðŸ",
    "[ã-é][\x80-\x9f¡-ª¬-º¼-¾]{2}",
)  # fmt: skip
_DAMAGE = "|".join(["\ufffd", *_DECODED_TWICE])
_INVISIBLE_ONLY = r"^[\s\p{Z}\p{Cc}]*[\p{Cf}\p{Co}][\s\p{Z}\p{Cc}\p{Cf}\p{Co}]*$"


def count_damage(text: pa.Array, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(N,) signs of damage; a text of nothing but invisible characters has one. `data` are the bytes of all texts."""
    if not (data >= 0x80).any():
        return np.zeros(len(text), np.int64)
    filled = text.fill_null("")
    signs = pc.count_substring_regex(filled, _DAMAGE).to_numpy(zero_copy_only=False).astype(np.int64)
    invisible = pc.match_substring_regex(filled, _INVISIBLE_ONLY).to_numpy(zero_copy_only=False)
    found: npt.NDArray[np.int64] = signs + invisible.astype(np.int64)
    return found
