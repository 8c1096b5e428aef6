{{/*
What the first steps of NOTES.txt depend on.
*/}}

{{/* The namespace of the first policy and key: `default`, unless others are watched. */}}
{{- define "weir.notes.namespace" -}}
{{- $named := .Values.watchNamespaces }}
{{- if or (not $named) (has "default" $named) }}default{{ else }}{{ first $named }}{{ end }}
{{- end }}

{{/*
The first provider, as JSON: its kind, its metadata, where its Secret lies, and whether it counts. Where the operator
has nothing to do with ClusterProviders, it is a Provider beside the first policy.
*/}}
{{- define "weir.notes.provider" -}}
{{- if eq .Values.providers.cluster.access "None" }}
{{- $namespace := include "weir.notes.namespace" . }}
{{- toJson (dict
  "kind" "Provider"
  "metadata" (printf "{name: openai, namespace: %s}" $namespace)
  "secretNamespace" $namespace
  "counts" .Values.providers.namespaced.enabled) }}
{{- else }}
{{- toJson (dict
  "kind" "ClusterProvider"
  "metadata" "{name: openai}"
  "secretNamespace" .Release.Namespace
  "counts" true) }}
{{- end }}
{{- end }}
