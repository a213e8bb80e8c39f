// Uses a ledger through Hyperledger's own Node client, as an application does: one line for each check.
//
//     node scenario.mjs PEER TLS_CA USER_FOLDER CHANNEL CHAINCODE

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { CommitError, EndorseError, GatewayError, checkpointers, connect, hash, signers } from '@hyperledger/fabric-gateway';

const [peer, tlsCa, user, channel, chaincode] = process.argv.slice(2);
const MVCC_READ_CONFLICT = 11;
const ENDORSEMENT_POLICY_FAILURE = 10;
const text = new TextDecoder();
const bytes = new TextEncoder();

const client = new grpc.Client(peer, grpc.credentials.createSsl(fs.readFileSync(tlsCa)), {
    'grpc.max_receive_message_length': 100 * 1024 * 1024,
});
const identity = { mspId: 'Org1MSP', credentials: fs.readFileSync(path.join(user, 'cert.pem')) };
const signer = signers.newPrivateKeySigner(crypto.createPrivateKey(fs.readFileSync(path.join(user, 'key.pem'))));
const deadline = (seconds) => () => ({ deadline: Date.now() + seconds * 1000 });
const options = {
    client,
    identity,
    hash: hash.sha256,
    evaluateOptions: deadline(10),
    endorseOptions: deadline(20),
    submitOptions: deadline(10),
    commitStatusOptions: deadline(60),
};
const gateway = connect({ ...options, signer });
const offline = connect(options);
const network = gateway.getNetwork(channel);
const contract = network.getContract(chaincode);

// Submit a transaction with an event for each payload; return the block of the first.
async function emit(...payloads) {
    const blocks = [];
    for (const payload of payloads) {
        const commit = await contract.submitAsync('event', { arguments: ['NodeSaid', payload] });
        blocks.push((await commit.getStatus()).blockNumber);
    }
    return blocks[0];
}

// Give the first items of a stream that is closed afterwards.
async function take(stream, count) {
    const items = [];
    try {
        for await (const item of stream) {
            items.push(item);
            if (items.length === count) {
                return items;
            }
        }
    } finally {
        stream.close();
    }
    throw new Error('the stream ended');
}

const blockNumber = (block) => Number(block.getHeader().getNumber());

