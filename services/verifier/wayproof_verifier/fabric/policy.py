"""Policies of a channel configuration, evaluated over verified identities."""

from collections.abc import Collection, Iterable

from wayproof_verifier.fabric.config import ChannelConfig
from wayproof_verifier.fabric.identity import Identity


def check_policy(
    config: ChannelConfig, *, path: str, identities: Iterable[Identity], organisations: Collection[str] | None = None
) -> None:
    """Raise `PolicyError` unless the identities satisfy the policy at `path`, `/Channel/Application/Endorsement` say.

    Only identities of `organisations` (MSP ids of the trust root) count when given; a majority is still one of all
    organisations of the configuration.
    """
    raise NotImplementedError
