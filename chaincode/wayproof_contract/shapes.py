"""The shapes of arguments, as data: a shape is a function that returns a value in its one form or refuses it.

Everything that enters the contract passes through here first, so the rules can rely on types, ranges and members.
Unknown members are refused: what nobody reads, nobody has agreed to.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from wayproof_contract.canonical import MAX_INTEGER
from wayproof_contract.errors import ContractError

Shape = Callable[[Any], Any]

MAX_TEXT = 2000
MAX_NAME = 128
MAX_ITEMS = 1000
MAX_SCALE = 15

P256_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04")
"""SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480), up to the coordinates."""
ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), up to the key."""
_P256_PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_KEY_SIZES = MappingProxyType({P256_PREFIX: 64, ED25519_PREFIX: 32})


def members(required: Mapping[str, Shape], optional: Mapping[str, Shape] = MappingProxyType({})) -> Shape:
    """Return the shape of an object with exactly these members."""

    def shape(value: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON holds
        if not isinstance(value, dict):
            raise _malformed("expected an object")
        for name in sorted(required.keys() - value.keys()):
            raise _malformed(f"{name} is missing")
        for name in sorted(value.keys() - required.keys() - optional.keys()):
            raise _malformed(f"{name} is not known here")
        shapes = {**required, **optional}
        return {name: _inside(name, shapes[name], value[name]) for name in sorted(value)}

    return shape


def items(shape: Shape, *, least: int = 0, most: int = MAX_ITEMS) -> Shape:
    """Return the shape of an array of `least` to `most` values."""

    def check(value: Any) -> list[Any]:  # noqa: ANN401
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise _malformed(f"expected an array of {least} to {most} values")
        return [_inside(str(place), shape, item) for place, item in enumerate(value)]

    return check


def text(*, most: int = MAX_TEXT, least: int = 0) -> Shape:
    """Return the shape of a text."""

    def check(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise _malformed(f"expected a text of {least} to {most} characters")
        return value

    return check


def pattern(expression: str, *, name: str) -> Shape:
    """Return the shape of a text that matches an expression wholly."""
    compiled = re.compile(expression, re.ASCII)

    def check(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise _malformed(f"expected {name}: {expression}")
        return value

    return check


def integer(*, least: int = 0, most: int = MAX_INTEGER) -> Shape:
    """Return the shape of an integer in a range."""

    def check(value: Any) -> int:  # noqa: ANN401
        if type(value) is not int or not least <= value <= most:
            raise _malformed(f"expected an integer from {least} to {most}")
        return value

    return check


def choice(*values: str) -> Shape:
    """Return the shape of one of some words."""

    def check(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str) or value not in values:
            raise _malformed(f"expected one of {', '.join(values)}")
        return value

    return check


def gs1(check: Callable[[str], str]) -> Shape:
    """Return the shape of a GS1 key."""

    def shape(value: Any) -> str:  # noqa: ANN401
        if not isinstance(value, str):
            raise _malformed("expected a GS1 key as text")
        return check(value)

    return shape


def public_key(*prefixes: bytes) -> Shape:
    """Return the shape of a SubjectPublicKeyInfo in base64, of one of some kinds of key."""

    def check(value: Any) -> str:  # noqa: ANN401
        der = _base64(value)
        for prefix in prefixes:
            if der.startswith(prefix) and len(der) == len(prefix) + _KEY_SIZES[prefix]:
                if prefix == P256_PREFIX and not _is_on_p256(der[len(prefix) :]):
                    raise _malformed("expected a point on the curve P-256")
                return str(value)
        raise _malformed("expected a public key of the agreed kind: SubjectPublicKeyInfo DER in base64")

    return check


def _is_on_p256(point: bytes) -> bool:
    """Tell whether y^2 = x^3 - 3x + b holds (NIST SP 800-186, §3.2.1.3): no other point can verify anything."""
    x, y = int.from_bytes(point[:32]), int.from_bytes(point[32:])
    in_field = x < _P256_PRIME and y < _P256_PRIME
    return in_field and (y * y - x**3 + 3 * x - _P256_B) % _P256_PRIME == 0


def _base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise _malformed("expected base64")
    try:
        der = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("expected base64") from error
    if base64.b64encode(der).decode() != value:
        raise _malformed("expected base64 in its one form")
    return der


def _inside(name: str, shape: Shape, value: object) -> object:
    try:
        return shape(value)
    except ContractError as error:
        raise ContractError(error.code, f"{name}: {error.message}") from None


def _malformed(message: str) -> ContractError:
    return ContractError("malformed_argument", message)
