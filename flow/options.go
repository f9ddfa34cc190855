package flow

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OptionPrefix is what the tags begin with that are options of Weir's: settings that AppFlow's model has no member for.
// They travel as tags so that every AWS client can set them as it is; see docs/decisions/0007-options-are-tags.md.
const OptionPrefix = "weir:"

// The options' tags.
const (
	TagDrift       = OptionPrefix + "drift"
	TagCompression = OptionPrefix + "compression"
	TagErrors      = OptionPrefix + "errors"
	TagVerify      = OptionPrefix + "verify"
	TagRetries     = OptionPrefix + "retries"
	TagEvents      = OptionPrefix + "events"
	TagEventDelay  = OptionPrefix + "event-delay"
)

// Options are a flow's settings beyond AppFlow's. The zero value is what a flow without such tags gets. They are frozen
// into the plan of each run.
type Options struct {
	Drift       Drift       `json:"drift,omitzero"`
	Compression Compression `json:"compression,omitzero"`
	// ErrorBucket and ErrorPrefix say where records that were left out are written, for destinations whose properties
	// have no errorHandlingConfig, or name no bucket there.
	ErrorBucket string `json:"errorBucket,omitzero"`
	ErrorPrefix string `json:"errorPrefix,omitzero"`
	Verify      Verify `json:"verify,omitzero"`
	// Retries is how often a run that failed goes on, after RetryDelay the first time and twice as long each further time.
	Retries    int           `json:"retries,omitzero"`
	RetryDelay time.Duration `json:"retryDelay,omitzero"`
	// Events says which events an event flow takes from a source that AppFlow gives none.
	Events Events `json:"events,omitzero"`
	// EventDelay is how long an event may wait for others to be moved together with it; 0 leaves it to the installation.
	EventDelay time.Duration `json:"eventDelay,omitzero"`
}

// Events are a kind of event.
type Events string

// EventsObjectCreated are an S3 source's: objects that are created under its prefix, or replaced.
const EventsObjectCreated Events = "object-created"

// Bounds of [Options.EventDelay].
const (
	minEventDelay = time.Second
	maxEventDelay = time.Hour
)

// Drift is what a run does when the source no longer looks as it did when the flow was saved and first run.
type Drift string

// Drift policies.
const (
	DriftAppFlow         Drift = "appflow" // a mapped field that vanished fails the run; new fields are ignored
	DriftEvolve          Drift = "evolve"  // new fields are taken along, vanished ones are null
	DriftFreeze          Drift = "freeze"  // the fields stay what they were
	DriftQuarantineValue Drift = "quarantine-value"
	DriftQuarantineRow   Drift = "quarantine-row"
	DriftFail            Drift = "fail" // any difference fails the run before a row moves
)

// Compression is how output files are compressed. The zero value is the file type's default: Snappy inside Parquet, none
// elsewhere.
type Compression string

// Compressions.
const (
	CompressionNone   Compression = "none"
	CompressionGzip   Compression = "gzip"
	CompressionZstd   Compression = "zstd"
	CompressionSnappy Compression = "snappy" // Parquet only
)

// Verify is how closely rows are compared between the program and the encoder. Every row is counted by where it came
// from, in either case.
type Verify string

// Verifications.
const (
	VerifySample Verify = "sample" // the values of some rows; the default
	VerifyFull   Verify = "full"   // the values of every row
)

// option is how one tag is read. An option with a list of values takes no others.
type option struct {
	values []string
	form   string // what is allowed where that is no list
	set    func(o *Options, value string) bool
}

// options are all there are. To add one: a tag, a field of [Options], an entry here, a line in the user guide.
var options = map[string]option{
	TagDrift: {
		values: list(DriftAppFlow, DriftEvolve, DriftFreeze, DriftQuarantineValue, DriftQuarantineRow, DriftFail),
		set:    func(o *Options, v string) bool { o.Drift = Drift(v); return true },
	},
	TagCompression: {
		values: list(CompressionNone, CompressionGzip, CompressionZstd, CompressionSnappy),
		set:    func(o *Options, v string) bool { o.Compression = Compression(v); return true },
	},
	TagVerify: {
		values: list(VerifySample, VerifyFull),
		set:    func(o *Options, v string) bool { o.Verify = Verify(v); return true },
	},
	TagRetries: {
		form: "a number from 1 to 100, alone or with the first delay from 1s to 24h behind a slash, as 3 or 3/5m",
		set:  setRetries,
	},
	TagEvents: {
		values: list(EventsObjectCreated),
		set:    func(o *Options, v string) bool { o.Events = Events(v); return true },
	},
	TagEventDelay: {
		form: "a time from 1s to 1h, as 30s or 5m",
		set: func(o *Options, v string) bool {
			d, err := time.ParseDuration(v)
			o.EventDelay = d
			return err == nil && d >= minEventDelay && d <= maxEventDelay
		},
	},
	TagErrors: {
		form: "a bucket's name, or bucket/prefix",
		set: func(o *Options, v string) bool {
			o.ErrorBucket, o.ErrorPrefix, _ = strings.Cut(v, "/")
			o.ErrorPrefix = strings.Trim(o.ErrorPrefix, "/")
			return o.ErrorBucket != ""
		},
	},
}