const checks = {
    async submit() {
        assert.equal(text.decode(await contract.submitTransaction('put', 'node-asset', 'blue')), 'blue');
    },

    async evaluate() {
        assert.equal(text.decode(await contract.evaluateTransaction('get', 'node-asset')), 'blue');
    },

    async 'submit-async'() {
        const commit = await contract.submitAsync('add', { arguments: ['node-counter', '3'] });
        assert.equal(text.decode(commit.getResult()), '3');
        const status = await commit.getStatus();
        assert.ok(status.successful);
        assert.equal(status.transactionId, commit.getTransactionId());
        assert.ok(status.blockNumber > 0n);
    },

    async 'transient-data'() {
        const result = await contract.submit('transient', {
            transientData: { secret: bytes.encode('unseen') },
            endorsingOrganizations: ['Org1MSP', 'Org2MSP'],
        });
        assert.equal(text.decode(result), 'kept quiet');
    },

    async 'offline-signing'() {
        const unsigned = offline.getNetwork(channel).getContract(chaincode);
        await assert.rejects(unsigned.evaluateTransaction('get', 'node-asset'));
        const proposal = unsigned.newProposal('put', { arguments: ['node-offline', 'green'] });
        const signedProposal = offline.newSignedProposal(proposal.getBytes(), await signer(proposal.getDigest()));
        const transaction = await signedProposal.endorse();
        const signedTransaction = offline.newSignedTransaction(
            transaction.getBytes(),
            await signer(transaction.getDigest()),
        );
        const commit = await signedTransaction.submit();
        const status = await offline.newSignedCommit(commit.getBytes(), await signer(commit.getDigest())).getStatus();
        assert.ok(status.successful);
        const query = unsigned.newProposal('get', { arguments: ['node-offline'] });
        const signedQuery = offline.newSignedProposal(query.getBytes(), await signer(query.getDigest()));
        assert.equal(text.decode(await signedQuery.evaluate()), 'green');
    },

    async 'evaluate-error-details'() {
        await assert.rejects(contract.evaluateTransaction('get', 'node-absent'), (error) => {
            assert.ok(error instanceof GatewayError);
            assert.equal(error.code, grpc.status.UNKNOWN);
            assert.match(error.message, /chaincode response 404, no node-absent/);
            return true;
        });
    },

    async 'endorse-error-details'() {
        await assert.rejects(contract.submitTransaction('fail', '409'), (error) => {
            assert.ok(error instanceof EndorseError);
            assert.equal(error.code, grpc.status.ABORTED);
            assert.equal(error.details[0].mspId, 'Org1MSP');
            assert.ok(error.details[0].address);
            assert.match(error.details[0].message, /chaincode response 409, as asked/);
            assert.ok(error.transactionId);
            return true;
        });
    },

    async 'endorsers-disagree'() {
        await assert.rejects(contract.submitTransaction('nondeterministic'), (error) => {
            assert.ok(error instanceof EndorseError);
            assert.equal(error.code, grpc.status.ABORTED);
            return true;
        });
    },

    async 'commit-error-on-conflict'() {
        const arguments_ = { arguments: ['node-conflict', '1'] };
        const first = await contract.newProposal('add', arguments_).endorse();
        const second = await contract.newProposal('add', arguments_).endorse();
        assert.ok((await (await first.submit()).getStatus()).successful);
        assert.equal((await (await second.submit()).getStatus()).code, MVCC_READ_CONFLICT);
    },

    async 'commit-error-on-policy'() {
        const options = { arguments: ['node-few', 'x'], endorsingOrganizations: ['Org1MSP'] };
        await assert.rejects(contract.submit('put', options), (error) => {
            assert.ok(error instanceof CommitError);
            assert.equal(error.code, ENDORSEMENT_POLICY_FAILURE);
            return true;
        });
    },

    async 'chaincode-events'() {
        const startBlock = await emit('node-replayed');
        const stream = await network.getChaincodeEvents(chaincode, { startBlock });
        const events = take(stream, 2);
        await emit('node-received');
        const [replayed, received] = await events;
        assert.equal(text.decode(replayed.payload), 'node-replayed');
        assert.equal(replayed.blockNumber, startBlock);
        assert.equal(text.decode(received.payload), 'node-received');
        assert.equal(received.eventName, 'NodeSaid');
        assert.equal(received.chaincodeName, chaincode);
    },

    // One event with each stream and each opening of the checkpoint file.
    async 'chaincode-events-resume'() {
        const payloads = ['node-0', 'node-1', 'node-2', 'node-3'];
        const startBlock = await emit(...payloads);
        const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'checkpoint-'));
        try {
            for (const expected of payloads) {
                const checkpoint = await checkpointers.file(path.join(folder, 'checkpoint.json'));
                const stream = await network.getChaincodeEvents(chaincode, { startBlock, checkpoint });
                const [event] = await take(stream, 1);
                assert.equal(text.decode(event.payload), expected);
                await checkpoint.checkpointChaincodeEvent(event);
            }
        } finally {
            fs.rmSync(folder, { recursive: true });
        }
    },

    async 'block-events'() {
        const blocks = await take(await network.getBlockEvents({ startBlock: 0n }), 3);
        assert.deepEqual(blocks.map(blockNumber), [0, 1, 2]);
        assert.ok(blocks.every((block) => block.getData().getDataList().length > 0));
    },

    async 'filtered-block-events'() {
        const startBlock = await emit('node-filtered');
        const [block] = await take(await network.getFilteredBlockEvents({ startBlock }), 1);
        assert.equal(BigInt(block.getNumber()), startBlock);
        assert.equal(block.getChannelId(), channel);
        const [transaction] = block.getFilteredTransactionsList();
        assert.equal(transaction.getTxValidationCode(), 0);
        const [action] = transaction.getTransactionActions().getChaincodeActionsList();
        assert.equal(action.getChaincodeEvent().getEventName(), 'NodeSaid');
        assert.equal(action.getChaincodeEvent().getPayload_asU8().length, 0);
    },

    async 'block-and-private-data-events'() {
        const [both] = await take(await network.getBlockAndPrivateDataEvents({ startBlock: 1n }), 1);
        assert.equal(blockNumber(both.getBlock()), 1);
    },

    async 'private-data'() {
        const contract = network.getContract('private');
        const transientData = { value: bytes.encode('for members') };
        const commit = await contract.submitAsync('write', { arguments: ['node-key', 'Both'], transientData });
        const { blockNumber: startBlock } = await commit.getStatus();
        assert.equal(text.decode(await contract.evaluateTransaction('read', 'Both', 'node-key')), 'for members');
        const expected = crypto.createHash('sha256').update('for members').digest();
        assert.deepEqual(Buffer.from(await contract.evaluateTransaction('hash', 'Both', 'node-key')), expected);
        await assert.rejects(
            contract.evaluate('read', { arguments: ['Theirs', 'node-key'], endorsingOrganizations: ['Org2MSP'] }),
            /does not have read access permission on privatedata/,
        );
        const [both] = await take(await network.getBlockAndPrivateDataEvents({ startBlock }), 1);
        const [namespace] = both.getPrivateDataMapMap().get(0).getNsPvtRwsetList();
        assert.equal(namespace.getNamespace(), 'private');
        assert.equal(namespace.getCollectionPvtRwsetList()[0].getCollectionName(), 'Both');
    },

    async 'key-endorsement'() {
        const contract = network.getContract('basic');
        await contract.submitTransaction('put', 'node-owned', '1');
        await contract.submitTransaction('set_endorsers', 'node-owned', 'Org2MSP');
        await contract.submitTransaction('put', 'node-owned', '2');
        const options = { arguments: ['node-owned', '3'], endorsingOrganizations: ['Org1MSP'] };
        await assert.rejects(contract.submit('put', options), (error) => {
            assert.equal(error.code, ENDORSEMENT_POLICY_FAILURE);
            return true;
        });
        assert.equal(text.decode(await contract.evaluateTransaction('get', 'node-owned')), '2');
    },

    async 'block-events-resume'() {
        const checkpoint = checkpointers.inMemory();
        for (const expected of [2, 3, 4]) {
            await checkpoint.checkpointBlock(BigInt(expected - 1));
            const [block] = await take(await network.getBlockEvents({ startBlock: 0n, checkpoint }), 1);
            assert.equal(blockNumber(block), expected);
        }
    },
};

for (const [name, check] of Object.entries(checks)) {
    try {
        await check();
        console.log(`passed ${name}`);
    } catch (error) {
        console.log(`failed ${name}: ${error}`);
        process.exitCode = 1;
    }
}
gateway.close();
offline.close();
client.close();
