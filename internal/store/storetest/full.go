package storetest

import (
	"time"

	"weir.dev/weir/flow"
)

// FullFlow is a flow with every member set, none to its zero value, in the form a store gives back.
func FullFlow() *flow.Flow {
	return &flow.Flow{
		Definition:    fullDefinition(),
		Name:          "orders",
		KMSArn:        ptr("arn:aws:kms:us-east-1:000000000000:key/1"),
		Status:        flow.StatusSuspended,
		StatusMessage: "three runs failed in a row",
		SchemaVersion: 3,
		Version:       7,
		CreatedAt:     kept(instant),
		UpdatedAt:     kept(instant.Add(time.Hour)),
		CreatedBy:     "arn:aws:iam::000000000000:user/ada",
		UpdatedBy:     "arn:aws:iam::000000000000:user/grace",
		Tags:          map[string]string{"team": "data", "empty": ""},
		LastRun: &flow.LastRun{
			Message: "the bucket is gone", Time: kept(instant.Add(time.Minute)), Status: flow.ExecutionError,
		},
		LastCatalog: fullCatalog(),
	}
}

// FullExecution is the same for an execution.
func FullExecution() *flow.Execution {
	return &flow.Execution{
		ID:            "0b9d3f5c-2f0e-4f0b-9d6c-1f1f5f0c7a11",
		FlowName:      "orders",
		FlowVersion:   7,
		SchemaVersion: 3,
		Definition:    fullDefinition(),
		Status:        flow.ExecutionError,
		StartedAt:     kept(instant),
		UpdatedAt:     kept(instant.Add(time.Minute)),
		Window:        &flow.Window{From: kept(instant.Add(-time.Hour)), To: kept(instant)},
		IsBackfill:    true,
		Totals: flow.Totals{
			Read: 100, Filtered: 10, Rejected: 5, Deduplicated: 2, Written: 83, PutFailures: 1, Nulled: 3,
			BytesRead: 4096, BytesWritten: 2048, Parallelism: 4,
		},
		Message: "the bucket is gone",
		Code:    "ConnectorServerException",
		Outcome: flow.ExecutionError,
		Events:  &flow.EventRange{From: 3, To: 9, Events: 40},

		Failures: 2,
		ResumeAt: ptr(kept(instant.Add(time.Hour))),
		Options: &flow.Options{
			Retries: 3, RetryDelay: time.Minute, Events: flow.EventsObjectCreated, EventDelay: time.Minute, Drift: flow.DriftEvolve, Compression: flow.CompressionZstd, Verify: flow.VerifyFull, ErrorBucket: "errors",
			ErrorPrefix: "orders",
		},
		Catalog: fullCatalog(),
	}
}

func fullCatalog() []flow.CatalogDetail {
	return []flow.CatalogDetail{{
		Table: "orders_appflow_orders_3", Tables: flow.CatalogOutcome{Status: flow.ExecutionSuccessful, Message: "created", Result: "1"},
		Partitions: &flow.CatalogOutcome{Status: flow.ExecutionError, Message: "access denied", Result: "0"},
	}}
}

// FullProfile is the same for a profile.
func FullProfile() *flow.Profile {
	return &flow.Profile{
		Name:           "crm",
		Connector:      flow.CustomConnector,
		Label:          "acme",
		Mode:           flow.ModePrivate,
		Properties:     flow.Properties(`{"profileProperties":{"b":"<1>","a":"2"}}`),
		KMSArn:         ptr("arn:aws:kms:us-east-1:000000000000:key/1"),
		CredentialsArn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:appflow!000000000000-acme-crm-aB3xYz",
		Private:        &flow.PrivateState{Status: "FAILED", Message: "no route", Cause: "CONNECTOR_SERVER"},
		CreatedAt:      kept(instant),
		UpdatedAt:      kept(instant.Add(time.Hour)),
		CreatedBy:      "arn:aws:iam::000000000000:user/ada",
		UpdatedBy:      "arn:aws:iam::000000000000:user/grace",
		Tags:           map[string]string{"team": "data", "empty": ""},
	}
}

// FullRegistration is the same for a registered connector.
func FullRegistration() *flow.Registration {
	return &flow.Registration{
		Label:        "acme",
		Description:  ptr("the & sign of <acme>"),
		LambdaArn:    "arn:aws:lambda:us-east-1:000000000000:function:acme",
		Config:       flow.Properties(`{"connectorName":"Acme","b":1,"a":2}`),
		RegisteredAt: kept(instant),
		RegisteredBy: "arn:aws:iam::000000000000:user/ada",
		Tags:         map[string]string{"team": "data", "empty": ""},
	}
}

func fullDefinition() flow.Definition {
	return flow.Definition{
		Description: ptr("orders & <returns>, ünïcödé"),
		Trigger: flow.Trigger{
			Type: flow.TriggerScheduled,
			Properties: &flow.TriggerProperties{Scheduled: &flow.Schedule{
				Expression:          "rate(5minutes)",
				PullMode:            ptr(flow.PullIncremental),
				Start:               ptr(kept(instant)),
				End:                 ptr(kept(instant.Add(24 * time.Hour))),
				Timezone:            ptr("Europe/Helsinki"),
				OffsetSeconds:       ptr(int64(60)),
				FirstExecutionFrom:  ptr(kept(instant.Add(-24 * time.Hour))),
				DeactivateAfterRuns: ptr(int32(3)),
			}},
		},
		Source: flow.Source{
			Connector:   flow.S3,
			ProfileName: ptr("lake"),
			APIVersion:  ptr("2026-01-01"),
			Properties:  flow.Properties(`{"bucketName":"in","bucketPrefix":"orders/<today>"}`),
			Incremental: &flow.IncrementalConfig{DatetimeField: ptr("updated_at")},
		},
		Destinations: []flow.Destination{{
			Connector:   flow.S3,
			ProfileName: ptr("lake"),
			APIVersion:  ptr("2026-01-01"),
			Properties:  flow.Properties(`{"bucketName":"out","b":1,"a":2}`),
		}},
		Tasks: []flow.Task{{
			Type:             flow.TaskMap,
			SourceFields:     []string{"id", ""},
			Operators:        map[string]flow.Operator{"S3": flow.OpNoOp},
			DestinationField: ptr("order_id"),
			Properties:       map[string]string{flow.PropDataType: "string"},
		}},
		Catalog: &flow.CatalogConfig{Glue: &flow.GlueConfig{
			RoleArn: "arn:aws:iam::000000000000:role/glue", DatabaseName: "lake", TablePrefix: "orders",
		}},
	}
}

func ptr[T any](v T) *T { return &v }
