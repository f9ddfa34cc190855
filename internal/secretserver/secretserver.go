// Package secretserver is a small Secrets Manager for custom connectors that run beside Weir instead of in AWS: the
// connectors fetch their credentials from it as they would from AWS, by GetSecretValue.
//
//	run, metadata call ─► Keep ─► the function is called with a secretArn ─► GetSecretValue ─► drop
//
// It knows one operation, listens on loopback alone, and answers only to requests that are signed with a key of its own,
// which it writes into a file for its owner. A secret can be read while a connection of its profile is open, and is never
// on disk. It assumes that whoever can read that file may have the credentials of the profiles in use.
package secretserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/server/sigv4"
)

// EnvFile is the name of the file, in the data directory, that holds the settings with which functions find the server:
// lines of NAME=value, as shells and docker --env-file read them.
const EnvFile = "connectors.env"

// Options say how to serve.
type Options struct {
	// Listen is host:port on loopback. Empty is where it was at the last start, so that functions which run keep finding
	// it, or any free port at the first.
	Listen string
	Dir    string // data directory
	Log    *slog.Logger
	Now    func() time.Time // nil is the clock
}

// Server keeps and serves secrets. Safe for concurrent use.
type Server struct {
	o    Options
	key  sigv4.Key
	sign sigv4.Verifier
	url  string
	http *http.Server
	done chan struct{}

	mu   sync.Mutex
	kept map[string]*kept // by ARN
}

// kept is a secret in use.
type kept struct {
	name  string
	value string
	since time.Time
	users int
}

var _ custom.Keeper = (*Server)(nil)

