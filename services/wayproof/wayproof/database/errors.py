"""What goes wrong around the embedded PostgreSQL, by code.

database_not_installed        its programs are not in this environment
database_directory_occupied   the folder for a new cluster holds something else
database_missing              there is no cluster in the folder
database_version              the cluster was made by another major version
database_account              the programs cannot run as the account that owns the data
database_running              a server already works on this cluster
database_leftovers            processes of an ending or killed server still work on this cluster
database_port_in_use          something else listens on the port
database_not_ready            the server did not accept connections in time
database_name                 a database cannot be called that
database_failed               one of PostgreSQL's own programs failed; the message is its own
"""

from wayproof.errors import WayproofError


class DatabaseError(WayproofError):
    """The embedded PostgreSQL cannot be made, started or used as asked."""

    code = "database_failed"
