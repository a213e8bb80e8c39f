// Logcheck reads exported logs with other people's code: golang.org/x/mod/sumdb (note, tlog) and Tessera's fsck.
//
// Its argument is a folder with the file `key` (a verifier key) and a folder for each exported tree, which is laid out
// as C2SP tlog-tiles, with the proofs to check in `proofs.json`. It prints one line for each check and exits with 1 if
// one of them failed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// exported is one tree: what we claim about it, and where its files are.
type exported struct {
	folder   string
	verifier note.Verifier
	Size     int64     `json:"size"`
	Root     tlog.Hash `json:"root"`
	// Proofs by leaf index and by first size.
	Inclusion   map[int64][]tlog.Hash `json:"inclusion"`
	Consistency map[int64]prefix      `json:"consistency"`
}

// prefix is an earlier tree of the same log, with the proof that it is one.
type prefix struct {
	Root  tlog.Hash   `json:"root"`
	Proof []tlog.Hash `json:"proof"`
}

var checks = []struct {
	name string
	run  func(*exported) error
}{
	{"checkpoint", checkpoint},
	{"root", root},
	{"entries", entries},
	{"inclusion", inclusion},
	{"consistency", consistency},
	{"fsck", fullCheck},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: logcheck FOLDER")
		os.Exit(2)
	}
	logs, err := open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	failed := false
	for _, log := range logs {
		for _, check := range checks {
			if err := check.run(log); err != nil {
				failed = true
				fmt.Printf("failed %d %s: %s\n", log.Size, check.name, strings.ReplaceAll(err.Error(), "\n", " "))
			} else {
				fmt.Printf("passed %d %s\n", log.Size, check.name)
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// open reads the key and every exported tree, smallest first.
func open(folder string) ([]*exported, error) {
	key, err := os.ReadFile(filepath.Join(folder, "key"))
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(string(key))
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*", "proofs.json"))
	if err != nil {
		return nil, err
	}
	var logs []*exported
	for _, file := range files {
		log := &exported{folder: filepath.Dir(file), verifier: verifier}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, log); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		logs = append(logs, log)
	}
	sort.Slice(logs, func(i, j int) bool { return logs[i].Size < logs[j].Size })
	return logs, nil
}
