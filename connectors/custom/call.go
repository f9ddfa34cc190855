package custom

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// dataTime is what a call that moves records may take: as long as AWS lets a function run. AppFlow gives 30 seconds.
const dataTime = 15 * time.Minute

// session is what one call is made with.
type session struct {
	function    *function
	credentials *credentials // nil for a profile without
	run         connector.Run
}

// context is the connectorContext of a call. Settings are those of the profile, and over them those of one end of a flow.
func (c *connection) context(s *session, settings map[string]string, entity json.RawMessage) *connectorContext {
	all := maps.Clone(filled(c.settings))
	maps.Copy(all, settings)
	out := &connectorContext{APIVersion: c.cfg.APIVersion, Credentials: s.credentials, Settings: all, Entity: entity, Profile: c.cfg.ProfileName}
	out.FlowName, out.ExecutionID = optional(s.run.Flow), optional(s.run.Execution)
	if out.APIVersion == "" {
		out.APIVersion = s.function.apiVersion
	}
	return out
}

func marshal(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing a request to a custom connector")
	}
	return body, nil
}

// call asks the function one thing and returns its answer, which is a success when err is nil. When the connector says
// itself that it failed, the answer is returned beside the error. Credentials that it refuses are renewed once.
//
// Its errors are classified and hold no secret; trying again is the caller's business.
func (c *connection) call(ctx context.Context, operation string, limit time.Duration, request func(*session) ([]byte, error)) ([]byte, error) {
	fn, err := c.function(ctx)
	if err != nil {
		return nil, ended(ctx, operation, err)
	}
	refused := ""
	for renewed := false; ; renewed = true {
		keep, token, err := c.credentials(ctx, fn, refused)
		if err != nil {
			return nil, ended(ctx, operation, err)
		}
		body, err := request(&session{function: fn, credentials: keep, run: connector.RunOf(ctx)})
		if err != nil {
			return nil, err
		}
		answer, code, err := c.once(ctx, fn, operation, limit, body)
		if code != invalidCredentials || renewed || c.cfg.Tokens == nil {
			return answer, err
		}
		refused = token
	}
}

// once makes one call.
func (c *connection) once(ctx context.Context, fn *function, operation string, limit time.Duration, body []byte) (answer []byte, code string, err error) {
	if len(body) > maxAnswer {
		return nil, "", fault.New(fault.Validation, "asking the custom connector for %s: the request is larger than %d bytes, which is what a function takes", operation, maxAnswer)
	}
	if c.cfg.Budget != nil {
		release, err := c.cfg.Budget.Take(ctx, 1)
		if err != nil {
			return nil, "", ended(ctx, operation, err)
		}
		defer release()
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err = c.o.Invoker.Invoke(timed, fn.arn, body)
	if err != nil {
		return nil, "", c.scrubbed(ended(ctx, operation, err))
	}
	code, err = examine(operation, answer)
	if err != nil && code == "" {
		answer = nil
	}
	return answer, code, c.scrubbed(err)
}

// ended is Canceled when it was the caller who gave up.
func ended(ctx context.Context, operation string, err error) error {
	if err != nil && ctx.Err() != nil {
		return fault.Wrap(fault.Canceled, context.Cause(ctx), "asking a custom connector for %s", operation)
	}
	return err
}

// hidden are the texts that nobody is to see.
func (c *connection) hidden() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hide
}

// scrubbed takes the profile's secrets out of what a connector says.
func (c *connection) scrubbed(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	hide := c.hidden()
	clean := *f
	clean.Message, clean.Cause = hideIn(f.Message, hide), nil
	if f.Cause != nil {
		clean.Cause = errors.New(hideIn(f.Cause.Error(), hide))
	}
	return &clean
}

func hideIn(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

// complaints joins what a connector says of each setting, in order.
func complaints(byField map[string]string, hide []string) string {
	const most = 10
	list := make([]string, 0, most)
	for _, key := range slices.Sorted(maps.Keys(byField)) {
		if len(list) == most {
			list = append(list, "…")
			break
		}
		list = append(list, clip(key)+": "+hideIn(clip(byField[key]), hide))
	}
	return strings.Join(list, "; ")
}

// credentials makes sure that the function finds the profile's secret, and says where. Refused is the OAuth token that
// the connector has just refused, "" at first. It returns the token that the secret holds.
func (c *connection) credentials(ctx context.Context, fn *function, refused string) (*credentials, string, error) {
	token, err := currentToken(ctx, c.cfg.Tokens, refused)
	if err != nil {
		return nil, "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept != nil && c.token == token {
		return c.kept, token, nil
	}
	s, err := readSecret(c.cfg.ProfileCredentials, token)
	if err != nil || s == nil {
		return nil, "", err
	}
	keeper, err := c.keeper(fn)
	if err != nil {
		return nil, "", err
	}
	value, err := s.document()
	if err != nil {
		return nil, "", err
	}
	where, drop, err := keeper.Keep(ctx, Kept{Label: c.cfg.Label, Profile: c.cfg.ProfileName, FunctionARN: fn.arn, Value: value})
	if err != nil {
		return nil, "", err
	}
	if c.drop != nil {
		c.drop()
	}
	c.kept, c.token, c.drop = &credentials{SecretARN: where, Type: s.kind}, token, drop
	c.hide = append(c.hide, s.values()...)
	return c.kept, token, nil
}

// currentToken is the profile's access token, "" without OAuth.
func currentToken(ctx context.Context, tokens connector.TokenSource, refused string) (string, error) {
	switch {
	case tokens == nil:
		return "", nil
	case refused != "":
		return tokens.Renew(ctx, refused)
	}
	return tokens.Token(ctx)
}

// keeper is who keeps secrets where the function looks for them.
func (c *connection) keeper(fn *function) (Keeper, error) {
	switch isLocal := c.o.Invoker.IsLocal(fn.arn); {
	case isLocal && c.o.Local != nil:
		return c.o.Local, nil
	case isLocal:
		return nil, fault.New(fault.Unsupported, "the custom connector %s has an endpoint of its own, but nothing here serves it the profile's secret", clip(c.cfg.Label))
	case c.o.AWS != nil:
		return c.o.AWS, nil
	}
	return nil, fault.New(fault.Unsupported, "the function %s reads its profile's credentials from AWS Secrets Manager, where Weir may not write; "+
		"have the operator set --connector-secrets=aws, or map the function to an endpoint with --connector", clip(fn.arn))
}
