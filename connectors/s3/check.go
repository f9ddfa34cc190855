package s3

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

var _ connector.PropertyChecker = Connector{}

// CheckSource checks source properties without reaching the bucket.
func (Connector) CheckSource(props flow.Properties) error {
	_, err := readSource(props)
	return err
}

// CheckDestination checks destination properties without reaching the bucket.
func (Connector) CheckDestination(props flow.Properties) error {
	_, err := readDestination(props)
	return err
}
