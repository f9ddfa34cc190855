package veeva

import (
	"fmt"
	"strings"
	"time"

	"weir.dev/weir/flow"
)

// documents is the object that stands for the vault's documents.
const documents = "documents"

func isDocuments(d *flow.Definition) bool {
	var p struct {
		Object string `json:"object"`
	}
	return d.Source.Properties.Decode(&p) == nil && strings.EqualFold(p.Object, documents)
}

// minInterval is an hour for documents.
func minInterval(d *flow.Definition) time.Duration {
	if isDocuments(d) {
		return time.Hour
	}
	return time.Minute
}

// sourceRules are those of documents: they go to S3 and are not changed on the way.
func sourceRules(d *flow.Definition) flow.Problems {
	if !isDocuments(d) {
		return nil
	}
	var p flow.Problems
	if len(d.Destinations) == 1 && d.Destinations[0].Connector != flow.S3 {
		p = append(p, flow.Problem{Path: "destinationFlowConfigList.1.member.connectorType", Text: "documents of Veeva go to S3 only; choose another object or destination S3"})
	}
	for i := range d.Tasks {
		switch t := &d.Tasks[i]; t.Type {
		case flow.TaskArithmetic, flow.TaskMerge, flow.TaskMask, flow.TaskTruncate, flow.TaskValidate:
			p = append(p, flow.Problem{
				Path: fmt.Sprintf("tasks.%d.member.taskType", i+1),
				Text: fmt.Sprintf("Task Validation Error: task %d (%s): documents of Veeva are not changed or checked on the way; remove the task", i+1, t.Label(flow.Veeva)),
			})
		}
	}
	return p
}
