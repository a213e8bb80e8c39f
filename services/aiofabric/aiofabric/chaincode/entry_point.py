"""Contracts by name: ``module:attribute``."""

import importlib

from aiofabric.chaincode.errors import ChaincodeError
from aiofabric.chaincode.interface import Chaincode


class EntryPointError(ChaincodeError):
    """A contract that cannot be loaded: the text says why."""


def load(entry_point: str) -> Chaincode:
    """Import a contract; raises EntryPointError."""
    module, separator, attribute = entry_point.partition(":")
    if not (module and separator and attribute):
        raise EntryPointError(f"{entry_point!r} names no contract: write MODULE:ATTRIBUTE")
    try:
        contract = getattr(importlib.import_module(module), attribute)
    except BaseException as error:  # the module is somebody's program: it may raise anything, SystemExit too
        raise EntryPointError(f"{entry_point} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(contract):
        raise EntryPointError(f"{entry_point} is not callable")
    loaded: Chaincode = contract
    return loaded
