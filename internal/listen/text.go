package listen

import (
	"strings"
	"unicode/utf8"
)

// maxText bounds texts that come from outside and are kept.
const maxText = 2048

func clip(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText-1]) + "…"
	}
	return text
}
