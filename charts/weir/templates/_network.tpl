{{/*
Rules that the NetworkPolicies of both parts have in common.
*/}}

{{/* Everywhere but where `except` says: other pods are never there. */}}
{{- define "weir.anywhereBut" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    {{- with include "weir.ofFamily" (dict "cidrs" . "v6" false) | fromJsonArray }}
    except:
      {{- toYaml . | nindent 6 }}
    {{- end }}
- ipBlock:
    cidr: ::/0
    {{- with include "weir.ofFamily" (dict "cidrs" . "v6" true) | fromJsonArray }}
    except:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}

{{- define "weir.ofFamily" -}}
{{- $v6 := .v6 }}
{{- $found := list }}
{{- range .cidrs }}
{{- if eq (contains ":" .) $v6 }}
{{- $found = append $found . }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* Every pod, and everywhere but where a cloud hands out its machines' credentials. */}}
{{- define "weir.egressButDenied" -}}
- to:
    - namespaceSelector: {}
    {{- include "weir.anywhereBut" .deniedCIDRs | nindent 4 }}
{{- end }}

{{- define "weir.egressToDNS" -}}
- to:
    - namespaceSelector: {}
    {{- include "weir.anywhereBut" .deniedCIDRs | nindent 4 }}
  ports:
    {{- range .dnsPorts }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "weir.egressToAPIServer" -}}
- to:
    {{- if .apiServerCIDRs }}
    {{- range .apiServerCIDRs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
    {{- else }}
    {{- include "weir.anywhereBut" .deniedCIDRs | nindent 4 }}
    {{- end }}
  ports:
    {{- range .apiServerPorts }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
