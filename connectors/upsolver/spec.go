// Package upsolver is the connector for Upsolver: files in a bucket that Upsolver reads, whose name begins with
// upsolver-appflow.
package upsolver

import (
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:            flow.Upsolver,
		Name:            "Upsolver",
		Summary:         "Files of CSV, JSON and Parquet in a bucket that Upsolver reads.",
		DocsURL:         "https://docs.aws.amazon.com/appflow/latest/userguide/upsolver.html",
		CanBeDest:       true,
		WriteOperations: []string{"INSERT"},
		Settings: connector.Settings([]connector.Setting{
			{Where: connector.InDestination, Name: "bucketName", Description: "The bucket; its name begins with upsolver-appflow.", Required: true},
			{Where: connector.InDestination, Name: "bucketPrefix", Description: "The folder that the flow's folder is made in."},
		}, connector.FileOutputSettings(true)),
		Limits: []string{"Files are laid out as in Amazon S3; Upsolver itself is not called."},
	}
}
