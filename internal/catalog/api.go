package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"weir.dev/weir/fault"
)

// client calls the eight operations of Glue that are needed here, in its protocol (AWS JSON 1.1), signed by the SDK. The
// SDK's own client for Glue would make the program larger by 7 MB, for the sake of 260 other operations.
type client struct {
	http     aws.HTTPClient
	endpoint string
	region   string
	keys     aws.CredentialsProvider
	signer   *v4.Signer
}

// newClient takes region, credentials and transport from the SDK's settings. An empty endpoint is the settings', else
// AWS's own for the region.
func newClient(cfg aws.Config, endpoint string) (*client, error) {
	if endpoint == "" {
		endpoint = aws.ToString(cfg.BaseEndpoint)
	}
	if endpoint == "" {
		if cfg.Region == "" {
			return nil, fault.New(fault.Validation, "no AWS region is set")
		}
		endpoint = "https://glue." + cfg.Region + ".amazonaws.com"
		if strings.HasPrefix(cfg.Region, "cn-") {
			endpoint += ".cn"
		}
	}
	if cfg.Credentials == nil {
		return nil, fault.New(fault.Validation, "no AWS credentials are set")
	}
	c := &client{endpoint: strings.TrimSuffix(endpoint, "/") + "/", region: cfg.Region, keys: cfg.Credentials, http: cfg.HTTPClient, signer: v4.NewSigner()}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	return c, nil
}

// proveTime bounds the search for credentials, which may ask services that are not there.
const proveTime = 10 * time.Second

// prove looks for credentials once for all calls: where there are none, the search takes seconds.
func (c *client) prove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	_, err := c.keys.Retrieve(ctx)
	return fault.Wrap(fault.Validation, err, "getting AWS credentials")
}

// refusal is what Glue answers instead of a result.
type refusal struct {
	status  int
	code    string
	message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

const (
	callAttempts = 4
	callTime     = 20 * time.Second // of one attempt
	maxReply     = 32 << 20         // bytes; a page of a thousand partitions has some 2 MB
)

// call asks for one operation and reads the answer into out, which may be nil. It tries again what can pass.
func (c *client) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "asking Glue for %s", operation)
	}
	for attempt := 1; ; attempt++ {
		err := c.try(ctx, operation, body, out)
		if err == nil || attempt == callAttempts || !canPass(err) {
			return err
		}
		timer := time.NewTimer(time.Duration(attempt*attempt)*100*time.Millisecond + rand.N(100*time.Millisecond)) //nolint:gosec // no secret hangs on it
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

func canPass(err error) bool {
	r, ok := err.(*refusal) //nolint:errorlint // made by try, not wrapped
	if !ok {
		class, _ := fault.RetryOf(err)
		return class != fault.Never
	}
	switch r.code {
	case "ConcurrentModificationException", "ThrottlingException", "OperationTimeoutException", "InternalServiceException":
		return true
	}
	return r.status >= 500
}

func (c *client) try(ctx context.Context, operation string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Validation, "the endpoint of Glue is no URL")
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSGlue."+operation)
	key, err := c.keys.Retrieve(ctx)
	if err != nil {
		return fault.Wrap(fault.Validation, err, "getting AWS credentials")
	}
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, key, r, hex.EncodeToString(sum[:]), "glue", c.region, time.Now()); err != nil {
		return fault.Wrap(fault.Internal, err, "signing a request to Glue")
	}
	res, err := c.http.Do(r)
	if err != nil {
		return fault.Temporary(fault.ConnectorServer, err, "reaching Glue")
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return fault.Temporary(fault.ConnectorServer, err, "reading Glue's answer")
	}
	if res.StatusCode != http.StatusOK {
		return refusalOf(res, reply)
	}
	if out == nil {
		return nil
	}
	return fault.Wrap(fault.ConnectorServer, json.Unmarshal(reply, out), "reading Glue's answer to %s", operation)
}

// refusalOf reads an error in one of the ways that AWS writes it.
func refusalOf(res *http.Response, reply []byte) error {
	var said struct {
		Type  string `json:"__type"`
		Lower string `json:"message"`
		Upper string `json:"Message"`
	}
	_ = json.Unmarshal(reply, &said) // what is no JSON says nothing
	r := &refusal{status: res.StatusCode, code: said.Type, message: said.Lower}
	if r.message == "" {
		r.message = said.Upper
	}
	if r.code == "" {
		r.code = res.Header.Get("X-Amzn-Errortype")
	}
	_, after, found := strings.Cut(r.code, "#") // a namespace
	if found {
		r.code = after
	}
	r.code, _, _ = strings.Cut(r.code, ":")
	if r.code == "" {
		r.code = res.Status
	}
	return r
}

// Glue's own shapes, as far as they are used here
// (https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html).
type (
	glueColumn struct {
		Name       string
		Type       string            `json:",omitzero"`
		Parameters map[string]string `json:",omitzero"`
	}
	glueSerde struct {
		SerializationLibrary string            `json:",omitzero"`
		Parameters           map[string]string `json:",omitzero"`
	}
	glueStorage struct {
		Columns      []glueColumn
		Location     string    `json:",omitzero"`
		InputFormat  string    `json:",omitzero"`
		OutputFormat string    `json:",omitzero"`
		SerdeInfo    glueSerde `json:",omitzero"`
	}
	glueTable struct {
		Name              string
		Description       string            `json:",omitzero"`
		TableType         string            `json:",omitzero"`
		Parameters        map[string]string `json:",omitzero"`
		PartitionKeys     []glueColumn
		StorageDescriptor glueStorage
	}
	gluePartition struct {
		Values            []string
		StorageDescriptor *glueStorage `json:",omitzero"`
	}
	glueError struct {
		PartitionValues    []string
		PartitionValueList []string
		ErrorDetail        struct{ ErrorCode, ErrorMessage string }
	}
	tableRequest struct {
		DatabaseName string
		Name         string     `json:",omitzero"`
		TableInput   *glueTable `json:",omitzero"`
	}
	tableReply struct{ Table *glueTable }

	listRequest struct {
		DatabaseName        string
		TableName           string
		ExcludeColumnSchema bool
		NextToken           string `json:",omitzero"`
	}
	listReply struct {
		Partitions []gluePartition
		NextToken  string
	}
	batchRequest struct {
		DatabaseName       string
		TableName          string
		PartitionInputList []gluePartition `json:",omitzero"` // BatchCreatePartition
		Entries            []glueEntry     `json:",omitzero"` // BatchUpdatePartition
		PartitionsToDelete []glueValues    `json:",omitzero"` // BatchDeletePartition
	}
	glueEntry struct {
		PartitionValueList []string
		PartitionInput     gluePartition
	}
	glueValues struct{ Values []string }
	batchReply struct{ Errors []glueError }
)
