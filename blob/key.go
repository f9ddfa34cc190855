package blob

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"weir.dev/weir/fault"
)

// maxKey is the longest key that S3 accepts, in bytes.
const maxKey = 1024

// CheckKey fails with Validation for a key that no bucket may have: an empty one, one of more than 1,024 bytes, or one
// that is not UTF-8. A driver may refuse more than that, in the same way.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fault.New(fault.Validation, "an object's key must not be empty")
	case len(key) > maxKey:
		return fault.New(fault.Validation, "the key %q… is longer than %d bytes", key[:64], maxKey)
	case !utf8.ValidString(key):
		return fault.New(fault.Validation, "the key %q is not UTF-8", key)
	}
	return nil
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{2,62}$`)

// CheckName fails with Validation for a name that no bucket may have: it takes 3 to 63 letters, digits, '.', '-' and
// '_', the first of them a letter or digit, and no two dots in a row.
func CheckName(name string) error {
	if !plainName.MatchString(name) || strings.Contains(name, "..") {
		return fault.New(fault.Validation, "the bucket name %q is not valid: it takes 3 to 63 letters, digits, '.', '-' and '_', beginning with a letter or digit", name)
	}
	return nil
}

// CheckStage fails with Validation unless owner may stage an object under key. The key must be a good one and must be
// the owner's by [Owns]: an S3 store's list of unfinished uploads tells the key of each and nothing more, so the key is
// the only thing by which an upload that was begun, but never recorded because of a crash, can be found and dropped
// without touching anybody else's.
func CheckStage(owner, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if owner == "" || owner == "." || owner == ".." || len(owner) > 128 || strings.ContainsFunc(owner, notOwner) {
		return fault.New(fault.Validation, "staging %q: the owner %q is not a name of letters, digits, '.', '_' and '-'", key, owner)
	}
	if !Owns(owner, key) {
		return fault.New(fault.Validation, "staging %q: the key does not contain the name of its owner %q", key, owner)
	}
	return nil
}

// Owns reports whether the key contains the owner's name, with no letter or digit directly before or after it. Keys that
// are staged must, see [CheckStage].
func Owns(owner, key string) bool {
	if owner == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(key[from:], owner)
		if i < 0 {
			return false
		}
		at, end := from+i, from+i+len(owner)
		if (at == 0 || !isWord(key[at-1])) && (end == len(key) || !isWord(key[end])) {
			return true
		}
		from = at + 1
	}
}

// Keeps reports whether the upload is among the kept ones.
func Keeps(keep []Staged, key, upload string) bool {
	for i := range keep {
		if keep[i].Key == key && keep[i].Upload == upload {
			return true
		}
	}
	return false
}

func notOwner(r rune) bool {
	return !(r < utf8.RuneSelf && isWord(byte(r)) || r == '-' || r == '_' || r == '.')
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
