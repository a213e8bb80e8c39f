"""Endorsement policies as text, in the notation of Fabric's own tools.

``AND('Org1MSP.peer', OR('Org2MSP.member', 'Org3MSP.admin'))``, ``OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', …)``:
functions in any case, quotes of either kind; roles are member, admin, client, peer and orderer. Source: Fabric's
documentation of endorsement policies, ``common/policydsl``.
"""

import functools
import re
from collections.abc import Iterator

from fabric_protos.common import policies_pb2
from fabric_protos.msp import msp_principal_pb2

_TOKEN = re.compile(
    r"\s*(?:(?P<mark>[(),])|(?P<number>\d+)|(?P<name>[A-Za-z]+)|(?P<quote>['\"])(?P<principal>.+?)(?P=quote))"
)
_PRINCIPAL = re.compile(r"(?P<msp_id>[A-Za-z0-9.-]+)\.(?P<role>member|admin|client|peer|orderer)")
_MOST_DEEP = 16


@functools.lru_cache(maxsize=256)
def parse(expression: str) -> bytes:
    """Return a serialized ``common.SignaturePolicyEnvelope``; raises ValueError that names what is wrong."""
    reader = _Reader(expression)
    rule = reader.rule(depth=0)
    reader.end()
    envelope = policies_pb2.SignaturePolicyEnvelope(rule=rule, identities=reader.principals.values())
    encoded: bytes = envelope.SerializeToString(deterministic=True)
    return encoded


class _Reader:
    """A recursive-descent reader: a rule is a principal, or a function of rules."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _tokens(expression)
        self._next = next(self._tokens)
        self.principals: dict[str, msp_principal_pb2.MSPPrincipal] = {}

    def rule(self, *, depth: int) -> policies_pb2.SignaturePolicy:
        if depth > _MOST_DEEP:
            raise self._error("it is nested too deeply")
        kind, text = self._take()
        if kind == "principal":
            return policies_pb2.SignaturePolicy(signed_by=self._principal(text))
        if kind != "name" or text.upper() not in {"AND", "OR", "OUTOF"}:
            raise self._error(f"{text!r} is neither AND, OR or OutOf nor a principal in quotes")
        self._expect("(")
        needed = self._number() if text.upper() == "OUTOF" else 0
        rules = [self.rule(depth=depth + 1)]
        while self._next == ("mark", ","):
            self._take()
            rules.append(self.rule(depth=depth + 1))
        self._expect(")")
        if not needed:
            needed = len(rules) if text.upper() == "AND" else 1
        if needed > len(rules):
            raise self._error(f"{needed} out of {len(rules)} can never be")
        return policies_pb2.SignaturePolicy(n_out_of=policies_pb2.SignaturePolicy.NOutOf(n=needed, rules=rules))

    def end(self) -> None:
        if self._next[0]:
            raise self._error(f"{self._next[1]!r} comes after its end")

    def _number(self) -> int:
        kind, text = self._take()
        if kind != "number" or int(text) < 1:
            raise self._error("OutOf begins with how many, from 1 on")
        self._expect(",")
        return int(text)

    def _principal(self, text: str) -> int:
        found = _PRINCIPAL.fullmatch(text)
        if found is None:
            raise self._error(f"{text!r} is no principal such as 'Org1MSP.peer'")
        role = msp_principal_pb2.MSPRole.MSPRoleType.Value(found["role"].upper())
        self.principals.setdefault(
            text,
            msp_principal_pb2.MSPPrincipal(
                principal_classification=msp_principal_pb2.MSPPrincipal.ROLE,
                principal=msp_principal_pb2.MSPRole(msp_identifier=found["msp_id"], role=role).SerializeToString(),
            ),
        )
        return list(self.principals).index(text)

    def _expect(self, mark: str) -> None:
        kind, text = self._take()
        if (kind, text) != ("mark", mark):
            raise self._error(f"{mark!r} is missing")

    def _take(self) -> tuple[str, str]:
        taken, self._next = self._next, next(self._tokens)
        return taken

    def _error(self, words: str) -> ValueError:
        return ValueError(f"policy {self._expression!r}: {words}")


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    """Iterate over kind and text of each token; after the last one, over ``("", "")`` without end."""
    position, text = 0, expression.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"policy {expression!r}: {text[position:]!r} cannot be read")
        kind = next(kind for kind in ("mark", "number", "name", "principal") if found[kind] is not None)
        yield kind, found[kind]
        position = found.end()
    while True:
        yield "", ""
