// Package imports holds no code, only the test of which room may touch which: see imports_test.go and
// docs/architecture.md.
package imports
