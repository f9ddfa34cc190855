package wire

// Secretive is implemented by the inputs that can hold what the model marks as sensitive.
type Secretive interface {
	Shape
	// Redacted is a copy for logs and trails: every sensitive value that is present is replaced by [Redaction], sensitive
	// keys of maps with it. It shares the rest with the original.
	Redacted() Shape
}

// Redaction stands where a secret was.
const Redaction = "***"

func redactString(v *string) *string {
	if v == nil {
		return nil
	}
	text := Redaction
	return &text
}

// redactMap hides a map's values, and its keys where they are sensitive too: then only that there were some is left.
func redactMap(m map[string]string, hidesKeys bool) map[string]string {
	if m == nil {
		return nil
	}
	hidden := make(map[string]string, len(m))
	for key := range m {
		if hidesKeys {
			key = Redaction
		}
		hidden[key] = Redaction
	}
	return hidden
}

func redactStructs[T any](items []T, redacted func(*T) *T) []T {
	if items == nil {
		return nil
	}
	hidden := make([]T, len(items))
	for i := range items {
		hidden[i] = *redacted(&items[i])
	}
	return hidden
}
