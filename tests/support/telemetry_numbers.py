"""Exact numbers written out, the way back from `decimals.from_text`."""


def to_text(integer: int, *, scale: int) -> str:
    """Write integer · 10^-scale as a JSON number without an exponent, with exactly `scale` digits after the point."""
    sign = "-" if integer < 0 else ""
    digits = str(abs(integer)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"
