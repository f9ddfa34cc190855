// Package canary runs a whole installation with marked secrets, and looks for the marks in everything that it writes. This
// file is the look; the scenario is the test.
package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Finding is a canary that got out.
type Finding struct {
	Where  string // file or stream
	Canary string
	Form   string // clear, base64, hex, …
}

// forms are the ways in which a text may show itself. Base64 has one for each position in a group of three bytes, of which
// the outer characters depend on what stands beside.
func forms(text string) map[string][]byte {
	f := map[string][]byte{
		"clear": []byte(text), "hex": []byte(hex.EncodeToString([]byte(text))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(text)))),
		"query": []byte(url.QueryEscape(text)), "path": []byte(url.PathEscape(text)), "reversed": reversed(text),
	}
	if quoted, err := json.Marshal(text); err == nil {
		f["JSON"] = quoted[1 : len(quoted)-1]
	}
	for shift, name := range []string{"base64", "base64+1", "base64+2"} {
		padded := append(make([]byte, shift), text...)
		whole := len(padded) / 3 * 3
		first := (shift + 2) / 3 * 4 // characters that hold bits of the bytes before
		for suffix, enc := range map[string]*base64.Encoding{"": base64.RawStdEncoding, "url": base64.RawURLEncoding} {
			f[name+suffix] = []byte(enc.EncodeToString(padded[:whole])[first:])
		}
	}
	return f
}

func reversed(text string) []byte {
	b := []byte(text)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

// Scan looks for canaries in bytes, and in what they unpack to.
func Scan(where string, data []byte, canaries []string) (found []Finding) {
	if inner := Unpack(data); inner != nil {
		found = Scan(where+" (unpacked)", inner, canaries)
	}
	for _, c := range canaries {
		for form, b := range forms(c) {
			if bytes.Contains(data, b) {
				found = append(found, Finding{where, c, form})
			}
		}
	}
	return found
}

// Unpack decompresses gzip and zstd; nil for what is neither.
func Unpack(data []byte) []byte {
	var r io.Reader
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		r = z
	} else if bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		z, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil
		}
		defer z.Close()
		r = z
	} else {
		return nil
	}
	inner, err := io.ReadAll(r)
	if err != nil {
		return nil
	}
	return inner
}

// ScanDir looks into every file below a folder, and at their names.
func ScanDir(dir string, canaries []string) (found []Finding, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		found = append(found, Scan("name of "+path, []byte(filepath.Base(path)), canaries)...)
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		found = append(found, Scan(path, data, canaries)...)
		return nil
	})
	return found, files, err
}
