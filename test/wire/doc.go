// Package wire is the black-box test of the built server: it starts `weir serve` as a user would and drives it with the
// AWS CLI alone. It knows nothing of Weir's code.
//
// The binary is WEIR_BIN, or bin/weir of this repository. Without the binary or without the AWS CLI the tests are skipped
// with the reason, except in CI (CI=true), where that is a failure. lifecycle.sh can be run by hand against any server:
//
//	AWS_ENDPOINT_URL=http://127.0.0.1:8080 AWS_SHARED_CREDENTIALS_FILE=.weir/credentials test/wire/lifecycle.sh
package wire
