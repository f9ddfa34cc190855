{{- define "weir.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "weir.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "weir.labels" -}}
{{ include "weir.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "weir.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "weir.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "weir.isFleet" -}}{{ if eq .Values.mode "fleet" }}yes{{ end }}{{- end }}

{{- /* What cannot work is said before anything is installed. */}}
{{- define "weir.check" -}}
{{- if not (has .Values.mode (list "single" "fleet")) }}{{ fail (printf "mode must be single or fleet, not %q" .Values.mode) }}{{ end }}
{{- if include "weir.isFleet" . }}
{{- if not .Values.store.existingSecret }}{{ fail "mode fleet needs store.existingSecret: a secret whose key url is a postgres:// URL" }}{{ end }}
{{- if not .Values.temporal.address }}{{ fail "mode fleet needs temporal.address: host:port" }}{{ end }}
{{- if not .Values.accessKey.existingSecret }}{{ fail "mode fleet needs accessKey.existingSecret, or every server would make a key of its own" }}{{ end }}
{{- if not (or .Values.masterKey.url .Values.masterKey.existingSecret) }}{{ fail "mode fleet needs masterKey.url or masterKey.existingSecret, which every pod can reach" }}{{ end }}
{{- if not (or .Values.bucketUrl .Values.buckets) }}{{ fail "mode fleet needs bucketUrl or buckets: pods share no folders" }}{{ end }}
{{- end }}
{{- if and .Values.masterKey.url .Values.masterKey.existingSecret }}{{ fail "masterKey.url and masterKey.existingSecret exclude each other" }}{{ end }}
{{- end }}

{{- define "weir.image" -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end }}

{{- /* The environment that servers and workers share. */}}
{{- define "weir.env" -}}
- { name: WEIR_DATA, value: /data }
- { name: WEIR_CONFIG, value: /etc/weir/weir.yaml }
{{- with .Values.store.existingSecret }}
- name: WEIR_STORE
  valueFrom: { secretKeyRef: { name: {{ . | quote }}, key: url } }
{{- end }}
{{- with .Values.masterKey.url }}
- { name: WEIR_KEY_URL, value: {{ . | quote }} }
{{- end }}
{{- with .Values.masterKey.existingSecret }}
- name: WEIR_KEY_URL
  valueFrom: { secretKeyRef: { name: {{ . | quote }}, key: url } }
{{- end }}
{{- with .Values.temporal.apiKeySecret }}
- name: WEIR_TEMPORAL_API_KEY
  valueFrom: { secretKeyRef: { name: {{ . | quote }}, key: apiKey } }
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "weir.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "weir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* Volumes that servers and workers share; data is added by each. */}}
{{- define "weir.volumes" -}}
- name: config
  configMap: { name: {{ include "weir.name" . }} }
- name: tmp
  emptyDir: {}
{{- if and (include "weir.isFleet" .) .Values.temporal.tls.secret }}
- name: temporal-tls
  secret: { secretName: {{ .Values.temporal.tls.secret | quote }} }
{{- end }}
{{- end }}

{{- define "weir.mounts" -}}
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
- { name: config, mountPath: /etc/weir, readOnly: true }
{{- if and (include "weir.isFleet" .) .Values.temporal.tls.secret }}
- { name: temporal-tls, mountPath: /etc/weir-temporal, readOnly: true }
{{- end }}
{{- end }}
