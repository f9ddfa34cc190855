// Package deploy judges the files of deploy by the code of the tools that will read them: Helm renders the chart and
// Kubernetes' own types decode it, Compose loads its file, BuildKit parses and lints the Dockerfile, systemd checks the
// unit.
package deploy

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const root = "../.."

// fleet is the least that the shape "fleet" needs.
const fleet = `
mode: fleet
accessKey: {existingSecret: weir-key}
masterKey: {url: "awskms:///alias/weir?region=eu-north-1"}
store: {existingSecret: weir-db}
temporal: {address: "temporal:7233"}
bucketUrl: "s3://{bucket}?region=eu-north-1"
`

// render gives the chart's objects by kind and name, decoded strictly by Kubernetes' own types.
func render(t *testing.T, values string) (map[string]runtime.Object, error) {
	t.Helper()
	chart, err := loader.Load(filepath.Join(root, "deploy/helm/weir"))
	require.NoError(t, err)
	var user map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(values), &user))
	all, err := chartutil.ToRenderValues(chart, user, chartutil.ReleaseOptions{Name: "flows", Namespace: "data"}, chartutil.DefaultCapabilities)
	require.NoError(t, err)
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return nil, err
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	objects := map[string]runtime.Object{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, text := range regexp.MustCompile(`(?m)^---\s*$`).Split(files[name], -1) {
			if strings.TrimSpace(text) == "" {
				continue
			}
			object, kind, err := decoder.Decode([]byte(text), nil, nil)
			if runtime.IsNotRegisteredError(err) { // the Prometheus operator's
				continue
			}
			require.NoError(t, err, "%s:\n%s", name, text)
			meta := struct {
				Metadata struct{ Name string }
			}{}
			require.NoError(t, yaml.Unmarshal([]byte(text), &meta))
			objects[kind.Kind+"/"+meta.Metadata.Name] = object
		}
	}
	return objects, nil
}

func TestChart_SinglePodOnAVolume(t *testing.T) {
	t.Parallel()
	objects, err := render(t, `{}`)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"ConfigMap/flows-weir", "NetworkPolicy/flows-weir", "Service/flows-weir", "ServiceAccount/flows-weir", "StatefulSet/flows-weir",
	}, slices.Collect(maps.Keys(objects)))
	set := objects["StatefulSet/flows-weir"].(*appsv1.StatefulSet)
	require.EqualValues(t, 1, *set.Spec.Replicas)
	pod := set.Spec.Template.Spec
	requireHardened(t, pod)
	requireKnownSettings(t, objects["ConfigMap/flows-weir"].(*corev1.ConfigMap), pod, "serve")
}

func TestChart_Fleet(t *testing.T) {
	t.Parallel()
	objects, err := render(t, fleet+`
worker: {autoscaling: {enabled: true}}
temporal: {address: "temporal:7233", tls: {enabled: true, secret: temporal-client}, apiKeySecret: temporal-key}
ingress: {enabled: true, host: weir.example.com, tlsSecret: weir-tls, className: nginx}
metrics: {podMonitor: {enabled: true}}
config: {max-flows: 5000, allow-network: [10.0.0.0/8]}
env: [{name: AWS_REGION, value: eu-north-1}]
`)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"ConfigMap/flows-weir", "NetworkPolicy/flows-weir", "Service/flows-weir", "ServiceAccount/flows-weir", "Ingress/flows-weir",
		"Deployment/flows-weir", "Deployment/flows-weir-worker", "HorizontalPodAutoscaler/flows-weir-worker",
		"PodDisruptionBudget/flows-weir-server", "PodDisruptionBudget/flows-weir-worker",
	}, slices.Collect(maps.Keys(objects)))
	config := objects["ConfigMap/flows-weir"].(*corev1.ConfigMap)
	for name, command := range map[string]string{"flows-weir": "serve", "flows-weir-worker": "worker"} {
		d := objects["Deployment/"+name].(*appsv1.Deployment)
		requireHardened(t, d.Spec.Template.Spec)
		requireKnownSettings(t, config, d.Spec.Template.Spec, command)
		require.Equal(t, command == "worker", d.Spec.Replicas == nil, "the autoscaler's count is not to be reset")
	}
	service := objects["Service/flows-weir"].(*corev1.Service)
	labels := objects["Deployment/flows-weir"].(*appsv1.Deployment).Spec.Template.Labels
	for k, v := range service.Spec.Selector {
		require.Equal(t, v, labels[k], "the service must find the servers")
	}
	require.NotEqual(t, service.Spec.Selector["app.kubernetes.io/component"],
		objects["Deployment/flows-weir-worker"].(*appsv1.Deployment).Spec.Template.Labels["app.kubernetes.io/component"], "and no workers")
}

