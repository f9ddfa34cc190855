// Package pubsub is the client of Salesforce's Pub/Sub API, generated from the service's definition. The definition is
// Salesforce's, as it is at https://github.com/forcedotcom/pub-sub-api, which gives it away under CC0 1.0.
package pubsub

//go:generate ./generate.sh
