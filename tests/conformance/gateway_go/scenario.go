package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const patience = 30 * time.Second

type scenario struct {
	network  *client.Network
	contract *client.Contract
	offline  *client.Gateway
	sign     identity.Sign
	target   target
}

func scenarioCommand(set *flag.FlagSet, arguments []string) error {
	var s scenario
	s.target.flags(set)
	if err := set.Parse(arguments); err != nil {
		return err
	}
	gateway, offline, sign, err := s.target.connect()
	if err != nil {
		return err
	}
	defer gateway.Close()
	s.offline, s.sign = offline, sign
	s.network = gateway.GetNetwork(s.target.channel)
	s.contract = s.network.GetContract(s.target.chaincode)
	var r report
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"submit", s.submit},
		{"evaluate", s.evaluate},
		{"submit-async", s.submitAsync},
		{"transient-data", s.transientData},
		{"offline-signing", s.offlineSigning},
		{"evaluate-error-details", s.evaluateError},
		{"endorse-error-details", s.endorseError},
		{"endorsers-disagree", s.endorsersDisagree},
		{"commit-error-on-conflict", s.conflict},
		{"commit-error-on-policy", s.policy},
		{"chaincode-events", s.chaincodeEvents},
		{"chaincode-events-resume", s.chaincodeEventsResume},
		{"block-events", s.blockEvents},
		{"filtered-block-events", s.filteredBlockEvents},
		{"block-and-private-data-events", s.blockAndPrivateDataEvents},
		{"private-data", s.privateData},
		{"key-endorsement", s.keyEndorsement},
		{"block-events-resume", s.blockEventsResume},
	} {
		r.check(step.name, step.run())
	}
	return r.result()
}

func (s *scenario) submit() error {
	result, err := s.contract.SubmitTransaction("put", "go-asset", "blue")
	return errors.Join(err, expect("result", string(result), "blue"))
}

func (s *scenario) evaluate() error {
	result, err := s.contract.EvaluateTransaction("get", "go-asset")
	return errors.Join(err, expect("result", string(result), "blue"))
}

func (s *scenario) submitAsync() error {
	result, commit, err := s.contract.SubmitAsync("add", client.WithArguments("go-counter", "3"))
	if err != nil {
		return err
	}
	outcome, err := commit.Status()
	if err != nil {
		return err
	}
	return errors.Join(
		expect("result", string(result), "3"),
		expect("successful", outcome.Successful, true),
		expect("transaction id", outcome.TransactionID, commit.TransactionID()),
		expect("in a block after the genesis block", outcome.BlockNumber > 0, true))
}

func (s *scenario) transientData() error {
	result, err := s.contract.Submit("transient",
		client.WithTransient(map[string][]byte{"secret": []byte("unseen")}),
		client.WithEndorsingOrganizations("Org1MSP", "Org2MSP"))
	return errors.Join(err, expect("result", string(result), "kept quiet"))
}

func (s *scenario) offlineSigning() error {
	contract := s.offline.GetNetwork(s.target.channel).GetContract(s.target.chaincode)
	if _, err := contract.EvaluateTransaction("get", "go-asset"); err == nil {
		return errors.New("a gateway without a signer evaluated")
	}
	proposal, err := s.signedProposal(contract, "put", "go-offline", "green")
	if err != nil {
		return err
	}
	unsigned, err := proposal.Endorse()
	if err != nil {
		return err
	}
	bytes, err := unsigned.Bytes()
	if err != nil {
		return err
	}
	signature, err := s.sign(unsigned.Digest())
	if err != nil {
		return err
	}
	transaction, err := s.offline.NewSignedTransaction(bytes, signature)
	if err != nil {
		return err
	}
	return s.commitOffline(contract, transaction)
}

func (s *scenario) signedProposal(contract *client.Contract, name string, arguments ...string) (*client.Proposal, error) {
	unsigned, err := contract.NewProposal(name, client.WithArguments(arguments...))
	if err != nil {
		return nil, err
	}
	bytes, err := unsigned.Bytes()
	if err != nil {
		return nil, err
	}
	signature, err := s.sign(unsigned.Digest())
	if err != nil {
		return nil, err
	}
	return s.offline.NewSignedProposal(bytes, signature)
}

