"""An orderer's channel participation API: HTTPS with client certificates, as ``osnadmin`` uses it.

Source: Fabric's ``orderer/common/channelparticipation``.
"""

import asyncio
import http.client
import json
import secrets
import ssl
from pathlib import Path
from typing import Any

from aiofabric.network.errors import JoinError
from aiofabric.network.plan import HOST

_TIMEOUT_S = 30.0
_CREATED, _OK, _NOT_FOUND = 201, 200, 404


class ParticipationClient:
    """The administration of one orderer. Its calls run in threads: they are few."""

    def __init__(self, port: int, *, tls_folder: Path, roots: Path) -> None:
        """Take its port, the folder of the client's ``cert.pem`` and ``key.pem``, and the roots of the server's."""
        self._port = port
        self._context = ssl.create_default_context(cafile=str(roots))
        self._context.load_cert_chain(tls_folder / "cert.pem", tls_folder / "key.pem")

    async def join(self, config_block: bytes) -> dict[str, Any]:
        """Let the orderer join the block's channel; return what it says of the channel. Raises JoinError."""
        boundary = secrets.token_hex(16)
        body = multipart(config_block, field="config-block", boundary=boundary)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        status, answer = await asyncio.to_thread(self._call, "POST", "", body, headers)
        if status != _CREATED:
            raise JoinError(f"the orderer at port {self._port} did not join ({status}): {answer}")
        return answer

    async def channel(self, name: str) -> dict[str, Any] | None:
        """Return status, height and consensus relation of a channel, None if the orderer has not joined it."""
        status, answer = await asyncio.to_thread(self._call, "GET", f"/{name}", b"", {})
        if status == _NOT_FOUND:
            return None
        if status != _OK:
            raise JoinError(f"the orderer at port {self._port} does not tell of {name} ({status}): {answer}")
        return answer

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPSConnection(HOST, self._port, context=self._context, timeout=_TIMEOUT_S)
        try:
            connection.request(method, f"/participation/v1/channels{path}", body=body, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise JoinError(f"the orderer at port {self._port} cannot be administered: {error}") from error
        finally:
            connection.close()
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {"error": content.decode("utf-8", "replace")}
        return response.status, answer


def multipart(content: bytes, *, field: str, boundary: str) -> bytes:
    """Return a ``multipart/form-data`` body with one file (RFC 7578)."""
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{field}"; filename="{field}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
