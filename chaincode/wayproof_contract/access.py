"""Who may act: the organisation, and what the certificate says its holder may do for it."""

from dataclasses import dataclass

from wayproof_contract.errors import ContractError

ROLES = ("operator", "registrar", "anchor", "monitor", "privacy")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever signed the proposal.

    Attributes:
        msp_id: the organisation.
        submitter: lower-case hex SHA-256 of the certificate's DER.
        roles: the certificate attribute `wayproof.roles`, a comma-separated list.
    """

    msp_id: str
    submitter: str
    roles: str

    def require_role(self, role: str) -> None:
        """Raise unless the certificate gives this role."""
        if role not in [name.strip() for name in self.roles.split(",")]:
            raise ContractError("missing_role", f"this needs a certificate with the role {role} in wayproof.roles")

    def require_organisation(self, msp_id: str, *, what: str) -> None:
        """Raise unless the caller acts for its own organisation."""
        if self.msp_id != msp_id:
            raise ContractError("other_organisation", f"{what} belongs to {msp_id}; only it may do this")
