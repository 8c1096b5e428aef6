{{/*
What the pods of both parts have in common.
*/}}

{{/*
Two lists as one: what `extra` has again, by `key`, replaces the chart's own, and its own earlier ones. Server-side
apply refuses a list with two entries of one name. (dict "own" […] "extra" […] "key" "name")
*/}}
{{- define "weir.merged" -}}
{{- $key := .key }}
{{- $taken := dict }}
{{- $kept := list }}
{{- range reverse (concat (.own | default list) (.extra | default list)) }}
{{- $name := index . $key }}
{{- if not (hasKey $taken $name) }}
{{- $_ := set $taken $name true }}
{{- $kept = prepend $kept . }}
{{- end }}
{{- end }}
{{- with $kept }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* How a Deployment replaces its pods: (dict "root" $ "part" "router"). */}}
{{- define "weir.strategy" -}}
{{- $strategy := (index .root.Values .part).strategy }}
{{- if eq (toString $strategy.type) "Recreate" -}}
type: Recreate
{{- else }}
{{- $update := $strategy.rollingUpdate | default dict }}
{{- $none := list "0" "0%" }}
{{- if and (has (toString $update.maxSurge) $none) (has (toString $update.maxUnavailable) $none) }}
{{- fail (printf "%s.strategy.rollingUpdate: maxSurge and maxUnavailable must not both be 0, or no pod is ever replaced; set one of them to 1" .part) }}
{{- end }}
{{- toYaml $strategy }}
{{- end }}
{{- end }}

{{/* How many pods may be missing: 1, unless the budget says otherwise. A number that is null counts as not given. */}}
{{- define "weir.budget" -}}
{{- $nothing := list "" "<nil>" }}
{{- if not (has (toString .minAvailable) $nothing) -}}
minAvailable: {{ .minAvailable }}
{{- else -}}
maxUnavailable: {{ has (toString .maxUnavailable) $nothing | ternary 1 .maxUnavailable }}
{{- end }}
{{- end }}

{{/* The further containers of a pod; none may be called as the chart's own. */}}
{{- define "weir.extraContainers" -}}
{{- $part := .part }}
{{- range .containers }}
{{- if eq .name $part }}
{{- fail (printf "%s.extraContainers: a container must not be called %q: that is the chart's own" $part $part) }}
{{- end }}
{{- end }}
{{- include "weir.merged" (dict "own" list "extra" .containers "key" "name") }}
{{- end }}

{{/* A probe of the admin port: (dict "path" "/livez" "timing" {…}). */}}
{{- define "weir.probe" -}}
httpGet:
  path: {{ .path }}
  port: admin
{{- with .timing }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where pods go and whose they are: (dict "root" $ "part" "router"). */}}
{{- define "weir.placement" -}}
{{- $part := index .root.Values .part -}}
serviceAccountName: {{ include "weir.serviceAccountName" . }}
automountServiceAccountToken: {{ $part.serviceAccount.automount }}
enableServiceLinks: false
{{- if not $part.hostUsers }}
hostUsers: false
{{- end }}
{{- with concat .root.Values.global.imagePullSecrets .root.Values.imagePullSecrets | uniq }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml $part.topologySpreadConstraints | nindent 2 }}
{{- else if $part.softTopologySpread }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "weir.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml $part.podSecurityContext | nindent 2 }}
{{- end }}

{{/* `metadata` of a pod template. */}}
{{- define "weir.podMetadata" -}}
{{- $part := index .root.Values .part -}}
labels:
  {{- include "weir.podLabels" (dict "root" .root "part" .part "extra" $part.podLabels) | nindent 2 }}
{{- $annotations := dict "kubectl.kubernetes.io/default-container" .part }}
{{- include "weir.annotations" (dict "root" .root "extra" (merge (dict) $part.podAnnotations $annotations)) }}
{{- end }}

{{/* The chart's own container, without arguments, ports, probes and mounts. */}}
{{- define "weir.container" -}}
{{- $part := index .root.Values .part -}}
name: {{ .part }}
image: {{ include "weir.image" (dict "root" .root "image" $part.image) | quote }}
imagePullPolicy: {{ include "weir.pullPolicy" (dict "root" .root "image" $part.image) }}
securityContext:
  {{- toYaml $part.containerSecurityContext | nindent 2 }}
{{- with $part.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "weir.merged" (dict "own" .env "extra" $part.extraEnv "key" "name") }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with $part.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
startupProbe:
  {{- include "weir.probe" (dict "path" "/livez" "timing" $part.startupProbe) | nindent 2 }}
livenessProbe:
  {{- include "weir.probe" (dict "path" "/livez" "timing" $part.livenessProbe) | nindent 2 }}
readinessProbe:
  {{- include "weir.probe" (dict "path" "/readyz" "timing" $part.readinessProbe) | nindent 2 }}
{{- end }}
