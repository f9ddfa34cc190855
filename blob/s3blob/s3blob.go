// Package s3blob keeps a bucket in Amazon S3 or a store that speaks its protocol.
//
//	Stage     CreateMultipartUpload, then UploadPart: parts of 8 MiB, larger after the first thousand
//	Finish    the last part; the proof is the upload's id and the parts' etags
//	Publish   CompleteMultipartUpload; then, or when the upload is gone, HeadObject tells whether the object is there
//	Discard   ListMultipartUploads and AbortMultipartUpload, by the owner's name in the key
//
// It speaks aws-sdk-go-v2 itself, with that SDK's standard settings (environment, shared profiles, roles,
// AWS_ENDPOINT_URL_S3). gocloud.dev's S3 driver is not used: staging needs the multipart calls, which it hides, and
// reading through it would add a second client and lose what matters here: it rewrites keys that it finds unusual
// instead of naming the object that is there, and neither pins a read to an etag nor resumes a broken one.
//
// Stores differ. Optional checksums are left off, because compatible stores refuse them in different ways; integrity
// rests on TLS, or on the signed payload hash where there is none. A store that ignores If-Match is noticed by the etag
// it answers. MinIO lists unfinished uploads by their exact key only, so there Discard finds nothing; add a lifecycle
// rule (AbortIncompleteMultipartUpload), which is good practice on every store for what a crash may leave.
//
// Requests are retried by the SDK; what still fails carries a fault code and a retry class. Nothing here logs.
package s3blob

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// Options are supplied by code; the zero value is right outside tests.
type Options struct {
	// Transport makes the requests; nil means the SDK's own, with bounded waits.
	Transport http.RoundTripper
	// PartBytes is the size of the first thousand parts; 0 means 8 MiB. S3 takes none under 5 MiB but the last.
	PartBytes int64
	// Uploads is how many parts one bucket uploads at the same time; 0 means 8.
	Uploads int
	// Stall is how long a download may deliver nothing, and an upload may be taken nothing of, before it is taken for
	// broken; 0 means one minute.
	Stall time.Duration
	// Backoff is the first pause before a broken download is resumed; 0 means 200 ms.
	Backoff time.Duration
	// PageKeys is how many entries one page of a listing holds; 0 leaves it to the store (1,000).
	PageKeys int32
}

// Bucket is a bucket of an S3 store.
type Bucket struct {
	name   string // for messages
	bucket string
	client *s3.Client
	opts   Options
	slots  chan struct{} // one token per part being uploaded
	close  func()
}

var _ blob.Bucket = (*Bucket)(nil)

// parameters are the query parameters of a bucket's URL, for the message that lists them.
var parameters = []string{"anonymous", "endpoint", "profile", "region", "use_path_style"}

// Open returns the bucket that a URL names:
//
//	s3://BUCKET?region=eu-north-1&profile=NAME&endpoint=http://127.0.0.1:9000&use_path_style=true&anonymous=true
//
// Every parameter may be left out; then the SDK's standard settings say. With an endpoint, from wherever, the default is
// path-style addressing and region us-east-1, because host names like BUCKET.ENDPOINT seldom resolve there. Open reads
// settings but does not reach the store. Name is the bucket's name for messages.
func Open(ctx context.Context, name string, u *url.URL, opts Options) (*Bucket, error) {
	if u.Scheme != "s3" || u.Host == "" || u.Port() != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, fault.New(fault.Validation, "opening bucket %q: its URL must be of the form s3://BUCKET?region=…, with nothing else in it", name)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fault.New(fault.Validation, "opening bucket %q: the query of its URL cannot be read", name)
	}
	for key, values := range query {
		if !slices.Contains(parameters, key) || len(values) != 1 {
			return nil, fault.New(fault.Validation, "opening bucket %q: the URL's parameter %q is unknown or repeated; there are %s",
				name, key, strings.Join(parameters, ", "))
		}
	}
	opts = withDefaults(opts)
	client, closeIdle, err := newClient(ctx, name, query, opts)
	if err != nil {
		return nil, err
	}
	return &Bucket{
		name: name, bucket: u.Host, client: client, opts: opts,
		slots: make(chan struct{}, opts.Uploads), close: closeIdle,
	}, nil
}

func withDefaults(o Options) Options {
	if o.PartBytes == 0 {
		o.PartBytes = 8 << 20
	}
	if o.Uploads == 0 {
		o.Uploads = 8
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.Backoff == 0 {
		o.Backoff = 200 * time.Millisecond
	}
	return o
}

// newClient makes the SDK's client from standard settings and the URL's parameters.
func newClient(ctx context.Context, name string, query url.Values, opts Options) (*s3.Client, func(), error) {
	flags := map[string]bool{}
	for _, key := range []string{"anonymous", "use_path_style"} {
		if !query.Has(key) {
			continue
		}
		on, err := strconv.ParseBool(query.Get(key))
		if err != nil {
			return nil, nil, fault.New(fault.Validation, "opening bucket %q: the URL's parameter %q must be true or false", name, key)
		}
		flags[key] = on
	}
	if e := query.Get("endpoint"); query.Has("endpoint") {
		if u, err := url.Parse(e); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, nil, fault.New(fault.Validation, "opening bucket %q: the URL's parameter \"endpoint\" must be a URL with http or https", name)
		}
	}
	var load []func(*config.LoadOptions) error
	if query.Has("region") {
		load = append(load, config.WithRegion(query.Get("region")))
	}
	if query.Has("profile") {
		load = append(load, config.WithSharedConfigProfile(query.Get("profile")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Validation, err, "opening bucket %q: reading the AWS settings", name)
	}
	transport := newTransport(cfg, opts)
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient = &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a signature is good for one host
		}
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
		if query.Has("endpoint") {
			o.BaseEndpoint = aws.String(query.Get("endpoint"))
		}
		if o.BaseEndpoint != nil {
			o.UsePathStyle = true
			if o.Region == "" {
				o.Region = "us-east-1"
			}
		}
		if style, given := flags["use_path_style"]; given {
			o.UsePathStyle = style
		}
		if flags["anonymous"] {
			o.Credentials = aws.AnonymousCredentials{}
		}
	})
	if client.Options().Region == "" {
		return nil, nil, fault.New(fault.Validation, "opening bucket %q: no region is set; add ?region=… to its URL or set AWS_REGION", name)
	}
	return client, func() { client.Options().HTTPClient.(*http.Client).CloseIdleConnections() }, nil
}

// newTransport is the SDK's transport with the settings' CA bundle, and with bounded waits: the SDK bounds connecting,
// not answering.
func newTransport(cfg aws.Config, opts Options) http.RoundTripper {
	if opts.Transport != nil {
		return opts.Transport
	}
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		client = awshttp.NewBuildableClient()
	}
	transport := client.GetTransport()
	transport.ResponseHeaderTimeout = time.Minute
	transport.MaxIdleConnsPerHost = 64
	transport.DialContext = dialImpatient(transport.DialContext, opts.Stall)
	return transport
}

func (b *Bucket) String() string { return b.name }

// Close closes idle connections. The bucket must not be in use.
func (b *Bucket) Close() error {
	b.close()
	return nil
}

// Check lists one key at most: that proves address, region, credentials and the right to list, and unlike HeadBucket it
// is answered with a reason when it fails.
func (b *Bucket) Check(ctx context.Context) error {
	_, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.bucket, MaxKeys: aws.Int32(1)})
	return b.classify(ctx, err, "checking bucket %q", b.name)
}
