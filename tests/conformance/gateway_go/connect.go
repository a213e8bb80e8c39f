package main

import (
	"crypto"
	"crypto/x509"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

const messageLimit = 100 * 1024 * 1024

// target is a ledger and who speaks to it: user is a folder with cert.pem and key.pem.
type target struct {
	peer, tlsCA, msp, user, channel, chaincode string
}

func (t *target) flags(set *flag.FlagSet) {
	set.StringVar(&t.peer, "peer", "", "host:port of the gateway peer")
	set.StringVar(&t.tlsCA, "tls-ca", "", "file with the CA of its TLS certificate")
	set.StringVar(&t.msp, "msp", "Org1MSP", "MSP id of the client")
	set.StringVar(&t.user, "user", "", "folder with the client's cert.pem and key.pem")
	set.StringVar(&t.channel, "channel", "trade", "channel")
	set.StringVar(&t.chaincode, "chaincode", "assets", "chaincode")
}

func (t *target) dial() (*grpc.ClientConn, error) {
	pem, err := os.ReadFile(t.tlsCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + t.tlsCA)
	}
	return grpc.NewClient(t.peer,
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "")),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(messageLimit), grpc.MaxCallSendMsgSize(messageLimit)))
}

func (t *target) identity() (*identity.X509Identity, identity.Sign, error) {
	pem, err := os.ReadFile(filepath.Join(t.user, "cert.pem"))
	if err != nil {
		return nil, nil, err
	}
	certificate, err := identity.CertificateFromPEM(pem)
	if err != nil {
		return nil, nil, err
	}
	key, err := t.key()
	if err != nil {
		return nil, nil, err
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, nil, err
	}
	id, err := identity.NewX509Identity(t.msp, certificate)
	return id, sign, err
}

func (t *target) key() (crypto.PrivateKey, error) {
	pem, err := os.ReadFile(filepath.Join(t.user, "key.pem"))
	if err != nil {
		return nil, err
	}
	return identity.PrivateKeyFromPEM(pem)
}

// connect returns two gateways over one connection: with a signer, and without one for signing elsewhere.
func (t *target) connect() (signing, offline *client.Gateway, sign identity.Sign, err error) {
	connection, err := t.dial()
	if err != nil {
		return nil, nil, nil, err
	}
	id, sign, err := t.identity()
	if err != nil {
		return nil, nil, nil, err
	}
	options := []client.ConnectOption{
		client.WithHash(hash.SHA256),
		client.WithClientConnection(connection),
		client.WithEvaluateTimeout(10 * time.Second),
		client.WithEndorseTimeout(20 * time.Second),
		client.WithSubmitTimeout(10 * time.Second),
		client.WithCommitStatusTimeout(60 * time.Second),
	}
	if offline, err = client.Connect(id, options...); err != nil {
		return nil, nil, nil, err
	}
	signing, err = client.Connect(id, append(options, client.WithSign(sign))...)
	return signing, offline, sign, err
}
