package listen

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// notification is what the ways in which stores tell of objects have between them:
//
//	Amazon S3, MinIO, versitygw   {"Records":[{"eventName":"ObjectCreated:Put","s3":{…}}]}
//	                              (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html)
//	Amazon EventBridge            {"detail-type":"Object Created","source":"aws.s3","detail":{…}}
//	                              (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html)
//	Amazon SNS                    {"Type":"Notification","Message":"…one of the above as text…"}
//	                              (https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html)
type notification struct {
	Records []struct {
		Name string `json:"eventName"`
		Time string `json:"eventTime"`
		S3   struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key       string `json:"key"` // as in a URL's query
				ETag      string `json:"eTag"`
				Version   string `json:"versionId"`
				Sequencer string `json:"sequencer"`
			} `json:"object"`
		} `json:"s3"`
	} `json:"Records"`

	DetailType string `json:"detail-type"`
	Time       string `json:"time"`
	Detail     *struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"` // as it is
			ETag      string `json:"etag"`
			Version   string `json:"version-id"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"detail"`

	Type    string `json:"Type"`
	Message string `json:"Message"`
	Topic   string `json:"TopicArn"`
	Token   string `json:"Token"`

	Event string `json:"Event"` // s3:TestEvent, which S3 sends when notifications are set up
}

// created is an object that a notification tells of.
type created struct {
	bucket, key, etag, version, sequencer, time string
}

// maxKey is the longest key of an object, in bytes.
const maxKey = 1024

// notifications reads a body of notifications of objects, and takes those of created objects in the place.
func notifications(body []byte, at place, a *arrival) error {
	err := values(body, func(raw json.RawMessage) error { return notified(raw, at, a, true) })
	if err == nil && len(a.events) > maxEvents {
		return fault.New(fault.Validation, "reading the request: it tells of more than %d objects", maxEvents)
	}
	return err
}

func notified(raw []byte, at place, a *arrival, mayWrap bool) error {
	var n notification
	if json.Unmarshal(raw, &n) != nil {
		return fault.New(fault.Validation, "reading the request: it is no notification of objects")
	}
	switch {
	case n.Records != nil:
		for _, r := range n.Records {
			key, err := url.QueryUnescape(r.S3.Object.Key)
			if err != nil || !strings.HasPrefix(strings.TrimPrefix(r.Name, "s3:"), "ObjectCreated:") {
				a.ignored++
				continue
			}
			o := r.S3.Object
			a.object(created{r.S3.Bucket.Name, key, o.ETag, o.Version, o.Sequencer, r.Time}, at)
		}
	case n.Detail != nil:
		if n.DetailType != "Object Created" {
			a.ignored++
			return nil
		}
		o := n.Detail.Object
		a.object(created{n.Detail.Bucket.Name, o.Key, o.ETag, o.Version, o.Sequencer, n.Time}, at)
	case n.Type == "Notification" && mayWrap:
		return notified([]byte(n.Message), at, a, false)
	case n.Type == "SubscriptionConfirmation" || n.Type == "UnsubscribeConfirmation":
		a.ignored++
		a.confirmation(&n)
	case n.Event == "s3:TestEvent":
		a.ignored++
	default:
		return fault.New(fault.Validation, "reading the request: it is no notification of objects")
	}
	return nil
}

// object takes in one object, unless it is another flow's business.
func (a *arrival) object(o created, at place) {
	isOurs := o.bucket == at.Bucket && strings.HasPrefix(o.key, at.Prefix) && o.key != "" && len(o.key) <= maxKey
	if !isOurs {
		a.ignored++
		return
	}
	raw, err := json.Marshal(connector.Object{Key: o.key, ETag: strings.Trim(o.etag, `"`)})
	if err == nil {
		raw, err = plain(raw)
	}
	if err != nil {
		a.ignored++ // a key that is no text
		return
	}
	// What tells one version from another, as far as the store says: the same is a repetition, however it got here.
	version := []string{"sent", o.bucket, o.key, "version", o.version}
	if o.version == "" || o.version == "null" {
		version = []string{"sent", o.bucket, o.key, o.etag, o.sequencer}
		if o.sequencer == "" {
			version = append(version, o.time)
		}
	}
	a.events = append(a.events, event{record: raw, id: "notice/" + objectID(version...)})
}

var (
	topicARN = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$`)
	snsToken = regexp.MustCompile(`^[A-Za-z0-9]{1,1000}$`)
)

// confirmation handles a topic's request to confirm a subscription. The URL in it is not visited: whoever may send here
// would choose where this server goes. Somebody with rights on the topic confirms, as the notice says.
func (a *arrival) confirmation(n *notification) {
	if n.Type != "SubscriptionConfirmation" || !topicARN.MatchString(n.Topic) || !snsToken.MatchString(n.Token) {
		return
	}
	a.notice = "an SNS topic asks to confirm its subscription: aws sns confirm-subscription --topic-arn " + n.Topic + " --token " + n.Token
}
