"""Chaincode lifecycle: install, approve, commit, ask. Proposals to ``_lifecycle``, as the peer CLI makes them."""

from dataclasses import dataclass
from typing import Any

from fabric_protos.peer.lifecycle import lifecycle_pb2

from aiofabric.errors import FabricError
from aiofabric.gateway import Contract
from aiofabric.network.definition import ChaincodeDefinition
from aiofabric.network.endorser import EndorserClient
from aiofabric.network.errors import DeployError
from aiofabric.network.package import ChaincodePackage

LIFECYCLE = "_lifecycle"
_NOT_DEFINED = "is not defined"
_APPROVED_ALREADY = "unchanged content"


@dataclass(frozen=True, slots=True)
class CommittedDefinition:
    """A chaincode's definition as a channel has it.

    Attributes:
        name: the chaincode's name.
        version: its version.
        sequence: how many definitions of this name there have been.
        approvals: by MSP id, whether the organisation approves of it.
        terms: the raw fields that an organisation's approval has to repeat.
    """

    name: str
    version: str
    sequence: int
    approvals: dict[str, bool]
    terms: dict[str, Any]


async def install(peer: EndorserClient, package: ChaincodePackage) -> None:
    """Install a package on a peer; nothing happens if it is there already. Raises DeployError."""
    if package.package_id in await installed(peer):
        return
    args = lifecycle_pb2.InstallChaincodeArgs(chaincode_install_package=package.content)
    answer = await peer.call(LIFECYCLE, [b"InstallChaincode", args.SerializeToString()], error=DeployError)
    package_id = lifecycle_pb2.InstallChaincodeResult.FromString(answer).package_id
    if package_id != package.package_id:
        raise DeployError(f"the peer installed {package_id}, not {package.package_id}: do not trust this peer")


async def installed(peer: EndorserClient) -> frozenset[str]:
    """Return the ids of the packages that a peer has installed. Raises DeployError."""
    args = lifecycle_pb2.QueryInstalledChaincodesArgs().SerializeToString()
    answer = await peer.call(LIFECYCLE, [b"QueryInstalledChaincodes", args], error=DeployError)
    found = lifecycle_pb2.QueryInstalledChaincodesResult.FromString(answer)
    return frozenset(chaincode.package_id for chaincode in found.installed_chaincodes)


async def approve(contract: Contract, terms: dict[str, Any], *, package_id: str, msp_id: str) -> None:
    """Approve of a definition for an organisation, through its own peer's gateway. Raises DeployError.

    Args:
        contract: ``_lifecycle`` of the channel, as the organisation's admin.
        terms: `ChaincodeDefinition.terms`, or those of a `CommittedDefinition`.
        package_id: the package that the organisation's peer has installed.
        msp_id: the organisation: its approval is endorsed by its own peers only.
    """
    source = lifecycle_pb2.ChaincodeSource(local_package=lifecycle_pb2.ChaincodeSource.Local(package_id=package_id))
    args = lifecycle_pb2.ApproveChaincodeDefinitionForMyOrgArgs(**terms, source=source)
    await _submit(contract, "ApproveChaincodeDefinitionForMyOrg", args, endorsing=(msp_id,))


async def approvals(peer: EndorserClient, definition: ChaincodeDefinition, *, channel: str) -> dict[str, bool]:
    """Return by MSP id who approves of exactly this definition, as one peer knows it. Raises DeployError."""
    args = lifecycle_pb2.CheckCommitReadinessArgs(**definition.terms()).SerializeToString()
    answer = await peer.call(LIFECYCLE, [b"CheckCommitReadiness", args], error=DeployError, channel=channel)
    return dict(lifecycle_pb2.CheckCommitReadinessResult.FromString(answer).approvals)


async def commit(contract: Contract, definition: ChaincodeDefinition) -> None:
    """Commit a definition that enough organisations approve of. Raises DeployError."""
    args = lifecycle_pb2.CommitChaincodeDefinitionArgs(**definition.terms())
    await _submit(contract, "CommitChaincodeDefinition", args)


async def committed(peer: EndorserClient, *, channel: str, name: str) -> CommittedDefinition | None:
    """Return a chaincode's definition as one peer has it, None if it has none. Raises DeployError."""
    args = lifecycle_pb2.QueryChaincodeDefinitionArgs(name=name).SerializeToString()
    try:
        answer = await peer.call(LIFECYCLE, [b"QueryChaincodeDefinition", args], error=DeployError, channel=channel)
    except DeployError as error:
        if _NOT_DEFINED in str(error):
            return None
        raise
    found = lifecycle_pb2.QueryChaincodeDefinitionResult.FromString(answer)
    return _definition(name, found, approvals=dict(found.approvals))


async def all_committed(peer: EndorserClient, *, channel: str) -> tuple[CommittedDefinition, ...]:
    """Return every chaincode's definition as one peer has it; approvals are asked for one by one with `committed`.

    Raises DeployError.
    """
    args = lifecycle_pb2.QueryChaincodeDefinitionsArgs().SerializeToString()
    answer = await peer.call(LIFECYCLE, [b"QueryChaincodeDefinitions", args], error=DeployError, channel=channel)
    found = lifecycle_pb2.QueryChaincodeDefinitionsResult.FromString(answer)
    return tuple(_definition(each.name, each, approvals={}) for each in found.chaincode_definitions)


def _definition(name: str, found: Any, *, approvals: dict[str, bool]) -> CommittedDefinition:  # noqa: ANN401 - protobuf
    return CommittedDefinition(
        name=name,
        version=found.version,
        sequence=found.sequence,
        approvals=approvals,
        terms={
            "name": name,
            "version": found.version,
            "sequence": found.sequence,
            "validation_parameter": found.validation_parameter,
            "collections": found.collections if found.HasField("collections") else None,
            "init_required": found.init_required,
        },
    )


async def _submit(contract: Contract, function: str, args: Any, *, endorsing: tuple[str, ...] = ()) -> None:  # noqa: ANN401 - a protobuf message
    try:
        await contract.submit(function, args.SerializeToString(deterministic=True), endorsing_organizations=endorsing)
    except FabricError as error:
        if _APPROVED_ALREADY in error.diagnostics():
            return
        raise DeployError(f"{function} of {args.name}: {error.diagnostics()}") from error
