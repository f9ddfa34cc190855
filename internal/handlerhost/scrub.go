package handlerhost

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

// scrubber writes lines without the secrets that it knows. Safe for concurrent use.
type scrubber struct {
	to io.Writer

	mu     sync.Mutex
	hidden []string // the longest first
}

// shortest is how long a secret must be to be hidden: shorter ones are everywhere.
const shortest = 4

// learn takes the values of a secret from an answer to GetSecretValue.
func (s *scrubber) learn(answer []byte) {
	var a struct{ SecretString string }
	if json.Unmarshal(answer, &a) != nil || a.SecretString == "" {
		return
	}
	values := []string{a.SecretString}
	var members map[string]string
	if json.Unmarshal([]byte(a.SecretString), &members) == nil {
		for name, v := range members {
			if name != "authenticationType" && name != "customAuthenticationType" && name != "username" {
				values = append(values, v)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if len(v) >= shortest && !slices.Contains(s.hidden, v) {
			s.hidden = append(s.hidden, v)
		}
	}
	slices.SortFunc(s.hidden, func(a, b string) int { return len(b) - len(a) })
}

// Write writes one or more whole lines.
func (s *scrubber) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(p)
	for _, v := range s.hidden {
		text = strings.ReplaceAll(text, v, "***")
	}
	if s.to == nil {
		return len(p), nil
	}
	_, err := io.WriteString(s.to, text)
	return len(p), err
}

// copy writes what a process prints, line by line. A line that is very long is cut into several.
func (s *scrubber) copy(from io.Reader) {
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			if line[len(line)-1] != '\n' {
				line = append(slices.Clone(line), '\n')
			}
			_, _ = s.Write(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
