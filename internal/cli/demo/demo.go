// Package demo holds the data and the flow that `weir demo` shows.
//
// The data are 10,000 reports of wildlife strikes from the FAA Wildlife Strike Database, a dataset of the United States
// Government in the public domain, as published in the npm package vega-datasets 3.2.1 (birdstrikes.csv).
package demo

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the data
	"io"
)

//go:embed birdstrikes.csv.gz
var packed []byte

//go:embed flow.json
var flow []byte

// Data returns the strike reports as a CSV file.
func Data() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// Flow is the CreateFlow request that the demo sends.
func Flow() []byte { return flow }
