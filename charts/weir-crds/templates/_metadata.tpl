{{/* The labels of a definition. */}}
{{- define "weir-crds.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" .Chart.Name
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/part-of" "weir"
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- merge $own .Values.crds.labels | toYaml }}
{{- end }}

{{/* The annotations of a definition, with their key, or nothing. */}}
{{- define "weir-crds.annotations" -}}
{{- $own := dict }}
{{- if .Values.crds.keep }}
{{- $own = dict "helm.sh/resource-policy" "keep" }}
{{- end }}
{{- with merge $own .Values.crds.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
