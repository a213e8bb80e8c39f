package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// auditCommand reads the channel from its genesis block to its newest one, and says what of it holds.
//
// It shares no code with the ledger: Fabric's official Go messages, Go's x509 and ecdsa, and the rules of Fabric's
// documentation. Certificates are judged by the authorities in the genesis block.
func auditCommand(set *flag.FlagSet, arguments []string) error {
	var t target
	t.flags(set)
	folder := set.String("blocks", "", "read the blocks from the files of this folder, in order, instead of the peer")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	read := func() ([]*common.Block, error) { return deliver(&t) }
	if *folder != "" {
		read = func() ([]*common.Block, error) { return readFiles(*folder) }
	}
	blocks, err := read()
	if err != nil {
		return err
	}
	if len(blocks) < 2 {
		return fmt.Errorf("%d blocks: nothing to audit", len(blocks))
	}
	authorities, err := authoritiesOf(blocks[0])
	if err != nil {
		return err
	}
	var r report
	a := auditor{blocks: blocks, authorities: authorities, chaincode: t.chaincode}
	r.check("header-chain", a.headerChain())
	r.check("data-hashes", a.each(dataHash))
	r.check("orderer-signatures", a.each(a.ordererSignature))
	r.check("transaction-ids", a.transactions(a.transactionID))
	r.check("creator-signatures", a.transactions(a.creatorSignature))
	r.check("proposal-hashes", a.transactions(a.proposalHash))
	r.check("endorsement-signatures", a.transactions(a.endorsements))
	fmt.Printf("read %d blocks, %d transactions, %d signatures\n", len(blocks), a.seen, a.signatures)
	return r.result()
}

type auditor struct {
	blocks      []*common.Block
	authorities map[string]*x509.CertPool
	chaincode   string
	seen        int
	signatures  int
}

// header is what Fabric hashes and signs of a block: ASN.1 DER, not protobuf.
type header struct {
	Number       *big.Int
	PreviousHash []byte
	DataHash     []byte
}

func headerBytes(h *common.BlockHeader) ([]byte, error) {
	number := new(big.Int).SetUint64(h.GetNumber())
	return asn1.Marshal(header{Number: number, PreviousHash: h.GetPreviousHash(), DataHash: h.GetDataHash()})
}

func (a *auditor) headerChain() error {
	var previous []byte
	for index, block := range a.blocks {
		h := block.GetHeader()
		if h.GetNumber() != uint64(index) || !bytes.Equal(h.GetPreviousHash(), previous) {
			return fmt.Errorf("block %d does not follow block %d", h.GetNumber(), index-1)
		}
		encoded, err := headerBytes(h)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(encoded)
		previous = sum[:]
	}
	return nil
}

func (a *auditor) each(check func(*common.Block) error) error {
	for _, block := range a.blocks {
		if err := check(block); err != nil {
			return fmt.Errorf("block %d: %w", block.GetHeader().GetNumber(), err)
		}
	}
	return nil
}

func dataHash(block *common.Block) error {
	sum := sha256.New()
	for _, entry := range block.GetData().GetData() {
		sum.Write(entry)
	}
	if !bytes.Equal(sum.Sum(nil), block.GetHeader().GetDataHash()) {
		return errors.New("the data are not what the header names")
	}
	return nil
}

// ordererSignature checks metadata slot 0 of every block but the genesis block, which nobody signs.
func (a *auditor) ordererSignature(block *common.Block) error {
	if block.GetHeader().GetNumber() == 0 {
		return nil
	}
	var metadata common.Metadata
	if err := proto.Unmarshal(block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_SIGNATURES], &metadata); err != nil {
		return err
	}
	if len(metadata.GetSignatures()) == 0 {
		return errors.New("nobody signed it")
	}
	encoded, err := headerBytes(block.GetHeader())
	if err != nil {
		return err
	}
	for _, signature := range metadata.GetSignatures() {
		var by common.SignatureHeader
		if err := proto.Unmarshal(signature.GetSignatureHeader(), &by); err != nil {
			return err
		}
		message := bytes.Join([][]byte{metadata.GetValue(), signature.GetSignatureHeader(), encoded}, nil)
		if _, err := a.verify(by.GetCreator(), message, signature.GetSignature()); err != nil {
			return err
		}
	}
	return nil
}

// transaction is one endorser transaction, taken apart.
type transaction struct {
	envelope  *common.Envelope
	code      peer.TxValidationCode
	header    *common.Header
	channel   *common.ChannelHeader
	signature *common.SignatureHeader
	action    *peer.ChaincodeActionPayload
}

func (a *auditor) transactions(check func(*transaction) error) error {
	a.seen = 0
	for _, block := range a.blocks {
		codes := block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
		if block.GetHeader().GetNumber() > 0 && len(codes) != len(block.GetData().GetData()) {
			return fmt.Errorf("block %d: %d codes for %d transactions",
				block.GetHeader().GetNumber(), len(codes), len(block.GetData().GetData()))
		}
		for index, entry := range block.GetData().GetData() {
			one, err := parse(entry)
			if err == nil && one != nil {
				one.code = peer.TxValidationCode(codes[index])
				a.seen++
				err = check(one)
			}
			if err != nil {
				return fmt.Errorf("block %d, transaction %d: %w", block.GetHeader().GetNumber(), index, err)
			}
		}
	}
	return nil
}

