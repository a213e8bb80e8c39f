"""What each package offers is decided here: a name more or less is a change that others see."""

import importlib

import pytest

PUBLIC = {
    "aiofabric.chaincode": """
        Chaincode ChaincodeStub ClientIdentity KeyModification Response
    """,
    "aiofabric.embedded": """
        Collection
        Description DevelopmentLedgerWarning EmbeddedLedger EmbeddedLedgerError Endpoint LedgerDamagedError
        LedgerInUseError LedgerStatus Organisation ProvisionError RequestRefusedError describe initialise
        issue_client load_user serve status
    """,
    "aiofabric.gateway": """
        ChaincodeEvent Checkpoint Commit Contract Deadlines EventStream EventsRequest FileCheckpointer Gateway
        InMemoryCheckpointer Network Position Proposal SqlCheckpoint Status SubmittedTransaction Transaction
    """,
    "aiofabric.identity": """
        AsyncSigner CertificateAuthority HashName Identity IssuedIdentity PrivateKey Role Signer digest in_thread
        load_identity load_msp_folder low_s private_key_signer
    """,
    "aiofabric.identity.pkcs11": """
        Pkcs11Token key_identifier
    """,
    "wayproof.log": """
        Bundle Checkpoint CheckpointError LogError LogRow LogTree MemorySubtrees Node SubtreeSource Tile
        TileError TileSource VerifierKey bundle_bytes cover entries_in_order entry_bundles epoch_origin grow
        hash_tiles seal sign_checkpoint tile_bytes verify_checkpoint
    """,
    "wayproof_contract": """
        Answer Caller ContractError QUERIES STATUS_OF TRANSACTIONS Transaction WorldState invoke
    """,
    "wayproof_verifier": """
        Check Exit Finding Options Problem Report Status TrustRoot VerificationError render_json render_text
    """,
    "wayproof_verifier.coldchain": """
        CustodyShare Excursion Exposure LIMITS_1 Limit MeanKineticTemperature Rule Summary excursion_key excursions
        mean_kinetic_temperature next_excursion_id standing summaries supersedes to_record unrecorded
    """,
    "wayproof_verifier.telemetry": """
        Held Message PublicKey Reading Receipt Refused Rejection RejectionCode SENML_CBOR SENML_JSON
        TextReading Topic decode decode_receipt encode_message encode_receipt es256_signer key_id messages_topic
        parse_topic receipts_topic verify verify_receipt
    """,
}


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(PUBLIC[package].split())
    assert all(hasattr(module, name) for name in module.__all__)
