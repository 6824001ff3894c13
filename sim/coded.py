"""Columns of texts that repeat: which text, and a number behind it, instead of the texts themselves: a run
of Xi'an with five logged worlds needs 320 MB less so."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Coded(NamedTuple):
    """Row i reads texts[code[i]], followed by number[i] where that is not negative."""

    texts: NDArray[np.str_]
    code: NDArray[np.int64]
    number: NDArray[np.int64] | None = None

    def plain(self) -> NDArray[np.str_]:
        """The texts, one a row; as many are put together as there are different ones."""
        if self.number is None:
            return self.texts[self.code]
        address, row = np.unique((self.code << 32) | (self.number + 1), return_inverse=True)
        code, number = address >> 32, (address & 0xFFFFFFFF) - 1
        behind = np.where(number < 0, "", number.astype("U12"))
        return np.char.add(self.texts[code], behind).astype(self.texts.dtype)[row]


Column = NDArray | Coded


def plain(column: Column) -> NDArray:
    return column.plain() if isinstance(column, Coded) else column
