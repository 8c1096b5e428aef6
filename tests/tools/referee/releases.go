package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	helm "github.com/fluxcd/helm-controller/api/v2"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// readReleases reads a file of HelmReleases by Flux's own types, and refuses what they don't know. Their definition
// is in no module.
func readReleases(path string) (any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	names := []string{}
	reader := documents.NewYAMLReader(bufio.NewReader(file))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		var release helm.HelmRelease
		if err := yaml.UnmarshalStrict(document, &release); err != nil {
			return nil, err
		}
		names = append(names, release.Name)
	}
}
