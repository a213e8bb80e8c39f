"""Cold-chain verdicts, defined once (docs/reference/coldchain.md). Pure: no I/O, no clock, integers.

found = excursions(readings, device_id=…, stream=…, limits=[Limit.from_record(…)], as_of_ms=…)
unrecorded(found, gsin=…, recorded=head["excursions"])   # arguments of record_excursion, without gsin
standing(head["excursions"])                             # the verdicts that count
summaries(readings, limits=…, as_of_ms=…, custody=[("ShipperMSP", since_ms, until_ms)])
"""

from wayproof_verifier.coldchain.excursions import Excursion, excursions
from wayproof_verifier.coldchain.kinetics import MeanKineticTemperature, mean_kinetic_temperature
from wayproof_verifier.coldchain.limits import LIMITS_1, Limit, Rule
from wayproof_verifier.coldchain.summary import CustodyShare, Exposure, Summary, summaries
from wayproof_verifier.coldchain.verdicts import (
    excursion_key,
    next_excursion_id,
    standing,
    supersedes,
    to_record,
    unrecorded,
)

__all__ = [
    "LIMITS_1",
    "CustodyShare",
    "Excursion",
    "Exposure",
    "Limit",
    "MeanKineticTemperature",
    "Rule",
    "Summary",
    "excursion_key",
    "excursions",
    "mean_kinetic_temperature",
    "next_excursion_id",
    "standing",
    "summaries",
    "supersedes",
    "to_record",
    "unrecorded",
]