// Bounds of [Options.Retries] and [Options.RetryDelay].
const (
	maxRetries        = 100
	minRetryDelay     = time.Second
	maxRetryDelay     = 24 * time.Hour
	defaultRetryDelay = time.Minute
)

func setRetries(o *Options, v string) bool {
	count, delay, hasDelay := strings.Cut(v, "/")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > maxRetries {
		return false
	}
	o.Retries, o.RetryDelay = n, defaultRetryDelay
	if hasDelay {
		o.RetryDelay, err = time.ParseDuration(delay)
	}
	return err == nil && o.RetryDelay >= minRetryDelay && o.RetryDelay <= maxRetryDelay
}

func list[T ~string](values ...T) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return texts
}

// OptionsOf reads a flow's options from its tags. Tags that do not begin with [OptionPrefix] are none of its business.
// Each problem names the tag, its value and what is allowed.
func OptionsOf(tags map[string]string) (Options, Problems) {
	var o Options
	var p Problems
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		if !strings.HasPrefix(tag, OptionPrefix) {
			continue
		}
		opt, known := options[tag]
		value, path := tags[tag], "tags."+tag
		switch {
		case !known:
			p.add(path, "tag %q with value %q is no option of Weir's; tags that begin with %q are %s",
				tag, value, OptionPrefix, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
		case opt.values != nil && !slices.Contains(opt.values, value):
			p.add(path, "tag %q has the value %q; allowed are %s", tag, value, strings.Join(opt.values, ", "))
		case !opt.set(&o, value):
			p.add(path, "tag %q has the value %q; allowed is %s", tag, value, opt.form)
		}
	}
	return o, p
}

// Check says which options do not go with the definition.
func (o *Options) Check(d *Definition) Problems {
	var p Problems
	o.checkEvents(d, &p)
	if len(d.Destinations) != 1 {
		return p
	}
	fileType, isFiles := d.Destinations[0].fileType()
	switch {
	case o.Compression == "":
	case !isFiles:
		p.add("tags."+TagCompression, "tag %q has the value %q; it goes with destinations of files, and %s is none",
			TagCompression, o.Compression, d.Destinations[0].Connector)
	case o.Compression == CompressionSnappy && fileType != FileParquet:
		p.add("tags."+TagCompression, "tag %q has the value %q, which goes with file type PARQUET; for %s allowed are %s",
			TagCompression, o.Compression, fileType, strings.Join(list(CompressionNone, CompressionGzip, CompressionZstd), ", "))
	}
	return p
}

// checkEvents holds the trigger against the source, where a tag decides what goes with what.
func (o *Options) checkEvents(d *Definition, p *Problems) {
	isEvent, isS3 := d.Trigger.Type == TriggerEvent, d.Source.Connector == S3
	switch {
	case isEvent && isS3 && o.Events == "":
		p.add("triggerConfig.triggerType", "%s as a source does not support trigger type %s; it supports %s, and with the tag %s=%s also %s",
			S3, TriggerEvent, join(TraitsOf(S3).Triggers), TagEvents, EventsObjectCreated, TriggerEvent)
	case o.Events != "" && (!isEvent || !isS3):
		p.add("tags."+TagEvents, "tag %q has the value %q; it goes with source %s and trigger type %s", TagEvents, o.Events, S3, TriggerEvent)
	}
	if o.EventDelay != 0 && !isEvent {
		p.add("tags."+TagEventDelay, "tag %q has the value %q; it goes with trigger type %s", TagEventDelay, o.EventDelay, TriggerEvent)
	}
}

// CheckTags is [OptionsOf] and [Options.Check] for whoever only wants to know what is wrong.
func (d *Definition) CheckTags(tags map[string]string) Problems {
	o, p := OptionsOf(tags)
	return append(p, o.Check(d)...)
}

// fileType is the format that a destination of files writes; false for other destinations.
func (d *Destination) fileType() (FileType, bool) {
	if d.Connector != S3 && d.Connector != Upsolver {
		return "", false
	}
	var props struct {
		Format struct {
			FileType FileType `json:"fileType"`
		} `json:"s3OutputFormatConfig"`
	}
	if err := d.Properties.Decode(&props); err != nil || props.Format.FileType == "" {
		return FileJSON, true // properties that cannot be read have been refused before
	}
	return props.Format.FileType, true
}