func (s *scenario) commitOffline(contract *client.Contract, transaction *client.Transaction) error {
	unsigned, err := transaction.Submit()
	if err != nil {
		return err
	}
	bytes, err := unsigned.Bytes()
	if err != nil {
		return err
	}
	signature, err := s.sign(unsigned.Digest())
	if err != nil {
		return err
	}
	commit, err := s.offline.NewSignedCommit(bytes, signature)
	if err != nil {
		return err
	}
	outcome, err := commit.Status()
	if err != nil {
		return err
	}
	query, err := s.signedProposal(contract, "get", "go-offline")
	if err != nil {
		return err
	}
	result, err := query.Evaluate()
	return errors.Join(err,
		expect("successful", outcome.Successful, true),
		expect("result", string(result), "green"))
}

func (s *scenario) evaluateError() error {
	_, err := s.contract.EvaluateTransaction("get", "go-absent")
	answer, ok := status.FromError(err)
	return errors.Join(
		expect("a gRPC error", ok, true),
		expect("code", answer.Code(), codes.Unknown),
		expect("the contract's message is there",
			strings.Contains(answer.Message(), "chaincode response 404, no go-absent"), true))
}

func (s *scenario) endorseError() error {
	_, err := s.contract.SubmitTransaction("fail", "409")
	var endorse *client.EndorseError
	if !errors.As(err, &endorse) {
		return fmt.Errorf("no EndorseError but %v", err)
	}
	details := endorse.Details()
	if len(details) == 0 {
		return errors.New("no details")
	}
	return errors.Join(
		expect("code", status.Code(err), codes.Aborted),
		expect("MSP id", details[0].GetMspId(), "Org1MSP"),
		expect("the peer's address is there", details[0].GetAddress() != "", true),
		expect("the contract's message is there",
			strings.Contains(details[0].GetMessage(), "chaincode response 409, as asked"), true))
}

func (s *scenario) endorsersDisagree() error {
	_, err := s.contract.SubmitTransaction("nondeterministic")
	var endorse *client.EndorseError
	if !errors.As(err, &endorse) {
		return fmt.Errorf("no EndorseError but %v", err)
	}
	return expect("code", status.Code(err), codes.Aborted)
}

func (s *scenario) conflict() error {
	var transactions []*client.Transaction
	for range 2 {
		proposal, err := s.contract.NewProposal("add", client.WithArguments("go-conflict", "1"))
		if err != nil {
			return err
		}
		transaction, err := proposal.Endorse()
		if err != nil {
			return err
		}
		transactions = append(transactions, transaction)
	}
	var outcomes []peer.TxValidationCode
	for _, transaction := range transactions {
		commit, err := transaction.Submit()
		if err != nil {
			return err
		}
		outcome, err := commit.Status()
		if err != nil {
			return err
		}
		outcomes = append(outcomes, outcome.Code)
	}
	return errors.Join(
		expect("first", outcomes[0], peer.TxValidationCode_VALID),
		expect("second", outcomes[1], peer.TxValidationCode_MVCC_READ_CONFLICT))
}

