"""Texts as numbers, the way the file is said to write them, and no other way."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
_SPACES = ("\u00a0", "\u202f", "\u2009")
"""What typographers put between thousands; read like a plain space."""


class Numbers(NamedTuple):
    """Values, NaN where there is none; `missing` is left blank, `bad` is no number. Shape (n,) each."""

    values: NDArray[np.float64]
    missing: Mask
    bad: Mask


@dataclass(frozen=True)
class Notation:
    """How numbers are written: `decimal` mark, `thousands` separator ("" for none), words for a missing value."""

    decimal: str = "."
    thousands: str = ""
    missing: Sequence[str] = ("", "-")

    def read(self, column: pa.Array) -> Numbers:
        """Numbers of a column: texts, or what is a number already."""
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return _given(column)
        texts = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
        missing = _mask(pc.is_in(texts, pa.array(self._blank, texts.type)))
        plain = texts
        for space in _SPACES if self.thousands == " " else ():
            plain = pc.replace_substring(plain, space, " ")
        fits = pc.match_substring_regex(plain, self._pattern)
        if self.thousands:
            plain = pc.replace_substring(plain, self.thousands, "")
        if self.decimal != ".":
            plain = pc.replace_substring(plain, self.decimal, ".")
        plain = pc.utf8_ltrim(plain, "+")  # allowed by the pattern, unknown to the conversion
        numbers = pc.if_else(fits, plain, pa.scalar(None, plain.type)).cast(pa.float64())
        values = numbers.to_numpy(zero_copy_only=False)
        return Numbers(np.where(missing, np.nan, values), missing, ~missing & ~np.isfinite(values))

    @cached_property
    def _blank(self) -> list[str]:
        return ["", *self.missing]

    @cached_property
    def _pattern(self) -> str:
        decimal = re.escape(self.decimal)
        whole = r"\d+"
        if self.thousands:
            whole = rf"(?:\d+|\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+)"
        return rf"^[+-]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?$"


def _given(column: pa.Array) -> Numbers:
    missing = _mask(pc.is_null(column))
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return Numbers(values, missing, ~missing & ~np.isfinite(values))


def _mask(found: pa.BooleanArray) -> Mask:
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)
