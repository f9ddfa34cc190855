package manifest

import _ "embed" // of the example

// Example is a small manifest that is sound and says what its parts are for: what a new one begins with. The name in it is
// EXAMPLE.
//
//go:embed example.yaml
var Example string
