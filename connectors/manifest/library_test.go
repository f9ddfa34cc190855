package manifest_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connector/memory"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func library(t *testing.T, dir string) (*manifest.Library, error) {
	t.Helper()
	return manifest.OpenLibrary(dir, custom.Spec(), slog.New(slog.DiscardHandler))
}

func TestLibrary_FollowsItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "shop.yaml", shop)
	put(t, dir, "notes.txt", "no manifest")
	put(t, dir, "not a label.yaml", "no manifest either")
	synctest.Test(t, func(t *testing.T) {
		l, err := library(t, dir)
		require.NoError(t, err)
		first := l.Find("shop")
		require.NotNil(t, first)
		require.Nil(t, l.Find("other"))
		later := func() { time.Sleep(3 * time.Second) } // of the bubble

		put(t, dir, "shop.yaml", strings.Replace(shop, "name: Shop", "name: Shop two", 1))
		put(t, dir, "other.yaml", shop)
		later()
		require.Equal(t, "Shop two", l.Find("shop").Spec().Name)
		require.NotNil(t, l.Find("other"))

		put(t, dir, "shop.yaml", "name: half of")
		later()
		require.Equal(t, "Shop two", l.Find("shop").Spec().Name, "the last sound version counts")
		shelved, ok := l.Get("shop")
		require.True(t, ok)
		require.Contains(t, shelved.Problem, `shop.yaml:1:1: "base" is missing`)
		require.Len(t, l.All(), 2)

		require.NoError(t, os.Remove(filepath.Join(dir, "shop.yaml")))
		later()
		require.NotNil(t, l.Find("shop"), "it may be in the middle of being replaced")
		later()
		require.Nil(t, l.Find("shop"))
	})
}

func TestLibrary_OpensWithSoundManifestsOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "good.yaml", shop)
	put(t, dir, "bad.yaml", "name: Bad\n")
	_, err := library(t, dir)
	require.Equal(t, fault.Validation, fault.CodeOf(err))
	require.ErrorContains(t, err, `bad.yaml:1:1: "base" is missing`)
	_, err = library(t, filepath.Join(dir, "none"))
	require.NoError(t, err, "a folder that is not there is empty")
}

func TestOr_LabelsDecide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "shop.yaml", shop)
	l, err := library(t, dir)
	require.NoError(t, err)
	both := l.Or(memory.New(memory.Options{}))
	double := connectortest.NewDouble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"pages":1,"data":[{"id":%d}]}`, len(r.Header.Get("X-Key")))
	}), &connectortest.Moods{NoTokens: true})
	conn, err := both.Connect(t.Context(), connector.Config{
		Label: "shop", HTTP: double.Client(), ProfileProperties: flow.Properties(`{"profileProperties":{"instanceUrl":"https://ignored.example"}}`),
		ProfileCredentials: flow.Properties(`{"authenticationType":"APIKEY","apiKey":{"apiKey":"12345"}}`),
	})
	require.NoError(t, err)
	reader := conn.(connector.Reader)
	schema, err := reader.Describe(t.Context(), orders)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"11"}}, rows(t, reader, connector.ReadRequest{Properties: orders, Schema: schema, Fields: []string{"id"}}))
	conn, err = both.Connect(t.Context(), connector.Config{Label: "another"})
	require.NoError(t, err)
	entities, err := conn.(connector.EntityLister).ListEntities(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, entities, "the other connector was asked")
}

// A run keeps to the manifest that it began with, at both ends; the next run gets the new one.
func TestLibrary_RunsKeepWhatTheyBeganWith(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "shop.yaml", shop)
	synctest.Test(t, func(t *testing.T) {
		l, err := library(t, dir)
		require.NoError(t, err)
		both := l.Or(memory.New(memory.Options{}))
		var paths []string
		double := connectortest.NewDouble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			paths = append(paths, r.Method+" "+r.URL.Path)
			fmt.Fprint(w, `{"pages":1,"data":[{"id":1}]}`)
		}), &connectortest.Moods{NoTokens: true})
		open := func() connector.Connection {
			conn, err := both.Connect(t.Context(), connector.Config{
				Label: "shop", HTTP: double.Client(), ProfileCredentials: flow.Properties(`{"apiKey":{"apiKey":"12345"}}`),
			})
			require.NoError(t, err)
			return conn
		}
		before := open().(connector.Reader)
		schema, err := before.Describe(t.Context(), orders)
		require.NoError(t, err)
		req := connector.ReadRequest{Properties: orders, Schema: schema, Fields: []string{"id"}}
		splits, err := before.Splits(t.Context(), req, 1)
		require.NoError(t, err)

		put(t, dir, "shop.yaml", strings.ReplaceAll(shop, "path: /orders", "path: /v2/orders"))
		time.Sleep(3 * time.Second)
		read := func(splits []connector.Split) string {
			paths = nil
			pages, err := open().(connector.Reader).Read(t.Context(), req, splits[0], nil)
			require.NoError(t, err)
			defer pages.Close()
			_, err = pages.Next(t.Context())
			require.NoError(t, err)
			return paths[0]
		}
		require.Equal(t, "GET /api/orders", read(splits), "the run that has begun")
		after, err := open().(connector.Reader).Splits(t.Context(), req, 1)
		require.NoError(t, err)
		require.Equal(t, "GET /api/v2/orders", read(after), "the next one")
	})
}

func TestConfiguration_SaysWhatTheManifestCan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "shop.yaml", shop)
	put(t, dir, "crm.yaml", `
name: CRM
base: "{instanceUrl}/api"
auth: {kind: oauth2, tokenUrl: "https://crm.example/token", scopes: [all], grants: [CLIENT_CREDENTIALS]}
entities:
  - name: deals
    fields: [{name: id, key: true}]
    read: {path: /deals}
    write:
      update: {method: PATCH, path: "/deals/{id}", ids: [id]}
`)
	l, err := library(t, dir)
	require.NoError(t, err)
	said, err := l.Find("crm").Configuration()
	require.NoError(t, err)
	var c struct {
		Modes    []string `json:"connectorModes"`
		Writes   []string `json:"supportedWriteOperations"`
		Settings []struct{ Key, Scope string }
		Auth     struct {
			IsOAuth2 bool `json:"isOAuth2Supported"`
			OAuth2   struct {
				TokenURLs []string `json:"tokenUrls"`
				Grants    []string `json:"oauth2GrantTypesSupported"`
			} `json:"oAuth2Defaults"`
		} `json:"authenticationConfig"`
		Digest string `json:"manifestDigest"`
	}
	require.NoError(t, said.Decode(&c))
	require.Equal(t, []string{"SOURCE", "DESTINATION"}, c.Modes)
	require.Equal(t, []string{"UPDATE"}, c.Writes)
	require.True(t, c.Auth.IsOAuth2)
	require.Equal(t, []string{"https://crm.example/token"}, c.Auth.OAuth2.TokenURLs)
	require.Equal(t, []string{"CLIENT_CREDENTIALS"}, c.Auth.OAuth2.Grants)
	require.Len(t, c.Digest, 64)
}

func TestExample_IsSound(t *testing.T) {
	t.Parallel()
	parse(t, manifest.Example)
}