func (s *scenario) policy() error {
	_, err := s.contract.Submit("put",
		client.WithArguments("go-few", "x"), client.WithEndorsingOrganizations("Org1MSP"))
	var commit *client.CommitError
	if !errors.As(err, &commit) {
		return fmt.Errorf("no CommitError but %v", err)
	}
	return expect("code", commit.Code, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
}

// emit submits a transaction with an event for each payload, and returns the block of the first.
func (s *scenario) emit(payloads ...string) (uint64, error) {
	var first uint64
	for index, payload := range payloads {
		_, commit, err := s.contract.SubmitAsync("event", client.WithArguments("GoSaid", payload))
		if err != nil {
			return 0, err
		}
		outcome, err := commit.Status()
		if err != nil {
			return 0, err
		}
		if index == 0 {
			first = outcome.BlockNumber
		}
	}
	return first, nil
}

func (s *scenario) chaincodeEvents() error {
	first, err := s.emit("go-replayed")
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	events, err := s.network.ChaincodeEvents(ctx, s.target.chaincode, client.WithStartBlock(first))
	if err != nil {
		return err
	}
	replayed := <-events
	if replayed == nil {
		return errors.New("the stream ended")
	}
	if _, err = s.emit("go-received"); err != nil {
		return err
	}
	received := <-events
	if received == nil {
		return errors.New("the stream ended")
	}
	return errors.Join(
		expect("replayed payload", string(replayed.Payload), "go-replayed"),
		expect("replayed block", replayed.BlockNumber, first),
		expect("received payload", string(received.Payload), "go-received"),
		expect("event name", received.EventName, "GoSaid"),
		expect("chaincode name", received.ChaincodeName, s.target.chaincode))
}

// chaincodeEventsResume reads one event with each stream and each opening of the checkpoint file.
func (s *scenario) chaincodeEventsResume() error {
	payloads := []string{"go-0", "go-1", "go-2", "go-3"}
	first, err := s.emit(payloads...)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	for _, want := range payloads {
		got, err := s.nextEvent(first, filepath.Join(folder, "checkpoint.json"))
		if err = errors.Join(err, expect("payload", got, want)); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) nextEvent(first uint64, checkpoint string) (string, error) {
	checkpointer, err := client.NewFileCheckpointer(checkpoint)
	if err != nil {
		return "", err
	}
	defer checkpointer.Close()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	events, err := s.network.ChaincodeEvents(ctx, s.target.chaincode,
		client.WithStartBlock(first), client.WithCheckpoint(checkpointer))
	if err != nil {
		return "", err
	}
	event := <-events
	if event == nil {
		return "", errors.New("the stream ended")
	}
	return string(event.Payload), checkpointer.CheckpointChaincodeEvent(event)
}

func (s *scenario) blockEvents() error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	blocks, err := s.network.BlockEvents(ctx, client.WithStartBlock(0))
	if err != nil {
		return err
	}
	for want := range uint64(3) {
		block := <-blocks
		if err := expect("block", block.GetHeader().GetNumber(), want); err != nil {
			return err
		}
		if err := expect("with content", len(block.GetData().GetData()) > 0, true); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) filteredBlockEvents() error {
	first, err := s.emit("go-filtered")
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	blocks, err := s.network.FilteredBlockEvents(ctx, client.WithStartBlock(first))
	if err != nil {
		return err
	}
	block := <-blocks
	transactions := block.GetFilteredTransactions()
	if len(transactions) != 1 {
		return fmt.Errorf("%d transactions in the block", len(transactions))
	}
	actions := transactions[0].GetTransactionActions().GetChaincodeActions()
	if len(actions) != 1 {
		return fmt.Errorf("%d actions in the transaction", len(actions))
	}
	return errors.Join(
		expect("block", block.GetNumber(), first),
		expect("channel", block.GetChannelId(), s.target.channel),
		expect("code", transactions[0].GetTxValidationCode(), peer.TxValidationCode_VALID),
		expect("event name", actions[0].GetChaincodeEvent().GetEventName(), "GoSaid"),
		expect("event payload", len(actions[0].GetChaincodeEvent().GetPayload()), 0))
}

func (s *scenario) blockAndPrivateDataEvents() error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	blocks, err := s.network.BlockAndPrivateDataEvents(ctx, client.WithStartBlock(1))
	if err != nil {
		return err
	}
	return expect("block", (<-blocks).GetBlock().GetHeader().GetNumber(), 1)
}

func (s *scenario) blockEventsResume() error {
	checkpointer := new(client.InMemoryCheckpointer)
	for want := uint64(2); want < 5; want++ {
		checkpointer.CheckpointBlock(want - 1)
		ctx, stop := context.WithTimeout(context.Background(), patience)
		blocks, err := s.network.BlockEvents(ctx, client.WithStartBlock(0), client.WithCheckpoint(checkpointer))
		if err != nil {
			stop()
			return err
		}
		block := <-blocks
		stop()
		if err := expect("block", block.GetHeader().GetNumber(), want); err != nil {
			return err
		}
	}
	return nil
}
