package durabletest

import "os"

// IsSlow reports whether the whole suite is wanted, whatever it takes: WEIR_SLOW_TESTS=1.
func IsSlow() bool { return os.Getenv("WEIR_SLOW_TESTS") == "1" }
