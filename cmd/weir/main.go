// Command weir moves records between applications, warehouses, event buses and object stores by declarative flows, and
// speaks Amazon AppFlow's API. See `weir help`.
package main

import (
	"os"

	"weir.dev/weir/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
