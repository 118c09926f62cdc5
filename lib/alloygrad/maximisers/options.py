"""Options of the maximisers: one frozen dataclass for each method.

    maximise(acquire, space, options={"starts_per_element": 16}, rng=rng)
    maximise(acquire, space, options=AscentOptions(starts_per_element=16), rng=rng)

Names, types and values are checked when the options are built, before any search begins.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, get_args

FEW = 5
"""Up to so many elements a space has "few" elements, and above it "many". Defaults of None depend on this."""


class _Rule(NamedTuple):
    expected: str
    holds: Callable[[Any], bool]


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least  # type: ignore[operator]  # order


def _is_positive(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < value < inf  # type: ignore[operator]  # order


def _are_whole(values: Any) -> bool:
    return isinstance(values, tuple) and len(values) > 0 and all(_is_whole(value, 1) for value in values)


Whole = Annotated[int, _Rule("a whole number ≥ 1", lambda value: _is_whole(value, 1))]
Stage = Annotated[int, _Rule("a whole number ≥ 0 (0 skips the stage)", lambda value: _is_whole(value, 0))]
Positive = Annotated[float, _Rule("a finite number > 0", _is_positive)]
Sizes = Annotated[tuple[int, ...], _Rule("a tuple of whole numbers ≥ 1, as in (1, 2, 4)", _are_whole)]
Flag = Annotated[bool, _Rule("True or False", lambda value: isinstance(value, bool))]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base class: checks every field against the rule of its type. Raises ValueError for a wrong type or value."""

    maximiser: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            optional = field.default is None  # its type is then a union of the annotated type and None
            annotated: Any = get_args(field.type)[0] if optional else field.type
            (rule,) = annotated.__metadata__
            if not (rule.holds(value) or (optional and value is None)):
                raise ValueError(
                    f"Expected {rule.expected}{', or None,' if optional else ''} for the option {field.name!r} of "
                    f"{type(self).__name__}; got {value!r}. Correct it, or leave it out to use {field.default!r}."
                )


@dataclass(frozen=True, kw_only=True)
class AscentOptions(Options):
    """How `ascent` searches. Lengths are atomic fractions; counts are of compositions unless stated otherwise.

    The defaults were tuned on log EI in states of campaigns. With three to five elements, enumeration gave the maximum
    to find; with six to thirty, the best result of all methods and of twenty ascents stood in for it.
    """

    maximiser = "ascent"

    # What users most often change
    starts_per_element: Positive | None = None  # gradient ascents per element; None: 8, and at least `least_starts`
    screen: Whole | None = None  # random compositions evaluated first; smaller grids are enumerated; None: 4096, 16384
    certificate: Flag = False  # whether to enumerate the grid as well and report the gap to its maximum; slow

    # Screen
    centres: Whole = 5  # best measured, or best known, compositions around which new ones are drawn
    reach: Whole = 6  # around them, up to 2^reach grid steps are exchanged at a time

    # Starts
    least_starts: Whole | None = None  # None: 384 among many elements, 1 among few or if starts_per_element is given
    min_distance: Positive = 0.03  # of two starts chosen for their value, as the largest difference of a fraction
    beside_one_in: Whole = 6  # many elements: one start in so many lies next to the best measured ones and is kept

    # Projected gradient
    batches: Whole = 20  # batched gradients for all starts
    best_one_in: Whole | None = None  # one start in so many ascends further; None: 16 among few elements, 4 among many
    least_best: Whole = 8  # but at least so many
    best_batches: Whole = 20  # batched gradients for these
    memory: Whole = 10  # a step may lower the value as far as the least of so many previous ones
    longest_step: Positive = 0.5  # largest change of a fraction in one step, before projection

    # Exchanges on the grid
    climbers: Whole | None = None  # climbs; None: 64 among few elements, 40 among many
    rounds: Whole = 60  # batched exchanges in one climb, at most
    exchange_sizes: Sizes = (1, 2, 4, 8, 16, 32)  # grid steps exchanged between two elements; many: every other size
    all_pairs: Whole = 7  # up to so many elements, all pairs are tried, and all small changes of several elements
    promising_pairs: Whole = 24  # beyond them: pairs tried for the gain that the gradient promises
    random_pairs: Stage = 8  # and pairs tried at random
    steepest_takers: Whole = 3  # elements that may take all of another one: those of steepest ascent
    largest_takers: Whole = 2  # and the most abundant ones

    # Replaced elements, among many elements. What an end is worth shows only once it has climbed.
    short_climbs: Whole = 160  # climbs before the worse ends are dropped
    short_rounds: Whole = 4  # batched exchanges in each of them
    replaced: Whole = 4  # best compositions in which one element is replaced
    replacements: Stage = 160  # replacements tried, at most
    replacement_batches: Whole = 12  # batched gradients of their ascents
    replacement_climbs: Whole = 80  # climbs from their ends

    # Rounds around the best composition so far
    nearby_rounds: Stage = 6  # rounds, at most
    nearby_draws: Whole = 512  # compositions drawn in each round
    patience: Whole | None = None  # rounds in a row without gain that end them; None: 2 with few elements, 1 with many
    polished: Whole = 64  # many elements: short ascents in each round
    polish_batches: Whole = 8  # batched gradients of these ascents

    # Ridges narrower than a grid step, among many elements
    ridge_rounds: Stage = 6  # rounds, at most
    ridge_centres: Whole = 4  # best compositions whose ridges are followed
    ridge_batches: Whole = 30  # batched gradients of the ascent to the top of a ridge
    ridge_sizes: Sizes = (1, 2, 4)  # grid steps exchanged between two elements
    ridge_sums: Whole = 16384  # sums of two exchanges ranked by the quadratic model; of more, so many at random
    ridge_beam: Whole = 16  # compositions from which the model goes on
    ridge_depth: Whole = 4  # times that the model goes on
    ridge_given: Whole = 64  # compositions of each ridge that are evaluated
    ridge_climbers: Whole = 8  # climbs by exchanges from them

    def __post_init__(self) -> None:
        super().__post_init__()
        if (most := 2 * self.ridge_depth * max(self.ridge_sizes)) > 127:
            raise ValueError(
                f"Expected 2 × ridge_depth × the largest of ridge_sizes ≤ 127, which fits one byte; got {most}. "
                "Lower one of the two."
            )

    def resolved(self, n_elements: int) -> "AscentOptions":
        """The same options, with a number for each None that depends on the number of elements."""
        many, given = n_elements > FEW, self.starts_per_element is not None
        defaults: dict[str, Any] = {
            "starts_per_element": 8,
            "screen": (4096, 16384)[many],
            "least_starts": 384 if many and not given else 1,  # six elements have as many basins as forty
            "best_one_in": (16, 4)[many],
            "climbers": (64, 40)[many],
            "patience": (2, 1)[many],
        }
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})


