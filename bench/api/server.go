package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// server is a `weir serve` of its own with flows in it.
type server struct {
	cmd *exec.Cmd
	dir string
	url string
	key aws.Credentials
}

var root = aws.Credentials{AccessKeyID: "BENCHROOT", SecretAccessKey: "bench-secret-of-the-root-key"}

func startServer(flows int, policy string) (_ *server, err error) {
	dir, err := os.MkdirTemp("", "weir-bench-api-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, key: root}
	s.cmd = exec.Command(self, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--max-flows", strconv.Itoa(flows+1),
		"--write-rate-limit", "0", "--log-format", "json")
	s.cmd.Env = append(os.Environ(), "WEIR_ACCESS_KEY_ID="+root.AccessKeyID, "WEIR_SECRET_ACCESS_KEY="+root.SecretAccessKey)
	errs, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	lines := bufio.NewScanner(errs)
	for s.url == "" && lines.Scan() {
		s.url, _ = strings.CutPrefix(lines.Text(), "weir: serving on ")
		if !strings.HasPrefix(lines.Text(), "weir: serving on ") {
			s.url = ""
		}
	}
	go io.Copy(io.Discard, errs) //nolint:errcheck // the access log, which a server writes as well; it ends with the server
	if s.url == "" {
		return nil, errors.New("the server did not start")
	}
	for i := range flows {
		if err := s.call("/create-flow", flowDefinition(flowName(i)), nil); err != nil {
			return nil, err
		}
	}
	if policy == "" {
		return s, nil
	}
	return s, s.useKey(policy)
}

// useKey goes on with a key that has a policy.
func (s *server) useKey(policy string) error {
	document, err := json.Marshal(policy)
	if raw, rerr := os.ReadFile(policy); rerr == nil {
		document = raw
	}
	if err != nil {
		return err
	}
	var key struct{ ID, Secret string }
	if err := s.call("/weir/v1/keys", `{"name":"bench","policy":`+string(document)+`}`, &key); err != nil {
		return err
	}
	s.key = aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	return nil
}

func (s *server) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait() // it has ended, however it did
	}
	_ = os.RemoveAll(s.dir) // what stays is in the temporary folder
}

// sign makes a signed request.
func (s *server) sign(path, body string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.41.0 bench")
	sum := sha256.Sum256([]byte(body))
	return r, v4.NewSigner().SignHTTP(r.Context(), s.key, r, hex.EncodeToString(sum[:]), "appflow", "us-east-1", time.Now())
}

// signed is a signed request as bytes.
func (s *server) signed(path, body string) ([]byte, error) {
	r, err := s.sign(path, body)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = r.Write(&b)
	return b.Bytes(), err
}

func (s *server) call(path, body string, out any) error {
	r, err := s.sign(path, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, text)
	}
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(text, out)
}

func listBody(size int, token string) string {
	if token == "" {
		return fmt.Sprintf(`{"maxResults":%d}`, size)
	}
	return fmt.Sprintf(`{"maxResults":%d,"nextToken":%q}`, size, token)
}

func (s *server) page(size int, token string) (next string, err error) {
	var out struct{ NextToken string }
	err = s.call("/list-flows", listBody(size, token), &out)
	return out.NextToken, err
}

// cpu is the processor time that the server has used so far.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on: state, …, utime is the 14th, stime the 15th
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const ticksPerSecond = 100
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// memory is what of the server is in memory, in KiB.
func (s *server) memory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kib
}

// settle leaves the processor to others for a moment.
func (s *server) settle() error {
	runtime.GC()
	t := time.NewTimer(time.Second)
	defer t.Stop()
	<-t.C
	return nil
}

func flowName(i int) string { return fmt.Sprintf("flow-%05d", i) }

// flowDefinition is a flow of ordinary size.
func flowDefinition(name string) string {
	tasks := []string{`{"taskType":"Filter","sourceFields":["id","status","email","amount"],"connectorOperator":{"S3":"PROJECTION"},"taskProperties":{}}`}
	for _, field := range []string{"id", "status", "email", "amount"} {
		tasks = append(tasks, `{"taskType":"Map","sourceFields":["`+field+`"],"destinationField":"`+field+`","connectorOperator":{"S3":"NO_OP"},"taskProperties":{"SOURCE_DATA_TYPE":"string","DESTINATION_DATA_TYPE":"string"}}`)
	}
	return `{"flowName":"` + name + `","description":"orders of a day","triggerConfig":{"triggerType":"OnDemand"},
		"sourceFlowConfig":{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"in-bkt","bucketPrefix":"orders","s3InputFormatConfig":{"s3InputFileType":"CSV"}}}},
		"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"out-bkt","bucketPrefix":"clean",
			"s3OutputFormatConfig":{"fileType":"PARQUET","aggregationConfig":{"aggregationType":"None"},"prefixConfig":{"prefixType":"PATH","prefixFormat":"DAY"}}}}}],
		"tasks":[` + strings.Join(tasks, ",") + `],"tags":{"team":"sales","stage":"prod"}}`
}
