package server

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"weir.dev/weir/internal/store"
)

// TrailRecord is an audit event in the shape of CloudTrail, which many tools read
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
type TrailRecord struct {
	EventVersion       string          `json:"eventVersion"`
	UserIdentity       TrailIdentity   `json:"userIdentity"`
	EventTime          string          `json:"eventTime"`
	EventSource        string          `json:"eventSource"`
	EventName          string          `json:"eventName"`
	AWSRegion          string          `json:"awsRegion"`
	SourceIPAddress    string          `json:"sourceIPAddress"`
	UserAgent          string          `json:"userAgent"`
	ErrorCode          string          `json:"errorCode,omitzero"`
	ErrorMessage       string          `json:"errorMessage,omitzero"`
	RequestParameters  json.RawMessage `json:"requestParameters"`
	ResponseElements   json.RawMessage `json:"responseElements"`
	RequestID          string          `json:"requestID"`
	EventID            string          `json:"eventID"`
	ReadOnly           bool            `json:"readOnly"`
	Resources          []TrailResource `json:"resources,omitzero"`
	EventType          string          `json:"eventType"`
	ManagementEvent    bool            `json:"managementEvent"`
	RecipientAccountID string          `json:"recipientAccountId"`
	EventCategory      string          `json:"eventCategory"`
}

// TrailIdentity is who made a call.
type TrailIdentity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	AccessKeyID string `json:"accessKeyId"`
	UserName    string `json:"userName"`
}

// TrailResource is what a call was about.
type TrailResource struct {
	ARN       string `json:"ARN"`
	AccountID string `json:"accountId"`
	Type      string `json:"type"`
}

// Sources of events: AppFlow's operations, and Weir's own pages.
const (
	trailSource    = "appflow.amazonaws.com"
	trailExtension = "weir.dev"
)

// trailTypes names kinds of resources as CloudFormation does.
var trailTypes = map[string]string{
	kindFlow: "AWS::AppFlow::Flow", kindProfile: "AWS::AppFlow::ConnectorProfile", kindConnector: "AWS::AppFlow::Connector",
}

// trailRecord turns an audit event into a record. Its eventID is always the same for the same event.
func (s *Server) trailRecord(e *store.AuditEvent) TrailRecord {
	_, name, _ := strings.Cut(e.Principal, ":user/")
	r := TrailRecord{
		EventVersion:       "1.11",
		UserIdentity:       TrailIdentity{Type: "IAMUser", PrincipalID: e.KeyID, ARN: e.Principal, AccountID: s.AccountID, AccessKeyID: e.KeyID, UserName: name},
		EventTime:          e.At.UTC().Format("2006-01-02T15:04:05Z"),
		EventSource:        trailExtension,
		EventName:          e.Operation,
		AWSRegion:          e.Region,
		SourceIPAddress:    e.SourceIP,
		UserAgent:          e.UserAgent,
		ErrorCode:          e.ErrorCode,
		ErrorMessage:       e.Message,
		RequestParameters:  e.Request,
		ResponseElements:   e.Response,
		RequestID:          e.RequestID,
		EventID:            uuid.NewSHA1(uuid.NameSpaceOID, []byte(e.RequestID+"/"+strconv.FormatInt(e.ID, 10))).String(),
		ReadOnly:           e.Operation == "Backup",
		EventType:          "AwsApiCall",
		ManagementEvent:    true,
		RecipientAccountID: s.AccountID,
		EventCategory:      "Management",
	}
	if _, ok := s.operations[e.Operation]; ok {
		r.EventSource = trailSource
	}
	if parts := strings.SplitN(e.Resource, ":", 6); len(parts) == 6 {
		kind, _, _ := strings.Cut(parts[5], "/")
		if named := trailTypes[kind]; named != "" {
			r.Resources = []TrailResource{{ARN: e.Resource, AccountID: s.AccountID, Type: named}}
		}
	}
	return r
}
