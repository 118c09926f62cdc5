"""Checks of arguments that several packages share."""

import difflib
import functools
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from numbers import Integral, Real
from sys import float_info
from types import ModuleType
from typing import Any, TypeGuard, TypeVar

import numpy as np
import pandas as pd
from torch import Tensor

from alloygrad.symbols import CHEMICAL_SYMBOLS

TOLERANCE = 0.002
"""Fractions of a composition may sum to 1 ± this, for decimal rounding."""

ROUNDING = 1e-9
"""Room for the binary rounding of decimal fractions."""

LEAST_ROWS = 5
"""A model of one input has four numbers to learn (lengthscale, output scale, mean, noise): one measurement more."""


MOST_COMPARED = 10_000
"""So many names are compared with a wrong one, at most."""


OTHER_WORDS = {
    "acquisition": "acq strategy",
    "at_least": "min minimum lower least above",
    "at_most": "max maximum upper most below",
    "budget": "n n_calls n_iter iterations max_calls max_iter",
    "cost": "price prices",
    "exclude": "measured",
    "inputs": "features descriptors",
    "log_ei": "ei expected_improvement",
    "maximiser": "optimizer optimiser solver search",
    "mean": "average avg",
    "min_distance": "distance spacing",
    "noise": "alpha sigma",
    "objective": "target goal aim",
    "options": "starts n_starts",
    "pending": "exclude running",
    "posterior": "predict",
    "q": "n number batch batch_size n_suggestions n_experiments number_of_experiments",
    "read_table": "read_csv read_excel load",
    "seed": "random_state random_seed rng",
    "selected": "features",
    "suggest": "propose recommend next",
    "std": "error errors sigma uncertainty yerr",
    "surrogate": "model kernel estimator regressor",
    "table": "head frame dataframe data",
    "target": "goal aim outcome",
    "targets": "y values",
    "tell": "fit add train observe update",
    "unit": "units",
}
"""What other programs call the same: a name that is asked for, and words for which it may be meant."""


OWN = ("self", "cls")
"""First arguments of methods, which nobody writes."""


class UnknownName(KeyError, ValueError):
    """A name that is not in a table; both a KeyError and, as all refused arguments, a ValueError."""

    __str__ = Exception.__str__  # that of KeyError shows the message in quotation marks


Called = TypeVar("Called", bound=Callable)


def explained(example: str, surplus: str = "") -> Callable[[Called], Called]:
    """Return a decorator for a public class or function: arguments that do not fit it raise a TypeError in words.

    The message lists the arguments, names the one that is wrong, and shows the `example`. Of a class, an attribute that
    is not there is explained as well. surplus: the message, with {0} for the first value and so on, where more values
    come without a name than may.
    """

    def decorate(called: Called) -> Called:
        function = called.__init__ if isinstance(called, type) else called  # type: ignore[misc]  # its own __init__

        @functools.wraps(function)
        def checked(*values: Any, **named: Any) -> Any:
            try:
                return function(*values, **named)
            except TypeError:
                if not (reason := _misfit(function, values, named)):
                    raise
                if surplus and " values without a name" in reason:
                    own = values[1:] if isinstance(called, type) else values
                    raise TypeError(surplus.format(*map(shown, own))) from None
                raise TypeError(f"{reason} Write for example {example}.") from None

        if isinstance(called, type):
            called.__init__ = checked  # type: ignore[misc]
            called.__getattr__ = _no_attribute  # type: ignore[attr-defined]
            return called
        return checked  # type: ignore[return-value]  # takes and returns the same

    return decorate


def _no_attribute(one: Any, name: str) -> Any:
    """Raise AttributeError with the public names of an object, where it does not have this one."""
    kind = type(one)
    if name.startswith("_") or hasattr(kind, name):  # asked for by Python; or it is there, and failed
        return object.__getattribute__(one, name)
    known = [known for known in dir(one) if not known.startswith("_")]
    raise AttributeError(f"{kind.__name__} has no {name!r}.{nearest(name, known)} It has {', '.join(known)}.")


