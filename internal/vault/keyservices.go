package vault

// The key services that a master key's URL may name, beside the local file. What each costs in the binary is measured in
// docs/decisions/0009-key-services-in-the-binary.md; those that cost most are in keyservices_cloud.go.
import (
	_ "gocloud.dev/secrets/awskms"     // awskms:///ARN?region=…
	_ "gocloud.dev/secrets/hashivault" // hashivault://KEY, at VAULT_ADDR with VAULT_TOKEN
)
