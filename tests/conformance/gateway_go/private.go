package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

func (s *scenario) privateData() error {
	contract := s.network.GetContract("private")
	const value = "for members"
	_, commit, err := contract.SubmitAsync("write", client.WithArguments("go-key", "Both"),
		client.WithTransient(map[string][]byte{"value": []byte(value)}))
	if err != nil {
		return err
	}
	outcome, err := commit.Status()
	if err != nil {
		return err
	}
	read, err := contract.EvaluateTransaction("read", "Both", "go-key")
	if err := errors.Join(err, expect("value", string(read), value)); err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(value))
	hash, err := contract.EvaluateTransaction("hash", "Both", "go-key")
	if err := errors.Join(err, expect("hash", string(hash), string(digest[:]))); err != nil {
		return err
	}
	_, err = contract.Evaluate("read", client.WithArguments("Theirs", "go-key"), client.WithEndorsingOrganizations("Org2MSP"))
	if err == nil || !strings.Contains(err.Error(), "does not have read access permission on privatedata") {
		return fmt.Errorf("a collection of others was read: %v", err)
	}
	return s.privateDataOf(outcome.BlockNumber)
}

// privateDataOf expects a block's first transaction to come with private data of one collection.
func (s *scenario) privateDataOf(number uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	events, err := s.network.BlockAndPrivateDataEvents(ctx, client.WithStartBlock(number))
	if err != nil {
		return err
	}
	both, open := <-events
	if !open {
		return errors.New("the stream ended")
	}
	private, held := both.GetPrivateDataMap()[0]
	if !held || len(private.GetNsPvtRwset()) != 1 {
		return errors.New("the block came without its private data")
	}
	namespace := private.GetNsPvtRwset()[0]
	return errors.Join(
		expect("namespace", namespace.GetNamespace(), "private"),
		expect("collection", namespace.GetCollectionPvtRwset()[0].GetCollectionName(), "Both"))
}

func (s *scenario) keyEndorsement() error {
	contract := s.network.GetContract("basic")
	for _, call := range [][]string{
		{"put", "go-owned", "1"},
		{"set_endorsers", "go-owned", "Org2MSP"},
		{"put", "go-owned", "2"},
	} {
		if _, err := contract.SubmitTransaction(call[0], call[1:]...); err != nil {
			return err
		}
	}
	_, err := contract.Submit("put", client.WithArguments("go-owned", "3"), client.WithEndorsingOrganizations("Org1MSP"))
	var commit *client.CommitError
	if !errors.As(err, &commit) {
		return fmt.Errorf("no CommitError but %v", err)
	}
	if err := expect("code", commit.Code, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE); err != nil {
		return err
	}
	value, err := contract.EvaluateTransaction("get", "go-owned")
	return errors.Join(err, expect("value", string(value), "2"))
}
