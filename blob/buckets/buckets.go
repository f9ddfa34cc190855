// Package buckets finds the bucket that a flow means by a name: by an explicit mapping, else by a template.
//
//	orders → file:///srv/orders             NAME=URL, one per bucket
//	{bucket} → s3://{bucket}?region=eu-1    a template for all others
//	(neither) → DIR/buckets/{bucket}        the default: a folder per bucket under the data directory
//
// URLs are the operator's; names come from flows and are untrusted: only a plain name is ever put into a template, so
// that no name leads to another folder, host or parameter.
package buckets

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/fileblob"
	"weir.dev/weir/blob/s3blob"
	"weir.dev/weir/fault"
)

// Config says where buckets are. At least one of Template and DataDir should be given; with neither only named buckets
// exist.
type Config struct {
	Named    map[string]string // name → URL
	Template string            // URL with {bucket} in it, for names that Named does not have
	DataDir  string            // without a template, buckets are folders of DataDir/buckets
	S3       s3blob.Options
}

// Buckets opens buckets at first use and keeps them open. It implements [blob.Opener]. Safe for concurrent use.
type Buckets struct {
	named    map[string]string
	template string
	s3       s3blob.Options

	mu     sync.Mutex // guards all below
	open   map[string]blob.Bucket
	closed bool
}

var _ blob.Opener = (*Buckets)(nil)

// placeholder stands for the bucket's name in a template.
const placeholder = "{bucket}"

// New checks the configuration and returns an opener. It reaches no store. The errors are Validation.
func New(cfg Config) (*Buckets, error) {
	b := &Buckets{named: map[string]string{}, template: cfg.Template, s3: cfg.S3, open: map[string]blob.Bucket{}}
	for name, raw := range cfg.Named {
		if err := blob.CheckName(name); err != nil {
			return nil, err
		}
		if _, err := parse(name, raw); err != nil {
			return nil, err
		}
		b.named[name] = raw
	}
	switch {
	case cfg.Template != "":
		if !strings.Contains(cfg.Template, placeholder) {
			return nil, fault.New(fault.Validation, "the template for buckets must contain %s", placeholder)
		}
		if _, err := parse(placeholder, strings.ReplaceAll(cfg.Template, placeholder, "bucket")); err != nil {
			return nil, err
		}
	case cfg.DataDir != "":
		dir, err := filepath.Abs(cfg.DataDir)
		if err != nil {
			return nil, fault.Wrap(fault.Validation, err, "finding the data directory %q", cfg.DataDir)
		}
		// A path may hold what has a meaning in a URL; its escapes cannot look like the placeholder.
		b.template = fileURL(dir) + "/buckets/" + placeholder
	}
	return b, nil
}

func fileURL(dir string) string {
	dir = filepath.ToSlash(dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir
	}
	return (&url.URL{Scheme: "file", Path: strings.TrimRight(dir, "/")}).String()
}

// ParseNamed cuts NAME=URL, as a flag gives it.
func ParseNamed(flag string) (name, rawURL string, err error) {
	name, rawURL, ok := strings.Cut(flag, "=")
	if !ok {
		return "", "", fault.New(fault.Validation, "a bucket is given as NAME=URL, for instance orders=file:///srv/orders")
	}
	if err := blob.CheckName(name); err != nil {
		return "", "", err
	}
	if _, err := parse(name, rawURL); err != nil {
		return "", "", err
	}
	return name, rawURL, nil
}

// parse reads a bucket's URL. Its errors do not repeat the URL, which may hold what is nobody's business.
func parse(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return nil, fault.New(fault.Validation, "bucket %q: its URL cannot be read; it looks like file:///FOLDER or s3://BUCKET?region=REGION", name)
	}
	switch u.Scheme {
	case "file":
		_, _, err = filePath(name, u)
	case "s3":
	default:
		err = fault.New(fault.Validation, "bucket %q: the scheme %q is not supported; there are file and s3", name, u.Scheme)
	}
	return u, err
}

// filePath reads a file URL: the folder, and whether staging may make it, which it may unless ?create=false.
func filePath(name string, u *url.URL) (dir string, create bool, err error) {
	create = true
	for key, values := range u.Query() {
		if key != "create" {
			return "", false, fault.New(fault.Validation, "bucket %q: the parameter %q of its URL is unknown; a file URL has create", name, key)
		}
		if create, err = strconv.ParseBool(values[0]); err != nil {
			return "", false, fault.New(fault.Validation, "bucket %q: the parameter \"create\" of its URL must be true or false", name)
		}
	}
	switch {
	case u.Opaque != "" || u.Path == "" || u.User != nil:
	case u.Host == "" || u.Host == "localhost":
		dir = u.Path
		if runtime.GOOS == "windows" {
			dir = strings.TrimPrefix(dir, "/") // file:///C:/folder
		}
	case u.Host == ".":
		dir = "." + u.Path // file://./folder, from the working directory
	}
	if dir == "" {
		return "", false, fault.New(fault.Validation, "bucket %q: a file URL takes the form file:///FOLDER, or file://./FOLDER from the working directory", name)
	}
	return filepath.FromSlash(dir), create, nil
}

// OpenBucket returns the named bucket. It reaches no store: a bucket that does not exist shows at its first use.
func (b *Buckets) OpenBucket(ctx context.Context, name string) (blob.Bucket, error) {
	if err := blob.CheckName(name); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fault.New(fault.Internal, "opening bucket %q: the buckets are closed", name)
	}
	if bucket := b.open[name]; bucket != nil {
		return bucket, nil
	}
	bucket, err := b.openURL(ctx, name)
	if err != nil {
		return nil, err
	}
	b.open[name] = bucket
	return bucket, nil
}

func (b *Buckets) openURL(ctx context.Context, name string) (blob.Bucket, error) {
	raw, ok := b.named[name]
	if !ok {
		if b.template == "" {
			return nil, fault.New(fault.Validation, "bucket %q is not configured: give it a URL with --bucket %s=URL", name, name)
		}
		raw = strings.ReplaceAll(b.template, placeholder, name)
	}
	u, err := parse(name, raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "s3" {
		return s3blob.Open(ctx, name, u, b.s3)
	}
	dir, create, err := filePath(name, u)
	if err != nil {
		return nil, err
	}
	return fileblob.New(name, dir, create), nil
}

// IsLocal reports whether a bucket is a folder of this machine.
func (b *Buckets) IsLocal(name string) bool {
	raw, ok := b.named[name]
	if !ok {
		raw = strings.ReplaceAll(b.template, placeholder, name)
	}
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "file"
}

// BucketNames lists the buckets that can be known without asking a store: the named ones, and the folders that exist
// where a template of files leads. It is for people to choose from.
func (b *Buckets) BucketNames(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Canceled, err, "listing buckets")
	}
	names := slices.Collect(maps.Keys(b.named))
	if parent, ok := strings.CutSuffix(b.template, "/"+placeholder); ok && !strings.Contains(parent, placeholder) {
		if u, err := url.Parse(parent); err == nil && u.Scheme == "file" {
			dir, _, err := filePath(placeholder, u)
			if err != nil {
				return nil, err
			}
			entries, err := os.ReadDir(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fault.Wrap(fault.ConnectorServer, err, "listing buckets")
			}
			for _, e := range entries {
				if e.IsDir() && blob.CheckName(e.Name()) == nil {
					names = append(names, e.Name())
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Close closes every bucket.
func (b *Buckets) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var errs []error
	for name, bucket := range b.open {
		errs = append(errs, bucket.Close())
		delete(b.open, name)
	}
	return errors.Join(errs...)
}
