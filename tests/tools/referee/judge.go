package main

import (
	"context"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// observed is an object, and whether its controller has finished with it.
type observed struct {
	Settled bool                      `json:"settled"`
	Object  unstructured.Unstructured `json:"object"`
}

// verdict is what the engines make of one object.
type verdict struct {
	// Kstatus is what Flux and Helm wait for, such as Current, InProgress or Failed.
	Kstatus string `json:"kstatus"`
	// Fail is what Flux's checker of conditions forbids.
	Fail string `json:"fail"`
	// Warn is what it advises against.
	Warn string `json:"warn"`
	// Health is Argo CD's, by our Lua.
	Health health `json:"health"`
}

func judgeAll(ctx context.Context, folder string) (any, error) {
	objects, err := input[observed]()
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, 0, len(objects))
	for i := range objects {
		judged, err := judge(ctx, folder, &objects[i])
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, judged)
	}
	return verdicts, nil
}

func judge(ctx context.Context, folder string, seen *observed) (verdict, error) {
	computed, err := status.Compute(&seen.Object)
	if err != nil {
		return verdict{}, err
	}
	script, err := readScript(folder, &seen.Object)
	if err != nil {
		return verdict{}, err
	}
	healthiness, err := runScript(script, &seen.Object)
	if err != nil {
		return verdict{}, err
	}
	fail, warn := checker(seen.Settled).Check(ctx, conditions.UnstructuredGetter(&seen.Object))
	return verdict{string(computed.Status), text(fail), text(warn), healthiness}, nil
}

// checker is Flux's, for an object that its controller has finished with, or for any moment.
func checker(settled bool) *check.Checker {
	chosen := check.NewInProgressChecker(nil)
	if settled {
		chosen = check.NewChecker(nil, &check.Conditions{NegativePolarity: []string{"Stalled", "Reconciling"}})
	}
	chosen.DisableFetch = true
	return chosen
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
