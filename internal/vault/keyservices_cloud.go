//go:build cloudkeys

package vault

// Key services that a build has with -tags cloudkeys.
import (
	_ "gocloud.dev/secrets/azurekeyvault" // azurekeyvault://NAME.vault.azure.net/keys/KEY
	_ "gocloud.dev/secrets/gcpkms"        // gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K
)
