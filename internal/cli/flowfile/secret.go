package flowfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// reference is ${env:NAME} or ${file:PATH}; $${ stands for a plain ${.
var reference = regexp.MustCompile(`\$?\$\{(env|file):([^}]*)\}`)

// maxSecret bounds a secret read from a file; the API's longest, a token, has 8,000 characters.
const maxSecret = 64 << 10

// Resolved is the request as it is sent: a profile's ${env:NAME} stands for an environment variable, ${file:PATH} for a
// file's text without the line end, its path taken from the folder of the definition. Errors name the member and the
// reference, never a value.
func (d *Definition) Resolved() ([]byte, error) {
	if d.Kind != Profile {
		return d.Request, nil
	}
	var m any
	if err := json.Unmarshal(d.Request, &m); err != nil {
		return nil, err
	}
	dir := "."
	if d.File != "" && d.File != "-" {
		dir = filepath.Dir(d.File)
	}
	m, err := resolveSecrets(m, dir, nil)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", d.Name, err)
	}
	return json.Marshal(m)
}

func resolveSecrets(v any, dir string, path []string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			x, err := resolveSecrets(item, dir, append(path[:len(path):len(path)], k))
			if err != nil {
				return nil, err
			}
			v[k] = x
		}
	case []any:
		for i := range v {
			x, err := resolveSecrets(v[i], dir, path)
			if err != nil {
				return nil, err
			}
			v[i] = x
		}
	case string:
		return followReferences(v, dir, path)
	}
	return v, nil
}

func followReferences(text, dir string, path []string) (string, error) {
	if strings.Contains(text, "{{resolve:") {
		return "", fmt.Errorf("%s is a reference that only AWS can follow ({{resolve:…}}); write ${env:NAME} or ${file:PATH}, or give it with --credentials", quotePath(path))
	}
	var failed error
	out := reference.ReplaceAllStringFunc(text, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		part := reference.FindStringSubmatch(m)
		secret, err := follow(part[1], part[2], dir)
		if err != nil {
			failed = fmt.Errorf("%s: %w", quotePath(path), err)
		}
		return secret
	})
	return out, failed
}

func follow(kind, name, dir string) (string, error) {
	if kind == "env" {
		secret, ok := os.LookupEnv(name)
		if !ok || secret == "" {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		return secret, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(raw) > maxSecret {
		err = errors.New("too long for a secret")
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// escapeReferences keeps text that looks like a reference from being followed.
func escapeReferences(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = escapeReferences(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = escapeReferences(v[i])
		}
		return out
	case string:
		return reference.ReplaceAllString(v, "$$$0")
	}
	return v
}
