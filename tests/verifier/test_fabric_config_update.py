"""A config update counts when those who may have signed it, and when it leads to what the block says."""

from collections.abc import Sequence
from typing import Any

import pytest

from support.fabric_certificates import Authority, Member, raw
from support.fabric_channel import ANY, CHANNEL, Channel, meta, organisation_group
from wayproof_verifier.errors import ConfigError, PolicyError, VerificationError
from wayproof_verifier.fabric.block import header_hash, read_block
from wayproof_verifier.fabric.chain import ConfigChain, read_config_chain

MADE = Channel()
GENESIS = raw(MADE.config_block())
ONE, TWO, THREE = MADE.admins
CLIENT = MADE.organisations[1].member("client")


def walk(update: Any = None, **options: Any) -> ConfigChain:  # noqa: ANN401 - an official envelope
    pin = header_hash(read_block(GENESIS).header)
    later = MADE.config_block(5, sequence=1, update=update, **options)
    return read_config_chain([GENESIS, raw(later)], channel_id=CHANNEL, genesis_hash=pin)


def test_signed_by_a_majority_of_admins() -> None:
    assert walk(MADE.update(1, signers=(TWO, THREE))).latest.sequence == 1


@pytest.mark.parametrize("signers", [(), (ONE,), (ONE, ONE), (ONE, CLIENT)])
def test_signed_by_too_few(signers: Sequence[Member]) -> None:
    with pytest.raises(PolicyError, match="/Channel/Application/Admins"):
        walk(MADE.update(1, signers=signers))


def test_a_bad_signature_counts_for_nothing() -> None:
    stranger = Authority("Org3MSP").member("admin")
    assert walk(MADE.update(1, signers=(ONE, stranger, TWO))).latest.sequence == 1
    with pytest.raises(PolicyError):
        walk(MADE.update(1, signers=(ONE, stranger)))
    with pytest.raises(PolicyError):
        walk(MADE.update(1, spoil_signature=lambda each: setattr(each, "signature", b"")))


def test_an_organisation_joins() -> None:
    new = organisation_group(Authority("Org4MSP"))

    def join(update: Any) -> None:  # noqa: ANN401
        read, write = update.read_set.groups["Application"], update.write_set.groups["Application"]
        for name in ("Org1MSP", "Org2MSP", "Org3MSP"):
            read.groups[name].SetInParent()
            write.groups[name].SetInParent()
        for name in ("Endorsement", "Admins"):
            read.policies[name].SetInParent()
            write.policies[name].Clear()
        write.groups["Org4MSP"].CopyFrom(new)
        write.version, write.mod_policy = 1, "Admins"

    def joined(config: Any) -> None:  # noqa: ANN401
        application = config.channel_group.groups["Application"]
        application.groups["Org4MSP"].CopyFrom(new)
        application.policies["Endorsement"].version, application.version = 0, 1

    chain = walk(MADE.update(1, spoil_update=join), spoil_config=joined)
    assert "Org4MSP" in chain.latest.application_organisations
    with pytest.raises(PolicyError):
        walk(MADE.update(1, spoil_update=join, signers=(ONE,)), spoil_config=joined)

    def join_unasked(update: Any) -> None:  # noqa: ANN401
        update.write_set.groups["Application"].groups["Org4MSP"].CopyFrom(new)

    with pytest.raises(ConfigError, match="not what its update leads to"):
        walk(MADE.update(1, spoil_update=join_unasked, signers=(ONE, TWO)), spoil_config=joined)


def _endorsement(update: Any) -> Any:  # noqa: ANN401
    return update.write_set.groups["Application"].policies["Endorsement"]


SPOILT: dict[str, Any] = {
    "another_channel": lambda update: setattr(update, "channel_id", "other"),
    "reads_nothing": lambda update: update.ClearField("read_set"),
    "read_another_version": lambda update: setattr(update.read_set.groups["Application"], "version", 3),
    "read_what_is_not_there": lambda update: update.read_set.groups["Nobody"].SetInParent(),
    "changes_nothing": lambda update: update.write_set.CopyFrom(update.read_set),
    "version_skipped": lambda update: setattr(_endorsement(update), "version", 2),
    "new_at_another_version": lambda update: setattr(update.write_set.values["New"], "version", 1),
    "another_content": lambda update: _endorsement(update).policy.CopyFrom(meta("Endorsement", ANY)),
    "names_what_is_not_there": lambda update: setattr(update.write_set.groups["Application"], "version", 1),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_update_is_refused(name: str) -> None:
    with pytest.raises(VerificationError) as caught:
        walk(MADE.update(1, spoil_update=SPOILT[name]))
    assert type(caught.value) is ConfigError


def test_what_the_update_does_not_say_is_refused() -> None:
    def weaken(config: Any) -> None:  # noqa: ANN401
        policy = config.channel_group.groups["Orderer"].policies["BlockValidation"]
        policy.mod_policy = "Writers"

    with pytest.raises(ConfigError, match="not what its update leads to"):
        walk(spoil_config=weaken)


def test_something_else_in_its_place_is_refused() -> None:
    with pytest.raises(ConfigError, match="no config update"):
        walk(MADE.update(1, header_type=3))
    without_header = MADE.update(1)
    without_header.payload = b""
    with pytest.raises(ConfigError, match="without a header"):
        walk(without_header)
