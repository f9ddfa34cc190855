// Package connectors lists the connectors of this build, one line each. Nothing registers itself: another build with
// other connectors calls [connector.NewRegistry] with a list of its own.
package connectors

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/s3"
)

// All returns a registry of every connector in this build.
func All() *connector.Registry {
	return connector.NewRegistry(
		s3.New(),
	)
}