func TestChart_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, without, says string }{
		{"store", "store:", "store.existingSecret"},
		{"Temporal", "temporal:", "temporal.address"},
		{"key", "accessKey:", "accessKey.existingSecret"},
		{"master key", "masterKey:", "masterKey.url or masterKey.existingSecret"},
		{"buckets", "bucketUrl:", "bucketUrl or buckets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lines := slices.DeleteFunc(strings.Split(fleet, "\n"), func(line string) bool { return strings.HasPrefix(line, tt.without) })
			_, err := render(t, strings.Join(lines, "\n"))
			require.ErrorContains(t, err, tt.says)
		})
	}
	_, err := render(t, "mode: both")
	require.ErrorContains(t, err, `mode must be single or fleet, not "both"`)
}

func TestChart_Lints(t *testing.T) {
	t.Parallel()
	result := lint.All(filepath.Join(root, "deploy/helm/weir"), nil, "data", true)
	for _, m := range result.Messages {
		require.Less(t, m.Severity, support.WarningSev, "%s: %v", m.Path, m.Err)
	}
}

func requireHardened(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.False(t, *pod.AutomountServiceAccountToken)
	for _, c := range pod.Containers {
		require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
		require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
		require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
		require.NotNil(t, c.LivenessProbe)
		require.False(t, c.Resources.Limits.Memory().IsZero())
	}
	volumes := map[string]bool{"data": true} // of a StatefulSet's claim
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range pod.Containers[0].VolumeMounts {
		require.True(t, volumes[m.Name], "volume %s is mounted and does not exist", m.Name)
	}
}

// requireKnownSettings asks the binary: the chart's file of settings must be one that it takes, and its variables must be
// twins of flags.
func requireKnownSettings(t *testing.T, config *corev1.ConfigMap, pod corev1.PodSpec, command string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weir.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config.Data["weir.yaml"]), 0o600))
	require.Equal(t, []string{command}, pod.Containers[0].Args)
	help := weir(t, nil, command, "--help")
	weir(t, []string{"WEIR_CONFIG=" + file}, "version")
	special := []string{"WEIR_CONFIG", "WEIR_ACCESS_KEY_ID", "WEIR_SECRET_ACCESS_KEY", "WEIR_TEMPORAL_API_KEY"}
	for _, e := range pod.Containers[0].Env {
		flag, isOurs := strings.CutPrefix(e.Name, "WEIR_")
		if isOurs && !slices.Contains(special, e.Name) {
			require.Contains(t, help, "--"+strings.ToLower(strings.ReplaceAll(flag, "_", "-")), "variable %s is no flag's twin of weir %s", e.Name, command)
		}
	}
}

// weir runs the binary that the repository's build has left.
func weir(t *testing.T, env []string, args ...string) string {
	t.Helper()
	bin := os.Getenv("WEIR_BIN")
	require.NotEmpty(t, bin, "run this by make test/deploy, which builds the binary and names it in WEIR_BIN")
	cmd := exec.Command(bin, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "weir %v: %s", args, out)
	return string(out)
}

