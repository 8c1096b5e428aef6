{{/*
What `helm test` makes for itself. Every object is a hook, and gone when the test has ended, well or not.
*/}}

{{/* `metadata` of a hook: (dict "root" $ "weight" 0 "name" "…"). What has no namespace says "cluster" true. */}}
{{- define "weir.test.metadata" -}}
{{- $hook := dict
  "helm.sh/hook" "test"
  "helm.sh/hook-weight" (.weight | toString)
  "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded,hook-failed"
  "helm.sh/hook-output-log-policy" "hook-succeeded,hook-failed" }}
{{- $metadata := dict "root" .root "part" (.part | default "test") "name" .name "annotations" $hook "labels" (.labels | default dict) }}
{{- include (ternary "weir.clusterMetadata" "weir.metadata" (.cluster | default false)) $metadata }}
{{- end }}

{{/* A name of its own in the whole cluster, where another installation may be tested at the same time. */}}
{{- define "weir.test.providerName" -}}
weir-test-{{ printf "%s/%s" .Release.Namespace (include "weir.fullname" .) | sha256sum | trunc 10 }}
{{- end }}

{{/* What both pods have in common: (dict "root" $). */}}
{{- define "weir.test.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.test.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.test.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "weir.test.container" -}}
image: {{ include "weir.image" (dict "root" . "image" .Values.test.image) | quote }}
imagePullPolicy: {{ include "weir.pullPolicy" (dict "root" . "image" .Values.test.image) }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml .Values.test.resources | nindent 2 }}
{{- end }}
