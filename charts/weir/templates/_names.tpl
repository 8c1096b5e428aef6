{{/*
What things are called, and the labels by which they are found.
*/}}

{{- define "weir.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Of every object's name; short enough for the longest suffix to fit into a DNS label. A Service's begins so. */}}
{{- define "weir.fullname" -}}
{{- $name := include "weir.wishedName" . }}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $name) }}
{{- fail (printf "fullnameOverride: no Service can be called %q: a name begins with a letter and has no dot; set fullnameOverride to another than that of the release" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{- define "weir.wishedName" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "weir.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "weir.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The name of a part's objects: (dict "root" $ "part" "router"). */}}
{{- define "weir.partName" -}}
{{- printf "%s-%s" (include "weir.fullname" .root) .part }}
{{- end }}

{{/* The labels that select a part's pods. They never change: a Deployment's selector can't. */}}
{{- define "weir.selectorLabels" -}}
app.kubernetes.io/name: {{ include "weir.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/*
The labels of an object of a part, with `extra` and commonLabels beneath the chart's own, which win.
*/}}
{{- define "weir.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "weir.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" .part
  "app.kubernetes.io/part-of" "weir"
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- merge $own (.extra | default dict) .root.Values.commonLabels | toYaml }}
{{- end }}

{{/* The labels of a part's pods: without what changes from version to version alone. */}}
{{- define "weir.podLabels" -}}
{{- $own := include "weir.selectorLabels" . | fromYaml }}
{{- merge $own (dict "app.kubernetes.io/part-of" "weir") (.extra | default dict) .root.Values.commonLabels | toYaml }}
{{- end }}

{{/* An object's annotations, with their key, or nothing: (dict "root" $ "extra" {…}). */}}
{{- define "weir.annotations" -}}
{{- $all := merge (dict) (.extra | default dict) .root.Values.commonAnnotations }}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* `metadata` of an object of a part: (dict "root" $ "part" "router" "name" "…" "annotations" {…} "labels" {…}). */}}
{{- define "weir.metadata" -}}
name: {{ .name | default (include "weir.partName" .) }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- include "weir.labels" (dict "root" .root "part" .part "extra" .labels) | nindent 2 }}
{{- with include "weir.annotations" (dict "root" .root "extra" .annotations) | trim }}
{{ . }}
{{- end }}
{{- end }}

{{/* The same for what lies in no namespace. */}}
{{- define "weir.clusterMetadata" -}}
name: {{ .name }}
labels:
  {{- include "weir.labels" (dict "root" .root "part" .part "extra" .labels) | nindent 2 }}
{{- with include "weir.annotations" (dict "root" .root "extra" .annotations) | trim }}
{{ . }}
{{- end }}
{{- end }}

{{- define "weir.serviceAccountName" -}}
{{- $account := (index .root.Values .part).serviceAccount }}
{{- if $account.create }}
{{- default (include "weir.partName" .) $account.name }}
{{- else }}
{{- required (printf "%s.serviceAccount.name: it must be given where %s.serviceAccount.create is false" .part .part) $account.name }}
{{- end }}
{{- end }}

{{/* The Secret with the token between the operator and the routers' admin ports. */}}
{{- define "weir.adminTokenSecret" -}}
{{- default (printf "%s-admin-token" (include "weir.fullname" .)) .Values.adminToken.existingSecret }}
{{- end }}

{{/* An image: (dict "root" $ "image" .Values.router.image). A digest wins over a tag, the global registry over all. */}}
{{- define "weir.image" -}}
{{- $shared := .root.Values.image }}
{{- $registry := coalesce .root.Values.global.imageRegistry .image.registry $shared.registry }}
{{- $name := list $registry .image.repository | compact | join "/" }}
{{- if .image.digest }}
{{- printf "%s@%s" $name .image.digest }}
{{- else }}
{{- printf "%s:%s" $name (coalesce .image.tag $shared.tag .root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "weir.pullPolicy" -}}
{{- coalesce .image.pullPolicy .root.Values.image.pullPolicy }}
{{- end }}

{{/* The namespaces whose objects the operator watches, Weir's own among them; empty means all. */}}
{{- define "weir.watchedNamespaces" -}}
{{- with .Values.watchNamespaces }}
{{- append . $.Release.Namespace | uniq | sortAlpha | toJson }}
{{- else }}
{{- list | toJson }}
{{- end }}
{{- end }}

{{/* The names of the Secrets in which the operator hands credentials to the routers. */}}
{{- define "weir.credentialSecrets" -}}
{{- range $i, $digit := splitList "" "0123456789abcdef" }}
{{- if $i }}
{{ end -}}
- weir-credentials-{{ $digit }}
{{- end }}
{{- end }}
