package salesforce

import (
	"fmt"
	"strings"

	"weir.dev/weir/flow"
)

// sourceRules: fields that are taken up by themselves need a destination that makes its columns by itself.
func sourceRules(d *flow.Definition) flow.Problems {
	var src struct {
		Dynamic bool `json:"enableDynamicFieldUpdate"`
	}
	if d.Source.Properties.Decode(&src) != nil || !src.Dynamic || len(d.Destinations) == 0 || d.Destinations[0].Connector == flow.S3 {
		return nil
	}
	return flow.Problems{{
		Path: "sourceFlowConfig.sourceConnectorProperties.Salesforce.enableDynamicFieldUpdate",
		Text: "new fields are taken up by themselves only on the way to S3; set enableDynamicFieldUpdate to false",
	}}
}

// destRules: Salesforce finds a record by one field, and one that is to be updated by its Id.
func destRules(d *flow.Definition) flow.Problems {
	w := d.Destinations[0].Writing()
	const path = "destinationFlowConfigList.1.member.destinationConnectorProperties.Salesforce.idFieldNames"
	switch {
	case w.Operation == "INSERT" || len(w.IDs) == 0:
	case len(w.IDs) > 1:
		return flow.Problems{{Path: path, Text: fmt.Sprintf("Salesforce finds records by one field, %d were given; name one", len(w.IDs))}}
	case w.Operation == "UPDATE" && !strings.EqualFold(w.IDs[0], "Id"):
		return flow.Problems{{Path: path, Text: "Salesforce updates records by their Id only, not by " + w.IDs[0] + "; use UPSERT for an external id"}}
	case w.Operation == "DELETE" && !strings.EqualFold(w.IDs[0], "Id"):
		return flow.Problems{{Path: path, Text: "Salesforce deletes records by their Id only, not by " + w.IDs[0]}}
	}
	return nil
}
