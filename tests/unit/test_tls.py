"""What a handshake that comes to nothing leaves behind."""

import gc
import socket
import threading
import warnings
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from support.embedded_network import free_port
from support.self_signed import self_signed
from wayproof.tls import TlsFiles, client_context


def files(folder: Path) -> TlsFiles:
    pair = self_signed()
    (folder / "certificate.pem").write_bytes(pair.certificate)
    (folder / "key.pem").write_bytes(pair.key)
    return TlsFiles(folder / "certificate.pem", folder / "certificate.pem", folder / "key.pem")


def hang_up(server: socket.socket) -> None:
    accepted, _ = server.accept()
    accepted.recv(1)
    accepted.close()


def test_paho_leaves_no_socket_open_where_the_broker_hangs_up_in_the_handshake(tmp_path: Path) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.tls_set_context(client_context(files(tmp_path)))
    with socket.create_server(("127.0.0.1", free_port())) as server, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        answering = threading.Thread(target=hang_up, args=(server,))
        answering.start()
        with pytest.raises(OSError, match=r"."):
            client.connect("127.0.0.1", server.getsockname()[1])
        answering.join()
        gc.collect()
    assert [it.message for it in said if it.category is ResourceWarning] == []
