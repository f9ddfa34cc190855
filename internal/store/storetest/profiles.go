package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

func testProfile(name string) *store.Profile {
	p := &store.Profile{Profile: *FullProfile(), SealedCredentials: []byte{0, 1, 0xff}}
	p.Name = name
	return p
}

// flowWithProfiles is a flow from Salesforce to Snowflake.
func flowWithProfiles(name string, version int64, source, destination string) *flow.Flow {
	f := testFlow(name, version)
	f.Source = flow.Source{Connector: flow.Salesforce, ProfileName: &source}
	f.Destinations = []flow.Destination{{Connector: flow.Snowflake, ProfileName: &destination}}
	return f
}

func requireProfiles(t testing.TB, s store.Store, query store.ProfileQuery, names ...string) {
	t.Helper()
	read(t, s, func(ctx context.Context, tx store.ReadTx) error {
		list, err := tx.ProfileList(ctx, query)
		got := make([]string, len(list))
		for i, p := range list {
			got[i] = p.Name
		}
		require.Equal(t, append([]string{}, names...), got, "%+v", query)
		return err
	})
}

func requireUsers(t testing.TB, s store.Store, profile string, flows ...string) {
	t.Helper()
	read(t, s, func(ctx context.Context, tx store.ReadTx) error {
		got, err := tx.ProfileUsers(ctx, profile, 10)
		require.Equal(t, flows, got, profile)
		return err
	})
}

var profileTests = map[string]func(*testing.T, store.Store){
	"GetReturnsWhatWasPut": func(t *testing.T, s store.Store) {
		want := testProfile("crm")
		want.CreatedAt = instant
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, want) })
		require.Equal(t, instant, want.CreatedAt, "the caller's profile is not touched")
		require.Equal(t, kept(instant).UnixMicro(), want.Revision)
		want.CreatedAt = kept(instant)
		bare := &store.Profile{Profile: flow.Profile{Name: "bare", CreatedAt: kept(instant)}}
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, bare) })
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.ProfileGet(ctx, "crm")
			require.NoError(t, err)
			require.Equal(t, want, got)
			got, err = tx.ProfileGet(ctx, "bare")
			require.Equal(t, bare, got)
			require.Nil(t, got.SealedCredentials)
			return err
		})
	},
	"NotFound": func(t *testing.T, s store.Store) {
		for name, call := range map[string]func(ctx context.Context, tx store.Tx) error{
			"get":    func(ctx context.Context, tx store.Tx) error { _, err := tx.ProfileGet(ctx, "none"); return err },
			"delete": func(ctx context.Context, tx store.Tx) error { return tx.ProfileDelete(ctx, "none") },
			"save":   func(ctx context.Context, tx store.Tx) error { return tx.ProfileSaveCredentials(ctx, "none", 1, nil) },
		} {
			err := writeErr(t, s, call)
			require.True(t, fault.Is(err, fault.NotFound), "%s: %v", name, err)
		}
	},
	"EveryChangeRaisesTheRevision": func(t *testing.T, s store.Store) {
		first := testProfile("crm")
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, first) })
		second := testProfile("crm")
		second.UpdatedBy = "someone else"
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, second) })
		require.Equal(t, first.Revision+1, second.Revision)
		sealed := []byte("rotated")
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.ProfileSaveCredentials(ctx, "crm", second.Revision, sealed)
		})
		requireCode(t, fault.Conflict, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.ProfileSaveCredentials(ctx, "crm", second.Revision, []byte("too late"))
		}))
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.ProfileGet(ctx, "crm")
			second.SealedCredentials, second.Revision = sealed, second.Revision+1
			require.Equal(t, second, got, "but for the credentials nothing has changed")
			return err
		})
	},
	"ANamesakeDoesNotTakeOldCredentials": func(t *testing.T, s store.Store) {
		old, renewed := testProfile("crm"), testProfile("crm")
		renewed.CreatedAt = old.CreatedAt.Add(time.Second)
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, old) })
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfileDelete(ctx, "crm") })
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, renewed) })
		requireCode(t, fault.Conflict, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.ProfileSaveCredentials(ctx, "crm", old.Revision, []byte("of the old one"))
		}))
	},
	"OnlyOneOfManyRotates": func(t *testing.T, s store.Store) {
		p := testProfile("crm")
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, p) })
		const workers = 6
		var wait sync.WaitGroup
		errs := make([]error, workers)
		for i := range workers {
			wait.Go(func() {
				errs[i] = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
					return tx.ProfileSaveCredentials(ctx, "crm", p.Revision, []byte{byte(i)})
				})
			})
		}
		wait.Wait()
		requireOneWinner(t, errs)
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.ProfileGet(ctx, "crm")
			require.Len(t, got.SealedCredentials, 1)
			require.NoError(t, errs[got.SealedCredentials[0]], "the winner's are kept")
			return err
		})
	},
	"ListFiltersTogetherAndPages": func(t *testing.T, s store.Store) {
		for i, name := range []string{"b", "Z", "a-b", "a_b", "ab"} {
			p := testProfile(name)
			if i%2 == 0 {
				p.Connector, p.Label = flow.Slack, ""
			}
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, p) })
		}
		requireProfiles(t, s, store.ProfileQuery{Limit: 10}, "Z", "a-b", "a_b", "ab", "b")
		requireProfiles(t, s, store.ProfileQuery{Limit: 2}, "Z", "a-b")
		requireProfiles(t, s, store.ProfileQuery{Limit: 2, After: "a-b"}, "a_b", "ab")
		requireProfiles(t, s, store.ProfileQuery{Limit: 10, Connector: flow.Slack}, "a-b", "ab", "b")
		requireProfiles(t, s, store.ProfileQuery{Limit: 10, Label: "acme"}, "Z", "a_b")
		requireProfiles(t, s, store.ProfileQuery{Limit: 10, Label: "acme", Connector: flow.Slack})
		names := []string{"none", `"`, "b", "a_b", "b"}
		requireProfiles(t, s, store.ProfileQuery{Limit: 10, Names: names}, "a_b", "b")
		requireProfiles(t, s, store.ProfileQuery{Limit: 10, Names: names, Connector: flow.Slack}, "b")
		requireProfiles(t, s, store.ProfileQuery{Limit: 10, Names: names, After: "a_b"}, "b")
		requireProfiles(t, s, store.ProfileQuery{Names: names})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			n, err := tx.ProfileCount(ctx)
			require.Equal(t, 5, n)
			return err
		})
	},
	"UsersFollowTheFlows": func(t *testing.T, s store.Store) {
		put := func(f *flow.Flow) {
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowPut(ctx, f) })
		}
		put(flowWithProfiles("two", 1, "crm", "crm"))
		put(flowWithProfiles("one", 1, "crm", "warehouse"))
		files := testFlow("files", 1) // from S3 to S3, which take no profile, with a name all the same
		files.Source.ProfileName, files.Destinations[0].ProfileName = ptr("crm"), ptr("crm")
		put(files)
		requireUsers(t, s, "crm", "one", "two")
		requireUsers(t, s, "warehouse", "one")
		requireUsers(t, s, "none")
		put(flowWithProfiles("one", 2, "other", "warehouse"))
		f := flowWithProfiles("one", 2, "other", "warehouse")
		f.StatusMessage = "a state of the same version"
		put(f)
		requireUsers(t, s, "crm", "two")
		requireUsers(t, s, "other", "one")
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.FlowDelete(ctx, "one") })
		requireUsers(t, s, "other")
		requireUsers(t, s, "warehouse")
		put(flowWithProfiles("one", 1, "crm", "crm"))
		requireUsers(t, s, "crm", "one", "two")
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			some, err := tx.ProfileUsers(ctx, "crm", 1)
			require.Equal(t, []string{"one"}, some)
			return err
		})
	},
	// DeleteConnectorProfile and CreateFlow at once: either the flow sees no profile, or the deletion sees the flow.
	"NoFlowIsMadeOnAProfileThatGoes": func(t *testing.T, s store.Store) {
		for round := range 5 {
			profile := fmt.Sprint("crm-", round)
			write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.ProfilePut(ctx, testProfile(profile)) })
			var wait sync.WaitGroup
			errs := make([]error, 2)
			wait.Go(func() {
				errs[0] = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
					if _, err := tx.ProfileGet(ctx, profile); err != nil {
						return fault.New(fault.Conflict, "no profile")
					}
					return tx.FlowPut(ctx, flowWithProfiles("of-"+profile, 1, profile, profile))
				})
			})
			wait.Go(func() {
				errs[1] = writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
					users, err := tx.ProfileUsers(ctx, profile, 1)
					if err != nil {
						return err
					}
					if len(users) > 0 {
						return fault.New(fault.Conflict, "in use")
					}
					return tx.ProfileDelete(ctx, profile)
				})
			})
			wait.Wait()
			requireOneWinner(t, errs)
		}
	},
}

