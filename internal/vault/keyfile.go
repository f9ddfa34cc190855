package vault

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/secrets/localsecrets"

	"weir.dev/weir/fault"
)

// KeyFile is the name of the local key file.
const KeyFile = keyFileName

const (
	keyFileName = "vault.key"
	localScheme = localsecrets.Scheme
	// maxKeyFile is room for a thousand keys.
	maxKeyFile = 64 << 10
)

const keyFileHead = `# Weir's master keys, one a line in base64: the first seals, all open. Without this file no stored
# secret can be read again. Keep a copy apart from the database's backups.
`

// readKeyFile returns the keys of the local file as URLs, the current one first. Without a file it creates one when it is
// needed, and returns none otherwise.
func readKeyFile(dir string, isNeeded bool) ([]string, error) {
	path := filepath.Join(dir, keyFileName)
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !isNeeded {
			return nil, nil
		}
		if err := createKeyFile(path); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "creating key file %q", path)
		}
		text, err = readPrivate(path) // perhaps of another process that was faster
	}
	if err != nil {
		return nil, fault.Wrap(fault.CodeOf(err), err, "reading key file %q", path)
	}
	var urls []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := localsecrets.Base64Key(line); err != nil {
			return nil, fault.New(fault.Validation, "reading key file %q: a line is not a key of 32 bytes in base64", path)
		}
		urls = append(urls, localScheme+"://"+line)
	}
	if len(urls) == 0 {
		return nil, fault.New(fault.Validation, "reading key file %q: it holds no key", path)
	}
	return urls, nil
}

// readPrivate reads a file that nobody but its owner may read.
func readPrivate(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return "", fault.New(fault.Validation, "it is not a key file")
	}
	if err := checkMode(info.Mode()); err != nil {
		return "", err
	}
	text := make([]byte, info.Size())
	_, err = f.ReadAt(text, 0)
	return string(text), err
}

func newKey() string {
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails: the runtime ends the process instead
	return base64.URLEncoding.EncodeToString(key)
}

// createKeyFile makes a file with one key, unless there is one by then.
func createKeyFile(path string) error {
	temporary, err := writeBeside(path, keyFileHead+newKey()+"\n")
	if err != nil {
		return err
	}
	// A link, unlike a rename, never replaces a key file that another process has put there meanwhile.
	err = os.Link(temporary, path)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(temporary), syncFolder(filepath.Dir(path)))
}

// RotateKeyFile puts a new key before those of the local file. Vaults opened afterwards seal with it and open with all.
func RotateKeyFile(dir string) error {
	path := filepath.Join(dir, keyFileName)
	if _, err := readKeyFile(dir, true); err != nil {
		return err
	}
	text, err := readPrivate(path)
	if err != nil {
		return fault.Wrap(fault.CodeOf(err), err, "rotating key file %q", path)
	}
	keys := strings.TrimPrefix(text, keyFileHead)
	temporary, err := writeBeside(path, keyFileHead+newKey()+"\n"+keys)
	if err == nil {
		err = errors.Join(os.Rename(temporary, path), syncFolder(dir))
	}
	return fault.Wrap(fault.Internal, err, "rotating key file %q", path)
}

// writeBeside writes a private file in the same folder, to the disk, and returns its name.
func writeBeside(path, text string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), keyFileName+".*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}
