// What GitOps engines make of objects, told by the engines' own libraries.
//
//	referee apply ENGINE      applies the objects on standard input, as this engine would
//	referee drift ENGINE      compares them with what the cluster has, as this engine would
//	referee judge FOLDER      judges statuses as Flux, Helm and Argo CD do, the latter by the Lua in FOLDER
//	referee health FOLDER     runs the health tests of FOLDER as Argo CD's own repository runs its own
//	referee releases FILE     reads a file of Flux's HelmReleases, strictly
//
// Objects come and verdicts go as JSON arrays. The cluster is that of KUBECONFIG.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

func main() {
	result, err := run(context.Background(), os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) (any, error) {
	if len(arguments) != 2 {
		return nil, errors.New("usage: referee apply|drift ENGINE, referee judge|health FOLDER, referee releases FILE")
	}
	command, argument := arguments[0], arguments[1]
	switch command {
	case "apply":
		return eachWith(ctx, argument, engine.apply)
	case "drift":
		return eachWith(ctx, argument, engine.drift)
	case "judge":
		return judgeAll(ctx, argument)
	case "health":
		return runHealthTests(argument)
	case "releases":
		return readReleases(argument)
	}
	return nil, fmt.Errorf("there is no command %q", command)
}

// input reads a JSON array from standard input.
func input[T any]() ([]T, error) {
	var items []T
	decoder := json.NewDecoder(os.Stdin)
	return items, decoder.Decode(&items)
}
