package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// How long a script may run; Argo CD's own limit.
const scriptLimit = time.Second

// health is what Argo CD shows.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// healthTests is a health_test.yaml.
type healthTests struct {
	Tests []struct {
		InputPath    string `json:"inputPath"`
		HealthStatus health `json:"healthStatus"`
	} `json:"tests"`
}

// healthRun is one test of a health_test.yaml, as it went.
type healthRun struct {
	Input    string `json:"input"`
	Expected health `json:"expected"`
	Got      health `json:"got"`
}

func runHealthTests(folder string) (any, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*", "health_test.yaml"))
	if err != nil {
		return nil, err
	}
	runs := []healthRun{}
	for _, path := range paths {
		of, err := runHealthFile(folder, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		runs = append(runs, of...)
	}
	return runs, nil
}

func runHealthFile(folder, path string) ([]healthRun, error) {
	var file healthTests
	if err := read(path, &file); err != nil {
		return nil, err
	}
	var runs []healthRun
	for _, test := range file.Tests {
		input := filepath.Join(filepath.Dir(path), test.InputPath)
		object := &unstructured.Unstructured{}
		if err := read(input, &object.Object); err != nil {
			return nil, err
		}
		script, err := readScript(folder, object)
		if err != nil {
			return nil, err
		}
		got, err := runScript(script, object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", test.InputPath, err)
		}
		runs = append(runs, healthRun{input, test.HealthStatus, got})
	}
	return runs, nil
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

// readScript finds the Lua for an object where Argo CD's repository would have it: in the folder of its kind, or in
// the folder `_`, which stands for every kind of its group.
func readScript(folder string, object *unstructured.Unstructured) (string, error) {
	kind := object.GroupVersionKind()
	text, err := os.ReadFile(filepath.Join(folder, kind.Group, kind.Kind, "health.lua"))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join(folder, kind.Group, "_", "health.lua"))
	}
	return string(text), err
}

// runScript runs Lua as Argo CD does for a script of a user's: no library but these three. Its `os` with nothing but
// the time is left out too: the health of an object is no matter of the time.
func runScript(script string, object *unstructured.Unstructured) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	}
	for _, name := range []string{lua.LoadLibName, lua.BaseLibName, lua.TabLibName} {
		call := lua.P{Fn: state.NewFunction(libraries[name]), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptLimit)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", value(state, object.Object))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the script returned no table but %s", state.Get(-1).Type())
	}
	return health{field(answer, "status"), field(answer, "message")}, nil
}

func field(table *lua.LTable, name string) string {
	return lua.LVAsString(table.RawGetString(name))
}

// value turns JSON into what the script sees.
func value(state *lua.LState, from any) lua.LValue {
	switch it := from.(type) {
	case bool:
		return lua.LBool(it)
	case float64:
		return lua.LNumber(it)
	case int64:
		return lua.LNumber(it)
	case string:
		return lua.LString(it)
	case []any:
		list := state.CreateTable(len(it), 0)
		for _, item := range it {
			list.Append(value(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(it))
		for key, item := range it {
			table.RawSetString(key, value(state, item))
		}
		return table
	}
	return lua.LNil
}