var registrationTests = map[string]func(*testing.T, store.Store){
	"PutGetListDelete": func(t *testing.T, s store.Store) {
		second := FullRegistration()
		second.Label, second.RegisteredAt = "Zeta", instant
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.RegistrationPut(ctx, FullRegistration()))
			return tx.RegistrationPut(ctx, second)
		})
		require.Equal(t, instant, second.RegisteredAt, "the caller's registration is not touched")
		second.RegisteredAt = kept(instant)
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			got, err := tx.RegistrationGet(ctx, "acme")
			require.NoError(t, err)
			require.Equal(t, FullRegistration(), got)
			list, err := tx.RegistrationList(ctx, "", 10)
			require.NoError(t, err)
			require.Equal(t, []*flow.Registration{second, FullRegistration()}, list)
			list, err = tx.RegistrationList(ctx, "Zeta", 1)
			require.NoError(t, err)
			require.Equal(t, []*flow.Registration{FullRegistration()}, list)
			n, err := tx.RegistrationCount(ctx)
			require.Equal(t, 2, n)
			return err
		})
		write(t, s, func(ctx context.Context, tx store.Tx) error { return tx.RegistrationDelete(ctx, "acme") })
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			return tx.RegistrationDelete(ctx, "acme")
		}))
		requireCode(t, fault.NotFound, writeErr(t, s, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.RegistrationGet(ctx, "acme")
			return err
		}))
	},
	"UsersAreTheProfilesWithTheLabel": func(t *testing.T, s store.Store) {
		slack := testProfile("slack")
		slack.Connector, slack.Label = flow.Slack, ""
		write(t, s, func(ctx context.Context, tx store.Tx) error {
			require.NoError(t, tx.ProfilePut(ctx, slack))
			require.NoError(t, tx.ProfilePut(ctx, testProfile("b")))
			return tx.ProfilePut(ctx, testProfile("a"))
		})
		read(t, s, func(ctx context.Context, tx store.ReadTx) error {
			users, err := tx.RegistrationUsers(ctx, "acme", 10)
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, users)
			users, err = tx.RegistrationUsers(ctx, "", 10)
			require.Empty(t, users)
			return err
		})
	},
}