def _misfit(function: Callable, values: tuple, named: Mapping[str, Any]) -> str:
    """Say why arguments do not fit a function; "" where they do."""
    taken = inspect.signature(function)
    try:
        taken.bind(*values, **named)
    except TypeError:
        pass
    else:
        return ""
    places = [name for name, one in taken.parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [name for name, one in taken.parameters.items() if one.default is one.empty and one.kind not in starred]
    names = [name for name, one in taken.parameters.items() if name not in OWN and one.kind is not one.VAR_KEYWORD]
    given = places[: len(values)]
    if unknown := [name for name in named if name not in names]:
        got = f"there is no argument {unknown[0]!r}.{nearest(unknown[0], names)}"
    elif len(values) > len(places):
        own = len([name for name in places if name not in OWN])
        got = f"got {len(values) - len(places) + own} values without a name, {own} at most."
        got += f" Name the others, as in {names[own]}=…." if len(names) > own else ""
    elif twice := [name for name in given if name in named]:
        got = f"got {twice[0]!r} twice."
    else:
        got = f"{next(name for name in needed if name not in (*given, *named))!r} is missing."
    return f"Expected {function.__qualname__.removesuffix('.__init__')}({', '.join(names)}); {got}"


def warn(text: str) -> None:
    """Issue a UserWarning that points at the line outside this library from which the call came."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "alloygrad":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, UserWarning, stacklevel=level)


def require_whole(least: int, advised: int = 1, because: str = "", /, **named: Any) -> None:
    """Raise ValueError, by name, unless each value is a whole number ≥ `least`; the message shows `advised`.

    because: why it may not be smaller, where that is not plain.
    """
    for name, value in named.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            why = f" ({because})" if because else ""
            raise ValueError(
                f"Expected {name} as a whole number ≥ {least}{why}; got {name} = {value!r}. Pass for example "
                f"{name}={max(least, advised)}."
            )


def is_number(value: Any, most: float = float_info.max) -> TypeGuard[float]:
    """Return whether a value is one finite number, of at most this size; True and False are none."""
    value = value.item() if isinstance(value, np.generic) else value
    return isinstance(value, Real) and not isinstance(value, bool) and abs(value) <= most  # type: ignore[operator]  # order


def require_known(what: str, name: str, known: Collection[str]) -> None:
    """Raise ValueError unless `name` is one of `known`, with the nearest of them."""
    if not isinstance(name, str) or name not in known:
        hint = nearest(name, known) or " Choose one of these."
        raise ValueError(f"Expected {what} to be one of {sorted(known)}; got {name!r}.{hint}")


def nearest(name: Any, known: Iterable[Any], most: int = 1) -> str:
    """Return " Is … meant?" with the `most` names in `known` that are nearest to `name`; "" if none is near."""
    near = near_names(name, known)[:most]
    return f" Is {' or '.join(map(repr, near))} meant?" if near else ""


def near_names(name: Any, known: Iterable[Any]) -> list:
    """Return names in `known` that are spelt like `name`, then those with the same words and more, as HV and Hv_10."""
    lower, asked = {}, str(name).lower()
    for one in islice(known, MOST_COMPARED):
        if str(one).lower() not in lower or str(one)[:1] == str(name)[:1]:  # of maximise and Maximise, as asked
            lower[str(one).lower()] = one
    meant = [text for text, others in OTHER_WORDS.items() if text in lower and asked in others.split()]
    meant = [asked] if asked in lower else meant
    alike, words = difflib.get_close_matches(asked, lower, n=3), _words(asked)
    shared = [text for text in lower if words and (own := _words(text)) and (words <= own or own <= words)]
    return [lower[text] for text in dict.fromkeys([*meant, *alike, *shared])]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text))


def require_number(least: float, most: float, unit: str = "", **named: Any) -> None:
    """Raise ValueError, by name, unless each value is one number from `least` to `most`."""
    for name, value in named.items():
        if not (is_number(value) and least <= value <= most):
            raise ValueError(
                f"Expected {name} as one number from {least:g} to {most:g}{unit}; got {name} = {value!r}. Pass a "
                "number within these limits, without quotation marks."
            )


def require_callable(what: str, value: Any, example: str) -> None:
    """Raise TypeError unless a value can be called; `example` says what to pass."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"Expected {what} as a function; got {shown(value)}. Pass {example}.")


def require_arguments(
    what: str, function: Any, names: Sequence[str], before: Sequence[str] = (), elsewhere: Sequence[str] = ()
) -> None:
    """Raise TypeError unless a function takes arguments of these names, after `before`; cheap ones are `elsewhere`."""
    wanted = f"({', '.join([*before, *names])})"
    require_callable(what, function, f"a function of {wanted}")
    try:
        taken = inspect.signature(function)
    except (TypeError, ValueError):  # functions that were compiled need not say what they take
        return
    try:
        taken.bind(*before, **dict.fromkeys(names))
    except TypeError:
        advice = _mended(taken, names, before, elsewhere) if names else "Let it take these."
        raise TypeError(f"Expected {what} to take {wanted}; it takes {taken}. {advice}") from None


def _mended(taken: inspect.Signature, names: Sequence[str], before: Sequence[str], elsewhere: Sequence[str]) -> str:
    starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # need not be given
    needed = [name for name, one in taken.parameters.items() if one.default is one.empty and one.kind not in starred]
    further = [name for name in needed[len(before) :] if name not in names]
    lacking = [name for name in names if name not in taken.parameters]
    if cheap := [name for name in further if name in elsewhere]:
        return f"{cheap[0]!r} is cheap: take it in `observe`, or leave cheap=True out."
    if further and not lacking:
        return f"{further[0]!r} has no parameter: add Parameter({further[0]!r}, …), or give it a default value."
    if lacking and not further:
        return f"Let it take {lacking[0]!r} as well, or leave this parameter out."
    return "Give each argument the name of its parameter."


def require_kind(what: str, value: Any, kind: type, advice: str) -> None:
    """Raise TypeError unless a value is an instance of a class; `advice` says what to pass."""
    if not isinstance(value, kind):
        name = {"Sequence": "list", "Mapping": "dict"}.get(kind.__name__, kind.__name__)
        raise TypeError(f"Expected {what} of type {name}; got {shown(value)}. {advice}")


def require_protocol(got: Any, protocol: type, example: str) -> None:
    """Raise TypeError unless `got` is an instance of what `protocol` describes; `example` makes one."""
    if isinstance(got, type) or not isinstance(got, protocol):
        what = protocol.__name__.lower()
        raise TypeError(
            f"Expected {'an' if what[0] in 'aeiou' else 'a'} {what}, as {example}(…) returns one; got {shown(got)}. "
            f"Make one with {example}(…)."
        )


def require_generator(rng: Any) -> None:
    """Raise TypeError for a seed, a legacy generator or a module in place of a NumPy random generator."""
    if rng is None or isinstance(rng, Real | str | np.random.RandomState | ModuleType):
        raise TypeError(f"Expected a random generator as rng; got {shown(rng)}. Pass rng=np.random.default_rng(seed).")


def require_frame(table: Any, names: Collection[str]) -> None:
    """Raise TypeError unless `table` is a DataFrame, ValueError where it has a column of `names` twice."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"Expected a DataFrame with the columns {list(names)}; got {shown(table)}. Make it one with "
            "pd.DataFrame(…)."
        )
    if inside := [name for name in names if name in table.index.names and name not in table]:
        raise ValueError(f"Expected a column {inside[0]!r}; it is the index of the table. Pass `table.reset_index()`.")
    if twice := [name for name in dict.fromkeys(names) if list(table.columns).count(name) > 1]:
        raise ValueError(f"Expected one column of each name; the table has {twice} more than once. Drop the others.")


def distinct_names(values: Any, what: str, example: str = "['Ti', 'Ni']") -> tuple[str, ...]:
    """Return names as a tuple. Raises ValueError for one text in place of a list, an empty name, or one given twice."""
    names = () if isinstance(values, str) or not np.iterable(values) else tuple(values)
    if not names or len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"Expected a list of distinct {what}; got {values!r}. Write for example {example}.")
    return names


def numbers(values: Any, name: str, remedy: str = "") -> np.ndarray:
    """Return values (...) as float64; a ValueError names the first that is no number, then says the `remedy`."""
    if isinstance(values, Tensor):
        values = values.detach()
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        got = _no_number(values)
        mend = "Correct it, or leave the row out." if " in row " in got else "Pass numbers."
        raise ValueError(f"Expected numbers for {name!r}; got {got}. {remedy or mend}") from None


def _no_number(values: Any) -> str:
    """What of some values (...) is no number, and where."""
    try:
        found = np.asarray(values, dtype=object)
        uneven = found.ndim > 0 and any(np.ndim(one) > 0 for one in found.ravel())
    except ValueError:
        uneven = True
    if uneven:
        return f"rows of {', '.join(dict.fromkeys(str(np.size(row)) for row in values))} numbers"
    wrong = np.flatnonzero(pd.to_numeric(pd.Series(found.ravel()), errors="coerce").isna())
    if not found.ndim or not len(wrong):
        return shown(values)
    at = np.unravel_index(wrong[0], found.shape)
    place = ", ".join(f"{word} {i}" for word, i in zip(("row", "column"), at, strict=False))
    return f"{shown_cell(found[at])} in {place}"


def finite_cells(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return columns (rows, n_columns) as float64. Raises ValueError for the first cell that is no finite number."""
    values = table[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    for row, column in np.argwhere(~np.isfinite(values))[:1]:
        name, got = columns[column], shown_cell(table[columns[column]].iloc[row])
        raise ValueError(
            f"Expected a finite number for {name!r} in {row_name(table, row)}; got {got}. Correct it, or drop the row."
        )
    return values


def row_name(table: pd.DataFrame, row: int | np.integer) -> str:
    """Return "row 2", with its label in the index where that is another: "row 2 ('C')"."""
    label = table.index[row]
    return f"row {row}" if label == row else f"row {row} ({label!r})"


def by_symbol(table: pd.DataFrame, elements: Iterable[str], unit: str) -> pd.DataFrame:
    """Return a table with its columns "Ti at.%", as suggestions have them, named by the symbol alone.

    Raises ValueError where both are there and differ.
    """
    names = {name: element for element in elements if (name := f"{element} {unit}") in table}
    both = [name for name, element in names.items() if element in table]
    for name in both:
        if list(table[name]) != list(table[names[name]]):
            raise ValueError(f"Expected one column for {names[name]}; got {name!r} as well, which differs. Drop one.")
    return table.drop(columns=both).rename(columns=names)


def element_column(element: str, wanted: str, names: Iterable[Any], unit: str) -> tuple[str, str]:
    """Return the column that holds an element under another name, "hf" or "Hf_at" ("" if none does), and the remedy.

    No symbol of another element is returned: a column H may hold hardness, and is not hafnium.
    """

    def column(unit: str) -> str:
        form = re.compile(rf"{re.escape(element)}([\W_]+({unit[:2]}[a-z]*[\W_]*)?)?", re.IGNORECASE)
        return next((name for name in map(str, names) if form.fullmatch(name) and name not in CHEMICAL_SYMBOLS), "")

    if like := column(unit):
        return like, f"Rename {like!r} to {wanted!r}."
    for other in ("at.%", "wt.%"):  # 0 in a new column would then be wrong
        if column(other):
            return "", f"Columns in {other} are read from a file, with `read_table(…, unit={other!r})`."
    return "", f"Add a column {wanted!r}, with 0 where the element is absent."


def require_columns(values: np.ndarray, names: Sequence[str], one: bool = False) -> np.ndarray:
    """Return values (..., k) as they are. Raises ValueError unless they have one number for each of k names.

    one: whether they must be (k,).
    """
    if values.shape[-1:] != (len(names),) or (one and values.ndim != 1):
        wanted = f"({'' if one else '..., '}{len(names)}{',' if one else ''})"
        got = f"an array of shape {values.shape}" if values.ndim else shown(values.item())
        raise ValueError(
            f"Expected an array of shape {wanted}, one number for each of {', '.join(names)}; got {got}. Write for "
            f"example {[0] * len(names) if one else [[0] * len(names)]}, with your numbers."
        )
    return values


def real_numbers(what: str, values: Any, shape: tuple[int | str, ...], advice: str) -> np.ndarray:
    """Return a copy of values as float64.

    Raises:
        ValueError: They are not finite real numbers of this shape, where text stands for any length above 0.
    """
    try:
        found = np.asarray(values.detach() if isinstance(values, Tensor) else values)
    except ValueError:  # rows of different lengths
        found = np.array(None)
    found = np.asarray(values, dtype=object) if found.dtype.kind in "US" else found  # of numbers among texts
    fits = found.ndim == len(shape) and all(
        have == want if isinstance(want, int) else have > 0 for have, want in zip(found.shape, shape, strict=True)
    )
    plain = not fits or (found.dtype.kind in "iuf" and np.isfinite(found).all())
    bad = [] if plain else [i for i, one in enumerate(found.ravel().tolist()) if not is_number(one)]
    if fits and not bad:
        return np.array(found, dtype=float)
    if bad:
        at = bad[0] if found.ndim == 1 else tuple(map(int, np.unravel_index(bad[0], found.shape)))
        more = f" ({len(bad)} of {found.size} values are no finite real numbers)" if len(bad) > 1 else ""
        got = f"{shown(found.ravel().tolist()[bad[0]])} at index {at}{more}"
    else:
        got = f"{'values' if found.size else 'no values'} of shape {found.shape}" if found.ndim else shown(values)
    wanted = str(shape).replace("'", "")
    raise ValueError(f"Expected {what} as finite real numbers of shape {wanted}; got {got}. {advice}")


def row_numbers(rows: Any, n: int) -> np.ndarray:
    """Return the numbers of some of n rows, selected by their numbers, a bool (n,), or a slice.

    Raises:
        ValueError: A number that no row has, a mask of another length, or anything else.
    """
    chosen = np.arange(n)[rows] if isinstance(rows, slice) else np.asarray(rows)
    if chosen.dtype == bool and chosen.shape == (n,):
        return np.flatnonzero(chosen)
    if chosen.ndim == 1 and (chosen.dtype.kind in "iu" or not len(chosen)):
        off = (chosen < -n) | (chosen >= n)
        if not off.any():
            return chosen.astype(int)
        got = f"row {chosen[off][0]}"
    else:
        got = f"{shown(rows)} of shape {chosen.shape}"
    raise ValueError(
        f"Expected rows as numbers from 0 to {n - 1}, or as {n} values True or False; got {got}. Select among the {n} "
        "measurements."
    )


def require_fractions(fractions: np.ndarray, tolerance: float = TOLERANCE, remedy: str = "") -> None:
    """Raise ValueError, by row, unless fractions (n, n_elements) are ≥ 0 and sum to 1 ± `tolerance`."""
    sums = fractions.sum(-1)
    sound = (fractions >= -ROUNDING).all(-1) & (np.abs(sums - 1) <= tolerance + ROUNDING)  # false for NaN
    for row in np.flatnonzero(~sound)[:1]:
        mend = "Correct the row, or leave it out."
        if (fractions[row] >= 0).all() and np.isfinite(sums[row]):  # what the sum looks like
            mend = "Divide percentages by 100." if sums[row] > 2 else "Correct the row, or divide it by its sum."
        raise ValueError(
            f"Expected atomic fractions ≥ 0 that sum to 1 (± {tolerance:g}); row {row} is {fractions[row].tolist()} "
            f"(sum {sums[row]:.7g}). {mend}{remedy}"
        )


def require_outcomes(
    outputs: Collection[str], outcomes: Mapping[str, Any] | pd.DataFrame, others: Collection[str] = ()
) -> None:
    """Raise ValueError unless each outcome in `outputs` is among `outcomes`; `others` are columns of something else."""
    if missing := [name for name in outputs if name not in outcomes]:
        names = list(map(str, outcomes))
        known = {*CHEMICAL_SYMBOLS, *others} - {name.capitalize() for name in missing}  # of y, "Y" is no yttrium
        left = [name for name in names if name.removesuffix(" at.%").removesuffix(" wt.%") not in known]
        mend = f"Add a column {missing[0]!r} with what you measured."
        if left:
            mend = f"Rename the column, or name another one in the objective, as in ag.Maximise({left[-1]!r})."
        raise ValueError(
            f"Expected the objective's outcome {missing[0]!r} among the columns; got {', '.join(names) or 'none'}."
            f"{nearest(missing[0], left)} {mend}"
        )


def shown_cell(cell: Any) -> str:
    """Return a cell of a table as it is written in a message."""
    return "an empty cell" if pd.api.types.is_scalar(cell) and pd.isna(cell) else shown(cell)


def shown(value: Any) -> str:
    """Return a value as it is written in a message: on one line, and not too long."""
    if isinstance(value, pd.DataFrame):
        return "a DataFrame"
    if isinstance(value, type) or inspect.isroutine(value):
        kind, name = "class" if isinstance(value, type) else "function", value.__name__
        return f"the {kind} {name}" if name.isidentifier() else "a function"
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return f"{text}{comma(value)}" if len(text) <= 120 else f"{text[:100]} … ({type(value).__name__})"


def comma(value: Any) -> str:
    """Return a note on a text that is a number but for its comma, as "210,1"; "" for any other value."""
    found = isinstance(value, str) and re.fullmatch(r"\s*[-+]?(\d+),(\d+)\s*", value)
    if not found:
        return ""
    thousands = len(found[1]) <= 3 and len(found[2]) == 3
    return f" (with a comma in place of the decimal point{', or between the thousands' if thousands else ''})"
