package main

import (
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

// fullCheck lets Tessera derive every tile and the root from the entry bundles, and compare them with ours.
func fullCheck(e *exported) error {
	fetcher := client.FileFetcher{Root: e.folder}
	return fsck.New(e.verifier.Name(), e.verifier, fetcher, leafHashes, fsck.Opts{N: 2}).Check(context.Background())
}

// leafHashes parses a bundle and hashes its entries as RFC 6962 says.
func leafHashes(content []byte) ([][]byte, error) {
	bundle := &api.EntryBundle{}
	if err := bundle.UnmarshalText(content); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	hashes := make([][]byte, 0, len(bundle.Entries))
	for _, entry := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
