package driver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store/driver"
	"weir.dev/weir/internal/store/storetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What released versions have written must be read for ever: a member that is renamed or dropped in flow shows here, and a
// new one must be set in storetest's full values.
func TestGolden_PersistedFormsKeepEveryMember(t *testing.T) {
	t.Parallel()
	flowText, err := driver.EncodeFlow(storetest.FullFlow())
	require.NoError(t, err)
	executionText, err := driver.EncodeExecution(storetest.FullExecution())
	require.NoError(t, err)
	profileText, err := driver.EncodeProfile(storetest.FullProfile())
	require.NoError(t, err)
	registrationText, err := driver.EncodeRegistration(storetest.FullRegistration())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		text string
		full any
		into any
	}{
		"flow.json":      {flowText, storetest.FullFlow(), &flow.Flow{}},
		"execution.json": {executionText, storetest.FullExecution(), &flow.Execution{}},

		"profile.json":      {profileText, storetest.FullProfile(), &flow.Profile{}},
		"registration.json": {registrationText, storetest.FullRegistration(), &flow.Registration{}},
	} {
		requireFull(t, name, reflect.ValueOf(test.full))
		path := filepath.Join("testdata", name)
		if *update {
			var pretty bytes.Buffer
			require.NoError(t, json.Indent(&pretty, []byte(test.text), "", "\t"))
			require.NoError(t, os.WriteFile(path, append(pretty.Bytes(), '\n'), 0o600))
		}
		golden, err := os.ReadFile(path)
		require.NoError(t, err)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, golden))
		require.Equal(t, compact.String(), test.text, name)
		reader := json.NewDecoder(&compact)
		reader.DisallowUnknownFields()
		require.NoError(t, reader.Decode(test.into), name)
		require.Equal(t, test.full, test.into, name)
	}
}

// requireFull checks that no member is left at its zero value: an empty member proves nothing.
func requireFull(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	require.False(t, v.IsZero(), "%s is not set", path)
	switch {
	case v.Type().PkgPath() == "time":
	case v.Kind() == reflect.Pointer:
		requireFull(t, path, v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			requireFull(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Index(0).Kind() == reflect.Struct:
		requireFull(t, path+"[0]", v.Index(0))
	}
}
