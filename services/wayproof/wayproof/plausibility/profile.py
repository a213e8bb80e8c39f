"""Which rules hold for which device model. Values, so that settings say them and a database keeps them as they were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from wayproof.plausibility.copies import CopiedSeries
from wayproof.plausibility.message import ClockDrift, ClockJump, Gap, MessageRule, TwoPlaces
from wayproof.plausibility.position import Speed
from wayproof.plausibility.series import BelowNoise, FlatLine, Range, RateOfChange, SeriesRule

STRICT: Mapping[str, str] = MappingProxyType({"extra": "forbid"})
"""For whoever reads profiles from settings: a name that nothing reads is an error."""


@dataclass(frozen=True, slots=True)
class ExpectedUnit:
    """A measurement in a unit that does not measure it: a temperature in percent.

    No parameters: the units are those of the profile's expectations, and what converts into them.
    """

    code: ClassVar[str] = "unexpected_unit"
    version: ClassVar[int] = 1


@dataclass(frozen=True)
class Expected:
    """What is plausible of one measurement, in one unit (UN/ECE Recommendation 20). What is absent is not judged."""

    __pydantic_config__ = STRICT

    measurement: str
    """The last part of a reading's name: `temperature`."""
    unit: str
    within: Range | None = None
    rate: RateOfChange | None = None
    flat: FlatLine | None = None
    noise: BelowNoise | None = None
    copied: CopiedSeries | None = None

    @cached_property
    def rules(self) -> tuple[SeriesRule, ...]:
        """The rules that judge one number after the other."""
        rules: tuple[SeriesRule | None, ...] = (self.within, self.rate, self.flat, self.noise)
        return tuple(rule for rule in rules if rule is not None)


DEFAULT_EXPECTED = (
    Expected(
        "temperature",
        "CEL",
        within=Range(Decimal(-100), Decimal(100)),  # dry ice (-78.5) to above any vehicle in the sun
        rate=RateOfChange(Decimal(5), step=Decimal(3)),
        flat=FlatLine(after_s=86_400),
        copied=CopiedSeries(),
    ),
    Expected(
        "humidity",
        "P1",
        within=Range(Decimal(0), Decimal(100)),
        rate=RateOfChange(Decimal(20), step=Decimal(20)),
        flat=FlatLine(after_s=172_800),  # saturated air stays saturated
        copied=CopiedSeries(),
    ),
    Expected("battery", "P1", within=Range(Decimal(0), Decimal(100))),
    Expected("battery", "VLT", within=Range(Decimal(0), Decimal(60))),
    Expected("pressure", "PAL", within=Range(Decimal(10_000), Decimal(110_000))),  # a hold at 16 km to the Dead Sea
    Expected("latitude", "DD", within=Range(Decimal(-90), Decimal(90))),
    Expected("longitude", "DD", within=Range(Decimal(-180), Decimal(180))),
    Expected("altitude", "MTR", within=Range(Decimal(-500), Decimal(16_000))),
    Expected("light", "LUX", within=Range(Decimal(0), Decimal(200_000))),  # the sun gives 130,000
    Expected("shock", "MSK", within=Range(Decimal(-50_000), Decimal(50_000))),
)


@dataclass(frozen=True)
class Profile:
    """The rules for devices of some models, by their names in the register; what it leaves out is as by default.

    An expectation takes the place of the default one of the same measurement and unit. `off` names codes that are not
    flagged.
    """

    __pydantic_config__ = STRICT

    models: tuple[str, ...] = ()
    expected: tuple[Expected, ...] = ()
    gap: Gap = field(default_factory=Gap)
    clock_drift: ClockDrift = field(default_factory=ClockDrift)
    clock_jump: ClockJump = field(default_factory=ClockJump)
    two_places: TwoPlaces = field(default_factory=TwoPlaces)
    speed: Speed = field(default_factory=Speed)
    off: tuple[str, ...] = ()

    @cached_property
    def message_rules(self) -> tuple[MessageRule, ...]:
        """The rules about a stream's messages."""
        return self.gap, self.clock_drift, self.clock_jump, self.two_places

    def of(self, measurement: str) -> Sequence[Expected]:
        """Return what is expected of a measurement, in one unit or several."""
        return self._by_measurement.get(measurement, ())

    @cached_property
    def _by_measurement(self) -> Mapping[str, Sequence[Expected]]:
        found = dict[str, list[Expected]]()
        for it in self.expected:
            found.setdefault(it.measurement, []).append(it)
        return found

    def completed(self) -> "Profile":
        """Return the profile with the default expectations behind its own."""
        own = {(it.measurement, it.unit) for it in self.expected}
        rest = (it for it in DEFAULT_EXPECTED if (it.measurement, it.unit) not in own)
        return replace(self, expected=(*self.expected, *rest))


VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        **{
            rule.code: rule.version
            for rule in (
                ExpectedUnit, Range, RateOfChange, FlatLine, BelowNoise, CopiedSeries, Gap, ClockDrift, ClockJump,
                TwoPlaces, Speed,
            )
        },
        Speed.teleport: Speed.version,
    }
)  # fmt: skip
"""Every code that a flag may have, and the version of its rule: another meaning gets another number."""


MOST_RUNS = 1_000_000
"""About eight million readings whose numbers move: years of twenty devices, days of a thousand."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Everything that flags depend on besides the messages: the rules' versions, and a profile for every model."""

    versions: Mapping[str, int]
    profiles: tuple[Profile, ...]
    """Complete; the last one, without models, is for all others."""
    most_runs: int = MOST_RUNS
    """Runs that are known as somebody's, the newest ones: what was copied from before them is not found."""

    def profile(self, model: str) -> Profile:
        """Return the first profile that names a model, or the one for all others."""
        return next(it for it in self.profiles if model in it.models or not it.models)


def rule_set(profiles: tuple[Profile, ...] = (), *, most_runs: int = MOST_RUNS) -> RuleSet:
    """Return this program's rules with some models' own profiles; one without models replaces the default."""
    return RuleSet(dict(VERSIONS), tuple(it.completed() for it in (*profiles, Profile())), most_runs)