// Open listens, and writes the file of settings. Validation when the address is not on loopback. Close it.
func Open(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Listen != "" && !isLoopback(o.Listen) {
		return nil, fault.New(fault.Validation, "--connector-secrets %q must be an address on loopback, as 127.0.0.1:8090", o.Listen)
	}
	s := &Server{o: o, sign: sigv4.Verifier{Service: "secretsmanager"}, kept: map[string]*kept{}, done: make(chan struct{})}
	env, err := ReadEnv(filepath.Join(o.Dir, EnvFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(fault.Validation, err, "reading the settings of custom connectors")
	}
	s.key = keyOf(env)
	l, err := listen(o.Listen, strings.TrimPrefix(env[Endpoint], "http://"))
	if err != nil {
		return nil, fault.Wrap(fault.Validation, err, "serving secrets to custom connectors, for which another process seems to use the same data directory; choose another, or an address with --connector-secrets")
	}
	s.url = "http://" + l.Addr().String()
	if err := s.writeEnv(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.http = &http.Server{Handler: s, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("secrets for custom connectors are not served any more", "error", err)
		}
	}()
	return s, nil
}

// URL is where the server listens.
func (s *Server) URL() string { return s.url }

// Close stops serving.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// Keep implements [custom.Keeper].
func (s *Server) Keep(_ context.Context, k custom.Kept) (string, func(), error) {
	part := strings.SplitN(k.FunctionARN, ":", 6)
	if len(part) < 6 {
		return "", nil, fault.New(fault.Validation, "a custom connector's function has no ARN")
	}
	region, account := part[3], part[4]
	sum := sha256.Sum256([]byte(k.Label + "\x00" + k.Profile))
	name := fmt.Sprintf("appflow!%s-%s-%s", account, k.Label, k.Profile)
	arn := fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-%s", region, account, name, hex.EncodeToString(sum[:3]))
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.kept[arn]
	if one == nil {
		one = &kept{name: name}
		s.kept[arn] = one
	}
	one.value, one.since = string(k.Value), s.o.Now()
	one.users++
	return arn, sync.OnceFunc(func() { s.drop(arn, one) }), nil
}

func (s *Server) drop(arn string, one *kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.users--; one.users == 0 && s.kept[arn] == one {
		delete(s.kept, arn)
	}
}

const maxRequest = 64 << 10

// ServeHTTP answers GetSecretValue
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claim, err := s.sign.Read(r, s.o.Now())
	if err != nil {
		refuseSignature(w, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestException", "The request cannot be read.")
		return
	}
	if claim.KeyID != s.key.ID {
		refuseSignature(w, claim.UnknownKey())
		return
	}
	if _, err := s.sign.Check(claim, s.key, r, body); err != nil {
		refuseSignature(w, err)
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
		refuse(w, http.StatusBadRequest, "UnknownOperationException", "Weir serves GetSecretValue alone.")
		return
	}
	var in struct {
		ID string `json:"SecretId"`
	}
	if json.Unmarshal(body, &in) != nil || in.ID == "" {
		refuse(w, http.StatusBadRequest, "InvalidParameterException", "SecretId is missing.")
		return
	}
	s.answer(w, in.ID)
}

func (s *Server) answer(w http.ResponseWriter, id string) {
	s.mu.Lock()
	arn, one := id, s.kept[id]
	if one == nil {
		for other, k := range s.kept {
			if k.name == id {
				arn, one = other, k
			}
		}
	}
	var found kept
	if one != nil {
		found = *one
	}
	s.mu.Unlock()
	if one == nil {
		refuse(w, http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
		return
	}
	version := sha256.Sum256([]byte(s.key.Secret + found.value))
	write(w, http.StatusOK, map[string]any{
		"ARN": arn, "Name": found.name, "VersionId": hex.EncodeToString(version[:16]), "SecretString": found.value,
		"VersionStages": []string{"AWSCURRENT"}, "CreatedDate": float64(found.since.UnixMilli()) / 1000,
	})
}

func refuseSignature(w http.ResponseWriter, err error) {
	var said *sigv4.Error
	if !errors.As(err, &said) {
		said = &sigv4.Error{Name: "AccessDeniedException", Message: "The request is not signed."}
	}
	refuse(w, http.StatusForbidden, said.Name, said.Message)
}

func refuse(w http.ResponseWriter, status int, name, message string) {
	w.Header().Set("X-Amzn-ErrorType", name)
	write(w, status, map[string]string{"__type": name, "Message": message})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone, then
}

// Settings of the file, by name.
const (
	keyID     = "AWS_ACCESS_KEY_ID"
	keySecret = "AWS_SECRET_ACCESS_KEY"
	// Endpoint is the setting that says where the server is.
	Endpoint = "AWS_ENDPOINT_URL_SECRETS_MANAGER"
)

// Names are all settings of the file, in order.
var Names = []string{Endpoint, keyID, keySecret, "AWS_REGION", "AWS_DEFAULT_REGION"}

// keyOf takes the key of an earlier start, or makes one.
func keyOf(env map[string]string) sigv4.Key {
	if env[keyID] != "" && env[keySecret] != "" {
		return sigv4.Key{ID: env[keyID], Secret: env[keySecret]}
	}
	return sigv4.Key{ID: "WEIRCONN" + rand.Text()[:12], Secret: rand.Text() + rand.Text()}
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// listen takes the address that was asked for, else the last one, else any. The last one is not given up for another: the
// functions of whoever has it now would lose it.
func listen(asked, last string) (net.Listener, error) {
	if asked == "" {
		asked = "127.0.0.1:0"
		if isLoopback(last) {
			asked = last
		}
	}
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", asked)
}

// writeEnv writes the file, for its owner alone.
func (s *Server) writeEnv() error {
	text := fmt.Sprintf("%s=%s\n%s=%s\n%s=%s\nAWS_REGION=us-east-1\nAWS_DEFAULT_REGION=us-east-1\n", Endpoint, s.url, keyID, s.key.ID, keySecret, s.key.Secret)
	path := filepath.Join(s.o.Dir, EnvFile)
	temporary, err := os.CreateTemp(s.o.Dir, EnvFile+".*") // mode 0600
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing %s", path)
	}
	_, err = temporary.WriteString(text)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(temporary.Name()))
	}
	return fault.Wrap(fault.Internal, err, "writing %s", path)
}

// ReadEnv reads a file of settings.
func ReadEnv(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			env[name] = value
		}
	}
	return env, nil
}
