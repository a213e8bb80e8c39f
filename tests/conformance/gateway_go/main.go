// Command gateway_go uses a ledger through Hyperledger's own Go client, and reads its blocks without our code.
//
//	gateway_go scenario FLAGS   what an application does; one line for each check
//	gateway_go audit FLAGS      read every block and check hashes and signatures; one line for each check
//	gateway_go submit FLAGS     submit as fast as possible; one line of JSON
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("give a command: scenario, audit or submit"))
	}
	commands := map[string]func(*flag.FlagSet, []string) error{
		"scenario": scenarioCommand, "audit": auditCommand, "submit": submitCommand,
	}
	command, known := commands[os.Args[1]]
	if !known {
		fail(fmt.Errorf("no command %q", os.Args[1]))
	}
	if err := command(flag.NewFlagSet(os.Args[1], flag.ExitOnError), os.Args[2:]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