DEFAULTS = AscentOptions()


@dataclass(frozen=True, kw_only=True)
class LatticeOptions(Options):
    """How `lattice` searches: fields of `AscentOptions`, with the same meaning and defaults."""

    maximiser = "lattice"

    screen: Whole | None = None
    climbers: Whole | None = None
    nearby_rounds: Stage = DEFAULTS.nearby_rounds

    def resolved(self, n_elements: int) -> AscentOptions:
        """The options of an ascent that makes the same screen and exchanges."""
        shared: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(DEFAULTS, **shared).resolved(n_elements)


@dataclass(frozen=True, kw_only=True)
class SlsqpOptions(Options):
    """How `slsqp` searches."""

    maximiser = "slsqp"

    starts_per_element: Positive = 20  # SLSQP searches per element


@dataclass(frozen=True, kw_only=True)
class RandomOptions(Options):
    """How `random_search` searches."""

    maximiser = "random_search"

    draws: Whole | None = None  # random compositions; None: 20 per element


@dataclass(frozen=True, kw_only=True)
class CascadeOptions(Options):
    """How `cascade` searches."""

    maximiser = "cascade"

    kept: Whole = 20_000  # best points of the screen, which the whole ensemble evaluates
    drawn: Whole = 5_000  # points drawn at random, in case that the screen errs
    chunk: Whole = 2**14  # points screened at once


@dataclass(frozen=True, kw_only=True)
class EnumerationOptions(Options):
    """How `enumeration` searches."""

    maximiser = "enumeration"

    chunk: Whole = 2**17  # compositions held in memory at a time


Kind = TypeVar("Kind", bound=Options)


def build(kind: type[Kind], options: Kind | Mapping | None) -> Kind:
    """Options of type `kind` from an instance, from a mapping of its fields, or from None for all defaults.

    Raises ValueError for anything else, for an unknown name, and for a wrong type or value.
    """
    if isinstance(options, kind):
        return options
    known = [field.name for field in fields(kind)]
    if not isinstance(options, Mapping | None):
        raise ValueError(
            f"Expected an instance of {kind.__name__}, a mapping of its fields, or None as options; got {options!r}. "
            f"Write for example options={{{known[0]!r}: …}}."
        )
    if unknown := [name for name in options or () if name not in known]:
        near = difflib.get_close_matches(str(unknown[0]), known, 5, cutoff=0)
        listed = [f"{name}={getattr(kind, name)!r}" for name in near]
        raise ValueError(
            f"Expected options of the maximiser {kind.maximiser!r}; got {', '.join(map(repr, unknown))}. The nearest "
            f"names, with defaults, are {', '.join(listed)}. All are {', '.join(known)}; "
            f"help({kind.__module__}.{kind.__name__}) describes them."
        )
    return kind(**(options or {}))


@dataclass(frozen=True, kw_only=True)
class MultistartOptions(Options):
    """How `multistart` searches a box, or compositions together with a box."""

    maximiser = "multistart"

    screen: Whole = 2048  # random points evaluated first
    starts: Whole = 12  # of these, so many climb
    rounds: Whole = 6  # in turn in the parameters and on the grid
    tries: Whole = 200  # random steps of a climb without gradients


@dataclass(frozen=True, kw_only=True)
class ExchangeOptions(Options):
    """How `exchange` searches compositions under further limits."""

    maximiser = "exchange"

    screen: Whole = 4096  # random compositions evaluated first
    starts: Whole = 16  # of these, so many climb
    rounds: Whole = 100  # exchanges of each climb, at most
