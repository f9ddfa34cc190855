package wire

// stringRule is what the model says about a string or enum shape. Rules are generated, one per shape, and never change.
type stringRule struct {
	min, max  int       // code points; max -1 when unbounded
	pattern   *pattern  // nil when any text will do
	enum      *enumRule // nil for plain strings
	sensitive bool      // the value must not be shown
}

// enumRule is an enum's closed list of values, and the same as text.
type enumRule struct {
	values []string
	text   string // "[a, b]"
}

// sizeRule is the number of items that a list or map may have.
type sizeRule struct {
	min, max int // max -1 when unbounded
}
