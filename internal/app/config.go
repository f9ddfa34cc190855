// Package app introduces the rooms to each other: it builds everything from the configuration, starts it, and stops it in
// order. It holds no business decisions.
package app

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/fault"
)

// Version is this build's version, set by the linker.
var Version = "dev"

// Names of the files that a data directory holds.
const (
	CredentialsFile = "credentials" // the first access key, in the format of AWS's shared credentials file
	databaseFile    = "weir.db"
)

// Config is what a user may set. The zero value of a field means its default.
type Config struct {
	Listen    string // host:port; 127.0.0.1:8080
	Data      string // data directory
	Store     string // "sqlite" or a postgres:// URL
	Memory    string // bytes of rows held at the same time, as 256MiB
	Threads   int    // that decode, transform and encode; 0 means one per processor
	Buckets   []string
	BucketURL string
	AccountID string
	TLSCert   string
	TLSKey    string
	KeyURL    string // master key of the vault
	// OldKeyURLs are former master keys, which still open.
	OldKeyURLs []string
	// KMSURL is where a profile's kmsArn leads: a key's URL with {arn} and {region}, or "none" for the vault's own key.
	// Empty means AWS KMS.
	KMSURL string
	// AllowNetworks are networks that vendors may be reached in, beside public addresses.
	AllowNetworks []string
	EgressProxy   string // HTTP proxy to vendors
	// SalesforceReserve is the share of an organization's daily API calls, in percent, that runs leave to others; 0 means the
	// connector's default, and a negative one none.
	SalesforceReserve int
	// CustomConnectors say which functions are not Lambda's: ARN=URL each.
	CustomConnectors []string
	// ConnectorSecrets say where functions of custom connectors find their credentials: "aws" lets Weir write secrets to
	// AWS Secrets Manager for functions of Lambda, host:port is where it serves them to those in CustomConnectors.
	ConnectorSecrets []string
	Region           string // in ARNs of notifications, and of AWS services where the AWS settings name none
	Notifications    Notifications
	// NotificationExpiry is how long a notification is tried to be delivered; 0 means a day.
	NotificationExpiry time.Duration
	Catalog            string        // where output is registered: "glue" or "none"
	Connectors         string        // folder of manifests: LABEL.yaml is the custom connector of that label
	MetadataTTL        time.Duration // how long what vendors say of their entities is kept; 0 means an hour
	ProfileFile        string        // of CreateConnectorProfile requests, for a run without a store
	LogFormat          string
	LogLevel           string

	MaxBody       int64
	MaxFlows      int
	MaxProfiles   int
	MaxConnectors int
	// RateLimit and WriteLimit are calls a second that one access key may make, and those of them that change something. 0
	// means no limit.
	RateLimit, WriteLimit float64
	TrustedProxies        []string      // networks whose X-Forwarded headers are believed
	AuditRetention        time.Duration // how long audit events are kept; 0 means for ever
	RunRetention          time.Duration // how long executions are kept; 0 means for ever
	MaxRunning            int
	Parallel              int // executions at the same time in this process
	DrainTimeout          time.Duration
	EventBuffer           string        // bytes of events that may wait of one flow, as 10MiB
	EventDelay            time.Duration // how long an event waits for others to be moved with
	Fleet                 Fleet
	WorkerOnly            bool // this process runs executions and answers no calls of the API
	AccessKeyID           string
	SecretAccess          string
}

// DefaultDataDir is where the data lives when nobody says: WEIR_DATA, else .weir in the working directory.
func DefaultDataDir() string { return ".weir" }

func (c *Config) defaults() {
	set := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	set(&c.Listen, "127.0.0.1:8080")
	set(&c.Data, DefaultDataDir())
	set(&c.Store, "sqlite")
	set(&c.Memory, "256MiB")
	set(&c.AccountID, "000000000000")
	set(&c.Region, "us-east-1")
	set(&c.Catalog, catalogGlue)
	set(&c.EventBuffer, "10MiB") // AppFlow's own limit
	if c.EventDelay == 0 {
		c.EventDelay = time.Minute
	}
	if c.MaxRunning == 0 {
		c.MaxRunning = 1000 // AppFlow's own limit
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 30 * time.Second
	}
}

// check refuses what cannot work, naming the flag. Its errors are Validation.
func (c *Config) check() error {
	if len(c.AccountID) != 12 || strings.Trim(c.AccountID, "0123456789") != "" {
		return fault.New(fault.Validation, "--account-id must have 12 digits, not %q", c.AccountID)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return fault.New(fault.Validation, "--tls-cert and --tls-key go together")
	}
	if (c.AccessKeyID == "") != (c.SecretAccess == "") {
		return fault.New(fault.Validation, "WEIR_ACCESS_KEY_ID and WEIR_SECRET_ACCESS_KEY go together")
	}
	if c.Catalog != catalogGlue && c.Catalog != catalogNone {
		return fault.New(fault.Validation, "--catalog must be %s or %s", catalogGlue, catalogNone)
	}
	if c.Store != "sqlite" && !strings.HasPrefix(c.Store, "postgres://") && !strings.HasPrefix(c.Store, "postgresql://") {
		return fault.New(fault.Validation, "--store must be sqlite or a postgres:// URL")
	}
	return c.checkFleet()
}

// parseProxies reads networks and single addresses.
func parseProxies(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); err != nil && aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fault.New(fault.Validation, "--trusted-proxy %q is no network; write for instance 10.0.0.0/8", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// ParseBytes reads a size: 268435456, 256MiB, 1GB. Units are binary (KiB, MiB, GiB) or decimal (kB, MB, GB). Its error is
// Validation.
func ParseBytes(s string) (int64, error) {
	units := []struct {
		suffix string
		factor int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.factor {
			break
		}
		return n * u.factor, nil
	}
	return 0, fault.New(fault.Validation, "%q is not a size; write for instance 256MiB", s)
}

// prepareData makes the data directory, readable by its owner alone.
func prepareData(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the data directory: %w", err)
	}
	return dir, nil
}