// parse returns nil for a transaction that no endorser ran, such as the configuration.
func parse(entry []byte) (*transaction, error) {
	t := transaction{
		envelope: new(common.Envelope), channel: new(common.ChannelHeader),
		signature: new(common.SignatureHeader), action: new(peer.ChaincodeActionPayload),
	}
	var payload common.Payload
	if err := proto.Unmarshal(entry, t.envelope); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(t.envelope.GetPayload(), &payload); err != nil {
		return nil, err
	}
	t.header = payload.GetHeader()
	if err := proto.Unmarshal(t.header.GetChannelHeader(), t.channel); err != nil {
		return nil, err
	}
	if common.HeaderType(t.channel.GetType()) != common.HeaderType_ENDORSER_TRANSACTION {
		return nil, nil
	}
	var inner peer.Transaction
	if err := proto.Unmarshal(payload.GetData(), &inner); err != nil {
		return nil, err
	}
	if len(inner.GetActions()) != 1 {
		return nil, fmt.Errorf("%d actions", len(inner.GetActions()))
	}
	return &t, errors.Join(
		proto.Unmarshal(t.header.GetSignatureHeader(), t.signature),
		proto.Unmarshal(inner.GetActions()[0].GetPayload(), t.action))
}

func (a *auditor) transactionID(t *transaction) error {
	sum := sha256.Sum256(append(bytes.Clone(t.signature.GetNonce()), t.signature.GetCreator()...))
	return expect("transaction id", t.channel.GetTxId(), hex.EncodeToString(sum[:]))
}

func (a *auditor) creatorSignature(t *transaction) error {
	_, err := a.verify(t.signature.GetCreator(), t.envelope.GetPayload(), t.envelope.GetSignature())
	return err
}

func (a *auditor) proposalHash(t *transaction) error {
	var response peer.ProposalResponsePayload
	if err := proto.Unmarshal(t.action.GetAction().GetProposalResponsePayload(), &response); err != nil {
		return err
	}
	sum := sha256.Sum256(bytes.Join([][]byte{
		t.header.GetChannelHeader(), t.header.GetSignatureHeader(), t.action.GetChaincodeProposalPayload(),
	}, nil))
	if !bytes.Equal(sum[:], response.GetProposalHash()) {
		return errors.New("the endorsers signed another proposal")
	}
	return nil
}

// endorsements checks every signature, and that a valid transaction has those of a majority of the organisations. Other
// chaincodes than the one asked for may have keys and collections with policies of their own: there, one will do.
func (a *auditor) endorsements(t *transaction) error {
	organizations := map[string]bool{}
	for _, endorsement := range t.action.GetAction().GetEndorsements() {
		message := append(bytes.Clone(t.action.GetAction().GetProposalResponsePayload()), endorsement.GetEndorser()...)
		organization, err := a.verify(endorsement.GetEndorser(), message, endorsement.GetSignature())
		if err != nil {
			return err
		}
		organizations[organization] = true
	}
	var extension peer.ChaincodeHeaderExtension
	if err := proto.Unmarshal(t.channel.GetExtension(), &extension); err != nil {
		return err
	}
	needed, members := 1, len(a.authorities)-1 // all but the orderers'
	if extension.GetChaincodeId().GetName() == a.chaincode {
		needed = members/2 + 1
	}
	if t.code == peer.TxValidationCode_VALID && len(organizations) < needed {
		return fmt.Errorf("valid with endorsements of %d of %d organisations", len(organizations), members)
	}
	return nil
}

// verify checks a signature, its low S, and that the signer's certificate is its organisation's; it returns the MSP id.
func (a *auditor) verify(serialized, message, signature []byte) (string, error) {
	var id msp.SerializedIdentity
	if err := proto.Unmarshal(serialized, &id); err != nil {
		return "", err
	}
	block, _ := pem.Decode(id.GetIdBytes())
	if block == nil {
		return "", errors.New("an identity without a certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	roots, known := a.authorities[id.GetMspid()]
	if !known {
		return "", fmt.Errorf("%q is no organisation of the channel", id.GetMspid())
	}
	if _, err := certificate.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: certificate.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return "", err
	}
	key, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return "", errors.New("no ECDSA key")
	}
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return "", fmt.Errorf("a signature of %s is wrong", id.GetMspid())
	}
	var parts struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &parts); err != nil {
		return "", err
	}
	if parts.S.Cmp(new(big.Int).Rsh(key.Params().N, 1)) > 0 {
		return "", fmt.Errorf("a signature of %s has a high S", id.GetMspid())
	}
	a.signatures++
	return id.GetMspid(), nil
}
