package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// deliver asks the peer for the blocks from the oldest to the newest.
func deliver(t *target) ([]*common.Block, error) {
	connection, err := t.dial()
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	stream, err := peer.NewDeliverClient(connection).Deliver(ctx)
	if err != nil {
		return nil, err
	}
	request, err := seek(t)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(request); err != nil {
		return nil, err
	}
	var blocks []*common.Block
	for {
		response, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if block := response.GetBlock(); block != nil {
			blocks = append(blocks, block)
		} else if response.GetStatus() == common.Status_SUCCESS {
			return blocks, nil
		} else {
			return nil, fmt.Errorf("the peer answered %s", response.GetStatus())
		}
	}
}

// seek returns the signed request, made by hand.
func seek(t *target) (*common.Envelope, error) {
	certificate, err := os.ReadFile(filepath.Join(t.user, "cert.pem"))
	if err != nil {
		return nil, err
	}
	info := &orderer.SeekInfo{
		Start: &orderer.SeekPosition{Type: &orderer.SeekPosition_Oldest{Oldest: &orderer.SeekOldest{}}},
		Stop:  &orderer.SeekPosition{Type: &orderer.SeekPosition_Newest{Newest: &orderer.SeekNewest{}}},
	}
	data, err1 := proto.Marshal(info)
	creator, err2 := proto.Marshal(&msp.SerializedIdentity{Mspid: t.msp, IdBytes: certificate})
	by, err3 := proto.Marshal(&common.SignatureHeader{Creator: creator})
	channel, err4 := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_DELIVER_SEEK_INFO), ChannelId: t.channel, Timestamp: timestamppb.Now(),
	})
	payload, err5 := proto.Marshal(&common.Payload{
		Header: &common.Header{ChannelHeader: channel, SignatureHeader: by}, Data: data,
	})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	signature, err := sign(t, payload)
	return &common.Envelope{Payload: payload, Signature: signature}, err
}

func sign(t *target, message []byte) ([]byte, error) {
	key, err := t.key()
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not an ECDSA key")
	}
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		return nil, err
	}
	if n := private.Params().N; s.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		s.Sub(n, s)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{r, s})
}

func readFiles(folder string) ([]*common.Block, error) {
	var blocks []*common.Block
	for number := range math.MaxInt32 {
		encoded, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%d.block", number)))
		if errors.Is(err, os.ErrNotExist) {
			return blocks, nil
		}
		if err != nil {
			return nil, err
		}
		block := new(common.Block)
		if err := proto.Unmarshal(encoded, block); err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// authoritiesOf reads the organisations' certificate authorities from the channel's configuration.
func authoritiesOf(genesis *common.Block) (map[string]*x509.CertPool, error) {
	if len(genesis.GetData().GetData()) != 1 {
		return nil, errors.New("a genesis block holds one transaction")
	}
	var envelope common.Envelope
	var payload common.Payload
	var config common.ConfigEnvelope
	if err := proto.Unmarshal(genesis.GetData().GetData()[0], &envelope); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(payload.GetData(), &config); err != nil {
		return nil, err
	}
	pools := map[string]*x509.CertPool{}
	for _, section := range []string{"Application", "Orderer"} {
		for _, group := range config.GetConfig().GetChannelGroup().GetGroups()[section].GetGroups() {
			var outer msp.MSPConfig
			var inner msp.FabricMSPConfig
			if err := proto.Unmarshal(group.GetValues()["MSP"].GetValue(), &outer); err != nil {
				return nil, err
			}
			if err := proto.Unmarshal(outer.GetConfig(), &inner); err != nil {
				return nil, err
			}
			pool := x509.NewCertPool()
			for _, root := range inner.GetRootCerts() {
				if !pool.AppendCertsFromPEM(root) {
					return nil, fmt.Errorf("%s: a root that is no certificate", inner.GetName())
				}
			}
			pools[inner.GetName()] = pool
		}
	}
	return pools, nil
}
