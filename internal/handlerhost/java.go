package handlerhost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed" // the shim
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"weir.dev/weir/fault"
)

//go:embed Shim.java
var javaShim []byte

// java is what handlers in Java need beside a process: the shim as a file, and a secret server that speaks HTTPS, because
// version 1 of AWS's SDK for Java speaks nothing else to it.
type java struct {
	dir     string // of its own; processes put their trust stores here
	shim    string
	cert    string // file
	address string
	server  *http.Server
	done    chan struct{}
}

// openJava prepares for handlers in Java. Forward takes what they ask of the secret server.
func openJava(forward http.HandlerFunc) (_ *java, err error) {
	j := &java{done: make(chan struct{})}
	if j.dir, err = os.MkdirTemp("", "weir-java-"); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing for Java")
	}
	defer func() {
		if err != nil {
			err = errors.Join(fault.Wrap(fault.Internal, err, "preparing for Java"), os.RemoveAll(j.dir))
		}
	}()
	j.shim, j.cert = filepath.Join(j.dir, "Shim.java"), filepath.Join(j.dir, "secrets.pem")
	if err := os.WriteFile(j.shim, javaShim, 0o600); err != nil {
		return nil, err
	}
	pair, text, err := newCertificate()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(j.cert, text, 0o600); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is there at once
	if err != nil {
		return nil, err
	}
	j.address = l.Addr().String()
	j.server = &http.Server{
		Handler: forward, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() { defer close(j.done); _ = j.server.ServeTLS(l, "", "") }()
	return j, nil
}

func (j *java) close() error {
	err := j.server.Close()
	<-j.done
	return errors.Join(err, os.RemoveAll(j.dir))
}

// command runs a handler's class. It is told of the secret server only when there is one: else it goes to AWS.
func (j *java) command(o *Options) *exec.Cmd {
	address := ""
	if o.Secrets != nil && o.Secrets() != "" {
		address = j.address
	}
	return exec.Command(o.Interpreter, "-cp", o.ClassPath, j.shim, o.Source, o.Function, address, j.cert) //nolint:gosec,noctx // the user's own code; it outlives the call
}

// newCertificate makes one for this machine, with a key that nobody else has.
func newCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	now := time.Now()
	form := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "Weir's secrets on this machine"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, text, nil
}
