package googleanalytics

import (
	"fmt"
	"strings"

	"weir.dev/weir/flow"
)

// Google's own limits of one report.
const (
	maxDimensions = 9
	maxMetrics    = 10
)

// sourceRules are the report's limits, and that files of it have to be JSON.
func sourceRules(d *flow.Definition) flow.Problems {
	var p flow.Problems
	kinds := map[string]map[string]bool{"DIMENSION": {}, "METRIC": {}}
	for i := range d.Tasks {
		for _, f := range d.Tasks[i].SourceFields {
			if name, kind, ok := strings.Cut(f, "|"); ok && kinds[kind] != nil {
				kinds[kind][name] = true
			}
		}
	}
	if n := len(kinds["DIMENSION"]); n > maxDimensions {
		p = append(p, flow.Problem{Path: "tasks", Text: fmt.Sprintf("Google Analytics gives at most %d dimensions, the tasks use %d; take some out, or make another flow for them", maxDimensions, n)})
	}
	if n := len(kinds["METRIC"]); n > maxMetrics {
		p = append(p, flow.Problem{Path: "tasks", Text: fmt.Sprintf("Google Analytics gives at most %d metrics, the tasks use %d; take some out, or make another flow for them", maxMetrics, n)})
	}
	for i, dst := range d.Destinations {
		var out struct {
			Format struct {
				Type string `json:"fileType"`
			} `json:"s3OutputFormatConfig"`
		}
		if dst.Properties.Decode(&out) == nil && out.Format.Type != "" && out.Format.Type != "JSON" {
			p = append(p, flow.Problem{
				Path: fmt.Sprintf("destinationFlowConfigList.%d.member.destinationConnectorProperties.%s.s3OutputFormatConfig.fileType", i+1, dst.Connector.Member()),
				Text: fmt.Sprintf("files from Google Analytics have to be JSON, not %s", out.Format.Type),
			})
		}
	}
	return p
}
