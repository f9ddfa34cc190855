package wire

import (
	"strconv"
	"strings"
)

// step is one part of a member's path: the name of a structure's member, the place of a list's item, or a map's key.
type step struct {
	name string // member name or map key
	item int    // 1-based place in a list; 0 for members and map entries
	kind stepKind
}

type stepKind uint8

const (
	stepMember stepKind = iota
	stepItem
	stepEntry
	stepSecretEntry // the key is sensitive
)

// maxKeyInPath bounds how much of a map's key is shown in a path, in code points.
const maxKeyInPath = 128

// trail is the way from the input to the member at hand.
type trail []step

// String writes the path as AWS does: list items and map entries are called "member", items count from 1, as in
// tasks.1.member.taskType and tags.team.member.
func (t trail) String() string {
	if len(t) == 0 {
		return ""
	}
	var b strings.Builder
	for i, s := range t {
		if i > 0 {
			b.WriteByte('.')
		}
		switch s.kind {
		case stepMember:
			b.WriteString(s.name)
		case stepItem:
			b.WriteString(strconv.Itoa(s.item))
			b.WriteString(".member")
		case stepEntry:
			b.WriteString(cut(s.name, maxKeyInPath))
			b.WriteString(".member")
		case stepSecretEntry:
			b.WriteString("*.member")
		}
	}
	return b.String()
}
