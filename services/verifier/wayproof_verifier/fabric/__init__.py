"""Hyperledger Fabric, read offline: blocks, channel configuration, identities, policies, transactions.

Bytes in, values out: no network, no clock, and a protobuf reader of our own (`protobuf`) that accepts one encoding of
each message. Read in this order:

1. `block`: what a block's hash is taken over, and reading one.
2. `config`: a channel's configuration from a config block; `identity`: who belongs to its organisations.
3. `policy`: whether a set of verified identities satisfies one of its policies.
4. `chain`: the config blocks from a pinned genesis block on, and orderer signatures.
5. `transaction`: an endorsed transaction and its checks; `lenient`: what its client wrote, as peers read it.

Everything raises `wayproof_verifier.errors.VerificationError` and nothing else.
"""
