// The benchmark's contract for Hyperledger's Node shim: the functions of ../chaincode_contract.py.
// CHAINCODE_ID and CHAINCODE_SERVER_ADDRESS say whom to register as and where to listen.
'use strict';

const shim = require('fabric-shim');

class Contract {
    async Init() {
        return shim.success();
    }

    async Invoke(stub) {
        const [name, ...args] = stub.getArgs();
        if (name === 'put') {
            const [key, value] = args;
            await stub.putState(key, Buffer.from(value));
            return shim.success();
        }
        if (name === 'get') {
            return shim.success(await stub.getState(args[0]));
        }
        if (name === 'put_many') {
            const [prefix, number, value] = args;
            for (let index = 0; index < Number(number); index += 1) {
                await stub.putState(`${prefix}${index}`, Buffer.from(value));
            }
            return shim.success();
        }
        return shim.error(`no function ${name}`);
    }
}

shim.server(new Contract(), {
    ccid: process.env.CHAINCODE_ID,
    address: process.env.CHAINCODE_SERVER_ADDRESS,
}).start();
