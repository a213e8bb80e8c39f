// Command compose_check loads a Compose project as Docker Compose does and prints the resolved model as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run resolves includes, extensions and interpolation, with every profile active, and checks references.
// The environment is left out: what the files say must hold on any machine.
func run(ctx context.Context, file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithName("wayproof"), cli.WithProfiles([]string{"*"}))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(project)
}
