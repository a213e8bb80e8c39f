"""The least that a chaincode in Python can cost: gRPC's own server and messages, no contract, no threads, no checks.

CHAINCODE_ID and CHAINCODE_SERVER_ADDRESS say whom to register as and where to listen. ``get`` and ``put`` of one key
are answered in the stream's loop, with the messages that a peer needs, and nothing that can go wrong is looked after.
"""

import asyncio
import os
from typing import Any

import grpc
from fabric_protos.peer import chaincode_pb2, chaincode_shim_pb2, chaincode_shim_pb2_grpc, proposal_response_pb2
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

PACKAGE = chaincode_pb2.ChaincodeID(name=os.environ["CHAINCODE_ID"]).SerializeToString()


class Bare:
    """``protos.Chaincode``."""

    async def Connect(self, _: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:  # noqa: N802
        """Answer one peer."""
        await context.write(ChaincodeMessage(type=ChaincodeMessage.REGISTER, payload=PACKAGE))
        while (message := await context.read()) is not grpc.aio.EOF:
            answer = ChaincodeMessage(txid=message.txid, channel_id=message.channel_id)
            if message.type == ChaincodeMessage.TRANSACTION:
                name, key, *value = chaincode_pb2.ChaincodeInput.FromString(message.payload).args
                if name == b"get":
                    answer.type = ChaincodeMessage.GET_STATE
                    answer.payload = chaincode_shim_pb2.GetState(key=key.decode()).SerializeToString()
                else:
                    answer.type = ChaincodeMessage.PUT_STATE
                    answer.payload = chaincode_shim_pb2.PutState(key=key.decode(), value=value[0]).SerializeToString()
            elif message.type == ChaincodeMessage.RESPONSE:
                response = proposal_response_pb2.Response(status=200, payload=message.payload)
                answer.type, answer.payload = ChaincodeMessage.COMPLETED, response.SerializeToString()
            else:
                continue
            await context.write(answer)


async def main() -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    chaincode_shim_pb2_grpc.add_ChaincodeServicer_to_server(Bare(), server)
    server.add_insecure_port(os.environ["CHAINCODE_SERVER_ADDRESS"])
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
