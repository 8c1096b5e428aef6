package main

import (
	"context"
	"fmt"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/fluxcd/pkg/ssa"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
)

// The field manager under which Argo CD applies.
const argoManager = "argocd-controller"

// engine applies objects and says how the cluster differs from them; no difference is the empty text.
type engine interface {
	apply(ctx context.Context, object *unstructured.Unstructured) (string, error)
	drift(ctx context.Context, object *unstructured.Unstructured) (string, error)
}

// outcome is what became of one object.
type outcome struct {
	Object string `json:"object"`
	Result string `json:"result"`
}

func eachWith(
	ctx context.Context,
	name string,
	do func(engine, context.Context, *unstructured.Unstructured) (string, error),
) (any, error) {
	objects, err := input[unstructured.Unstructured]()
	if err != nil {
		return nil, err
	}
	chosen, cleanup, err := newEngine(name)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	outcomes := make([]outcome, 0, len(objects))
	for i := range objects {
		object := &objects[i]
		result, err := do(chosen, ctx, object)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		outcomes = append(outcomes, outcome{object.GetKind() + " " + object.GetName(), result})
	}
	return outcomes, nil
}

func newEngine(name string) (engine, func(), error) {
	settings, err := config.GetConfig()
	if err != nil {
		return nil, nil, err
	}
	switch name {
	case "argo-cd":
		return newArgo(settings, false)
	case "argo-cd-server-side":
		return newArgo(settings, true)
	case "flux":
		return newFlux(settings)
	}
	return nil, nil, fmt.Errorf("there is no engine %q", name)
}

// flux is Flux's kustomize-controller: server-side apply, and a dry run of it.
type flux struct{ manager *ssa.ResourceManager }

func newFlux(settings *rest.Config) (engine, func(), error) {
	cluster, err := client.New(settings, client.Options{})
	if err != nil {
		return nil, nil, err
	}
	owner := ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}
	return flux{ssa.NewResourceManager(cluster, nil, owner)}, func() {}, nil
}

func (f flux) apply(ctx context.Context, object *unstructured.Unstructured) (string, error) {
	change, err := f.manager.Apply(ctx, object, ssa.DefaultApplyOptions())
	if err != nil {
		return "", err
	}
	return change.Action.String(), nil
}

func (f flux) drift(ctx context.Context, object *unstructured.Unstructured) (string, error) {
	change, live, merged, err := f.manager.Diff(ctx, object, ssa.DefaultDiffOptions())
	if err != nil {
		return "", err
	}
	if change.Action == ssa.UnchangedAction {
		return "", nil
	}
	return fmt.Sprintf("%s: %v would be %v", change.Action, live, merged), nil
}

// argo is Argo CD's application controller, in either of its ways to apply and to compare.
type argo struct {
	settings   *rest.Config
	kubectl    *kube.KubectlCmd
	operations kube.ResourceOperations
	options    []diff.Option
	serverSide bool
}

func newArgo(settings *rest.Config, serverSide bool) (engine, func(), error) {
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	operations, forget, err := kubectl.ManageResources(settings)
	if err != nil {
		return nil, nil, err
	}
	runs, forgetRuns, err := kubectl.ManageServerSideDiffDryRuns(settings)
	if err != nil {
		return nil, nil, err
	}
	_, parser, err := kubectl.LoadOpenAPISchema(settings)
	if err != nil {
		return nil, nil, err
	}
	options := []diff.Option{
		diff.WithLogr(logr.Discard()),
		diff.WithManager(argoManager),
		diff.WithGVKParser(parser),
		diff.WithServerSideDiff(serverSide),
		diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(runs)),
	}
	cleanup := func() { forget(); forgetRuns() }
	return argo{settings, kubectl, operations, options, serverSide}, cleanup, nil
}

func (a argo) apply(ctx context.Context, object *unstructured.Unstructured) (string, error) {
	const force, validate = false, true
	return a.operations.ApplyResource(ctx, object, cmdutil.DryRunNone, force, validate, a.serverSide, argoManager)
}

func (a argo) drift(ctx context.Context, object *unstructured.Unstructured) (string, error) {
	kind := object.GroupVersionKind()
	live, err := a.kubectl.GetResource(ctx, a.settings, kind, object.GetName(), object.GetNamespace())
	if err != nil {
		return "", err
	}
	found, err := diff.Diff(object, live, a.options...)
	if err != nil || !found.Modified {
		return "", err
	}
	return fmt.Sprintf("%s would be %s", found.NormalizedLive, found.PredictedLive), nil
}
