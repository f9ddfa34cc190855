// Package salesforce is the connector for Salesforce: objects by the REST and Bulk APIs, both ways, and change events.
//
// # Reading
//
//	source.go                what is read by which API, in how many splits
//	ask.go, question.go      the question: fields, also of other objects, ranges of ids, order
//	soql.go                  its conditions
//	query.go, divide.go      how it is asked by REST; an object in pieces, by ranges of ids that are counted
//	pages.go                 a split's pages, fetched ahead by one goroutine
//	readrest.go              pages by REST: JSON
//	readbulk.go, bulkjob.go, readresults.go   jobs, and the pages of their results: CSV
//
// Records come in the order of their ids, or of a window's time and then the id, from both APIs. So the place behind a
// record is all that a cursor has to know: the links and jobs that it names besides are only the cheaper way to go on, and
// may vanish at any time. Batches are the same whichever API has brought them.
package salesforce

import (
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

const (
	loginHost   = "https://login.salesforce.com"
	sandboxHost = "https://test.salesforce.com"
)

var scopes = []string{"api", "refresh_token", "id"}

// Spec says what the connector is.
func Spec() *connector.Spec {
	return &connector.Spec{
		Type:         flow.Salesforce,
		Name:         "Salesforce",
		Summary:      "Objects of a Salesforce organization, both ways, and its change and platform events.",
		DocsURL:      "https://developer.salesforce.com/docs/apis",
		CanBeSource:  true,
		CanBeDest:    true,
		NeedsProfile: true,
		PrivateLink:  true,
		Auth: connector.Auth{Kinds: []connector.AuthKind{connector.AuthOAuth2}, OAuth: &connector.OAuth{
			Grants:    []connector.Grant{connector.GrantAuthorizationCode, connector.GrantJWTBearer},
			Scopes:    scopes,
			AuthURLs:  []string{loginHost + "/services/oauth2/authorize", sandboxHost + "/services/oauth2/authorize"},
			TokenURLs: []string{loginHost + "/services/oauth2/token", sandboxHost + "/services/oauth2/token"},
			Endpoint:  endpoint,
		}},
		Triggers:     []flow.TriggerType{flow.TriggerOnDemand, flow.TriggerScheduled, flow.TriggerEvent},
		MinInterval:  time.Minute,
		SourceRules:  sourceRules,
		DestRules:    destRules,
		TransferAPIs: []string{"AUTOMATIC", "BULKV2", "REST_SYNC"},
		Destinations: []flow.ConnectorType{
			flow.CustomerProfiles, flow.EventBridge, flow.Honeycode, flow.LookoutMetrics, flow.Redshift, flow.S3, flow.Marketo,
			flow.Salesforce, flow.Snowflake, flow.Upsolver, flow.Zendesk, flow.CustomConnector,
		},
		WriteOperations: []string{"INSERT", "UPDATE", "UPSERT", "DELETE"},
		Settings:        settings(),
		SubServices: []connector.SubService{
			{Name: "AUTH", Description: "The login host, which gives tokens."},
			{Name: "EVENTS", Description: "The Pub/Sub API, for change and platform events; an address with the path /cometd takes the Streaming API below it instead."},
		},
		Limits: []string{
			"AppFlow moves 15 GB out and 500 MB in with a run; Weir has no limit of its own.",
			"AUTOMATIC reads by REST below 1,000,000 records and by Bulk API 2.0 else; it writes up to 100,000 records at a time, by REST where there are fewer than 1,000.",
			"Bulk API 2.0 carries no compound fields, such as addresses: AUTOMATIC reads objects by REST when a flow maps one, and BULKV2 leaves them out of Map_all; the fields that they are made of come either way.",
			"Both APIs give the same rows in the same form, in the order of their ids.",
			"A field of a parent is named by its path, such as Owner.Name, over up to five relationships.",
			"The content of files (fields of the type base64) is not read.",
			"An incremental run takes the changes up to 30 seconds before it began, since Salesforce shows a change some time after the moment that it bears; the next run takes the rest.",
			"Flows leave 5 percent of the organization's daily API calls to others, or what --salesforce-reserve says, and stop with an error rather than use them.",
			"Big objects and external objects are read in one piece: when Salesforce forgets a cursor of theirs, after two days, the run has to begin anew.",
			"UPDATE and DELETE find records by their Id, UPSERT by the Id or an external id; a row without it is refused, but by UPSERT with the Id, which takes it for a new record.",
			"A parent can be named by its own Id or external id in a destination field such as Owner.Email or Parent__r.Code__c, or Lead:Who.Email where the parent may be of several objects.",
			"Null, an empty text and #N/A leave a field of a new record to Salesforce's defaults, and clear it by UPDATE and UPSERT; a checkbox keeps its value. Both APIs write the same.",
			"When Salesforce does not answer to new records sent by REST, up to 200 of them are sent again and may be there twice; jobs of the Bulk API are found again, and UPDATE, UPSERT and DELETE have no such moment.",
			"Records that are locked are sent again a few times; rows of one key in one write go one after the other by REST.",
			"New fields are taken up by themselves (enableDynamicFieldUpdate) only on the way to S3.",
			"Events: object names them, as AccountChangeEvent, Invoice__ChangeEvent, ChangeEvents for those of all objects, Sales__chn for a channel of your own, or Order_Placed__e. Of a channel of several objects only the header is listed: tasks name the fields that they want.",
			"Events come by the Pub/Sub API (gRPC, api.pubsub.salesforce.com:7443). Where it cannot be reached when a flow begins, or the organization has no licence for it, they come by the Streaming API (long polling) from then on.",
			"An event is a record: ChangeEventHeader with the names of the fields that changed, then the fields that hold something or were emptied; times are text. Events of a gap have the header alone: the records have to be read.",
			"Salesforce keeps events for 72 hours. A flow that was away for longer goes on with the oldest that there are, and says that some may be missing; it says so, too, when the connection breaks in the first minutes, before Salesforce has told where it stands.",
			"A daily allocation of delivered events is Salesforce's; once it is used up, listening tries again every hour.",
		},
	}
}

func settings() []connector.Setting {
	return connector.Settings([]connector.Setting{
		connector.ObjectSetting(connector.InSource, "The object to read, such as Account; for events the channel, such as AccountChangeEvent."),
		{Where: connector.InSource, Name: "enableDynamicFieldUpdate", Kind: connector.Flag, Default: "false", Description: "Whether fields that are added in Salesforce are taken up by themselves."},
		{Where: connector.InSource, Name: "includeDeletedRecords", Kind: connector.Flag, Default: "false", Description: "Whether records in the recycle bin are read, too; map IsDeleted to tell them."},
		transferAPI(connector.InSource),
		connector.ObjectSetting(connector.InDestination, "The object to write."),
		transferAPI(connector.InDestination),
	},
		connector.WriteSettings("The one field that finds records: Id, or for UPSERT an external id."),
		connector.ErrorHandlingSettings(),
		[]connector.Setting{
			{Where: connector.InProfile, Name: "instanceUrl", Description: "The organization's address, such as https://example.my.salesforce.com."},
			{Where: connector.InProfile, Name: "isSandboxEnvironment", Kind: connector.Flag, Default: "false", Description: "Whether the organization is a sandbox, which logs in elsewhere."},
			{
				Where: connector.InProfile, Name: "usePrivateLinkForMetadataAndAuthorization", Kind: connector.Flag, Default: "false",
				Description: "Whether metadata and tokens, too, go over a private connection.",
			},
			connector.AccessTokenSetting(""), connector.RefreshTokenSetting(""),
		},
		connector.OAuthRequestSettings(""),
		[]connector.Setting{
			{Where: connector.InCredentials, Name: "clientCredentialsArn", Secret: true, Description: "A secret with clientId and clientSecret of your own connected app."},
			{
				Where: connector.InCredentials, Name: "oAuth2GrantType", Values: []string{"CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "JWT_BEARER"}, Default: "AUTHORIZATION_CODE",
				Description: "How tokens are got; CLIENT_CREDENTIALS is not for Salesforce.",
			},
			{Where: connector.InCredentials, Name: "jwtToken", Secret: true, Description: "The signed assertion, with JWT_BEARER."},
		},
	)
}

func transferAPI(where string) connector.Setting {
	return connector.Setting{
		Where: where, Name: "dataTransferApi", Values: []string{"AUTOMATIC", "BULKV2", "REST_SYNC"}, Default: "AUTOMATIC",
		Description: "Which of Salesforce's APIs moves the records.",
	}
}

// endpoint resolves the login host: an organization's own where the profile names one, since it may have closed the
// common ones to itself; else production's or the sandboxes'.
func endpoint(props flow.Properties, override connector.Override) (connector.OAuthEndpoint, error) {
	base, err := connector.AuthBase(override, func() (string, error) {
		var p struct {
			InstanceURL string `json:"instanceUrl"`
			Sandbox     bool   `json:"isSandboxEnvironment"`
		}
		if err := props.Decode(&p); err != nil {
			return "", fault.Wrap(fault.Validation, err, "reading the profile's properties")
		}
		if p.InstanceURL != "" {
			base, err := connector.InstanceURL(props)
			if err != nil || strings.HasSuffix(base, ".my.salesforce.com") {
				return base, err
			}
		}
		if p.Sandbox {
			return sandboxHost, nil
		}
		return loginHost, nil
	})
	if err != nil {
		return connector.OAuthEndpoint{}, err
	}
	return connector.OAuthEndpoint{
		AuthURL: base + "/services/oauth2/authorize", TokenURL: base + "/services/oauth2/token", Scopes: scopes, ClientInBody: true, UsePKCE: true,
	}, nil
}
