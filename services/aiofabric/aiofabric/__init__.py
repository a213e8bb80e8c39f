"""Hyperledger Fabric for Python, with asyncio on the official protobuf bindings.

- `aiofabric.gateway`: the Gateway client, with the official clients' names.
- `aiofabric.embedded`: one process that plays a small Fabric network, to develop against.
- `aiofabric.chaincode`: contracts in Python, and the server that peers call.
- `aiofabric.network`: a real Fabric network on this machine, from Python.
- `aiofabric.identity`: X.509 identities, signatures, a development authority.
- `aiofabric.errors`: everything that is raised on purpose.
"""