func TestCompose_Loads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		profiles []string
		services []string
	}{
		{nil, []string{"postgres", "weir"}},
		{[]string{"fleet"}, []string{"postgres", "temporal", "weir", "worker"}},
	} {
		o, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy/compose/compose.yaml")}, cli.WithProfiles(tt.profiles), cli.WithEnv([]string{
			"POSTGRES_PASSWORD=secret", "WEIR_ACCESS_KEY_ID=AKIA", "WEIR_SECRET_ACCESS_KEY=secret", "WEIR_KEY_URL=base64key://",
		}))
		require.NoError(t, err)
		project, err := o.LoadProject(context.Background())
		require.NoError(t, err)
		require.ElementsMatch(t, tt.services, project.ServiceNames())
		for name, s := range project.Services {
			require.NotContains(t, s.Ports, "0.0.0.0", name)
			for _, p := range s.Ports {
				require.Equal(t, "127.0.0.1", p.HostIP, "%s listens beyond this machine", name)
			}
		}
	}
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy/compose/compose.yaml")})
	require.NoError(t, err)
	_, err = o.LoadProject(context.Background())
	require.ErrorContains(t, err, "see the head of compose.yaml", "a password is never invented")
}

func TestDockerfile_IsWellFormed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "deploy/docker/Dockerfile"))
	require.NoError(t, err)
	parsed, err := parser.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, parsed.Warnings)
	var findings []string
	rules := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) { findings = append(findings, rule+": "+message) }})
	stages, _, err := instructions.Parse(parsed.AST, rules)
	require.NoError(t, err)
	require.Empty(t, findings)
	last := stages[len(stages)-1]
	var user string
	for _, c := range last.Commands {
		if u, ok := c.(*instructions.UserCommand); ok {
			user = u.User
		}
	}
	require.Equal(t, "65532:65532", user, "the container must not run as root")
}

// TestDockerfile_RunsOnItsBinaryAlone runs what the image holds: the binary, in a root with nothing but an empty /data,
// as the image's user.
func TestDockerfile_RunsOnItsBinaryAlone(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test changes the root folder, which needs root")
		}
		t.Skip("needs root to change the root folder")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	for p := filepath.Dir(dir); p != "/tmp" && p != "/"; p = filepath.Dir(p) {
		require.NoError(t, os.Chmod(p, 0o755))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.Chown(filepath.Join(dir, "data"), 65532, 65532))
	binary, err := os.Open(os.Getenv("WEIR_BIN"))
	require.NoError(t, err)
	defer binary.Close()
	copied, err := os.OpenFile(filepath.Join(dir, "weir"), os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(copied, binary)
	require.NoError(t, err)
	require.NoError(t, copied.Close())

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	serve := exec.CommandContext(ctx, "/weir", "serve", "--listen", "127.0.0.1:0")
	inImage(serve, dir)
	stderr, err := serve.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	text, err := readUntil(stderr, "serving on")
	require.NoError(t, err, text)
	require.NoError(t, serve.Process.Signal(os.Interrupt))
	require.NoError(t, drained(serve, stderr))
}

func TestUnit_SystemdAcceptsIt(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is missing; make deps installs it")
		}
		t.Skip("systemd-analyze is missing")
	}
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(root, "deploy/systemd/weir@.service"))
	require.NoError(t, err)
	unit := filepath.Join(dir, "weir@serve.service")
	require.NoError(t, os.WriteFile(unit, bytes.ReplaceAll(text, []byte("/usr/local/bin/weir"), []byte("/bin/true")), 0o644))
	out, err := exec.Command(tool, "verify", "--man=no", unit).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "weir@", "systemd does not understand a line")
	out, err = exec.Command(tool, "security", "--offline=yes", "--threshold=20", unit).CombinedOutput()
	require.NoError(t, err, "exposed by more than 2.0: %s", out)
}
