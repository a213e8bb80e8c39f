package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// tiles reads our tiles for tlog, which names them tile/<height>/<level>/… where C2SP has no height.
type tiles struct{ folder string }

func (t tiles) Height() int { return tileHeight }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	contents := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
		content, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			return nil, err
		}
		contents[i] = content
	}
	return contents, nil
}

// hashes returns the hashes of our tiles; tlog checks every one of them against the root.
func (e *exported) hashes() tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: e.Size, Hash: e.Root}, tiles{e.folder})
}

// checkpoint opens the signed note and compares its three lines with what we claim.
func checkpoint(e *exported) error {
	signed, err := os.ReadFile(filepath.Join(e.folder, "checkpoint"))
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList(e.verifier))
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%s\n%d\n%s\n", e.verifier.Name(), e.Size, e.Root); opened.Text != want {
		return fmt.Errorf("text is %q instead of %q", opened.Text, want)
	}
	if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 0 {
		return fmt.Errorf("%d verified and %d other signatures", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	return nil
}

// root computes the root from the tiles.
func root(e *exported) error {
	computed, err := tlog.TreeHash(e.Size, e.hashes())
	if err != nil {
		return err
	}
	if computed != e.Root {
		return fmt.Errorf("tiles have the root %s instead of %s", computed, e.Root)
	}
	return nil
}

// entries hashes every entry of the bundles and folds them to the root without any of our tiles.
func entries(e *exported) error {
	var stored storedHashes
	for index := int64(0); index < e.Size; {
		bundle, err := os.ReadFile(filepath.Join(e.folder, bundlePath(index, e.Size)))
		if err != nil {
			return err
		}
		for len(bundle) > 0 {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("a bundle ends within entry %d", index)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			hashes, err := tlog.StoredHashes(index, bundle[2:end], stored)
			if err != nil {
				return err
			}
			stored = append(stored, hashes...)
			bundle = bundle[end:]
			index++
		}
	}
	computed, err := tlog.TreeHash(e.Size, stored)
	if err != nil {
		return err
	}
	if computed != e.Root {
		return fmt.Errorf("entries have the root %s instead of %s", computed, e.Root)
	}
	return nil
}

// storedHashes is tlog's own store, in memory.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = s[index]
	}
	return hashes, nil
}

// bundlePath names the bundle that begins at an index: tlog's path of a level 0 tile, under `entries`.
func bundlePath(index, size int64) string {
	width := min(size-index, 1<<tileHeight)
	tile := tlog.Tile{H: tileHeight, L: 0, N: index >> tileHeight, W: int(width)}
	return "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/"+strconv.Itoa(tileHeight)+"/0/")
}

// inclusion verifies our proofs with tlog, and makes the same ones.
func inclusion(e *exported) error {
	for index, ours := range e.Inclusion {
		leaf, err := e.hashes().ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(ours, e.Size, e.Root, index, leaf[0]); err != nil {
			return fmt.Errorf("our proof of leaf %d: %w", index, err)
		}
		theirs, err := tlog.ProveRecord(e.Size, index, e.hashes())
		if err != nil {
			return err
		}
		if !slices.Equal(theirs, ours) {
			return fmt.Errorf("the proofs of leaf %d differ", index)
		}
	}
	return nil
}

// consistency verifies our proofs with tlog, and makes the same ones. tlog knows no proof from size 0: ours is empty.
func consistency(e *exported) error {
	for size, ours := range e.Consistency {
		if size == 0 {
			if len(ours.Proof) != 0 {
				return fmt.Errorf("a proof from size 0 has %d hashes", len(ours.Proof))
			}
			continue
		}
		if err := tlog.CheckTree(ours.Proof, e.Size, e.Root, size, ours.Root); err != nil {
			return fmt.Errorf("our proof from size %d: %w", size, err)
		}
		theirs, err := tlog.ProveTree(e.Size, size, e.hashes())
		if err != nil {
			return err
		}
		if !slices.Equal(theirs, ours.Proof) {
			return fmt.Errorf("the proofs from size %d differ", size)
		}
	}
	return nil
}
