package notify

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// LoadAWS reads the AWS SDK's settings: region, credentials, endpoints (AWS_ENDPOINT_URL_EVENTBRIDGE, …).
type LoadAWS func(ctx context.Context) (aws.Config, error)

// lazily makes a client when it is first needed, so that a start does not wait for credentials, and again when that
// failed.
type lazily[C any] struct {
	load LoadAWS
	make func(cfg aws.Config) C

	mu     sync.Mutex // guards the rest
	client C
	isMade bool
}

func (l *lazily[C]) get(ctx context.Context) (C, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isMade {
		return l.client, nil
	}
	cfg, err := l.load(ctx)
	if err != nil {
		var none C
		return none, err
	}
	l.client, l.isMade = l.make(cfg), true
	return l.client, nil
}
