package imports_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "weir.dev/weir/"

// rooms says what each folder may import of ours; "std" rooms may not import anything outside the standard library
// either. A folder that is not listed takes the rule of its parent. Tests are free: they put rooms together.
var rooms = map[string]struct {
	may string // folders, separated by spaces; a folder stands for all below it
	std bool   // no third-party packages
}{
	"fault":                        {may: "", std: true},
	"flow":                         {may: "fault", std: true},
	"batch":                        {may: "fault"},
	"format":                       {may: "batch fault format"},
	"blob":                         {may: "fault blob"},
	"connector":                    {may: "flow fault batch blob connector"},
	"connectors":                   {may: "connector connectors"},
	"connectors/*":                 {may: "connector connectorkit flow fault batch"}, // every vendor that has no line of its own
	"connectors/salesforce":        {may: "connector connectorkit flow fault batch format"},
	"connectors/salesforce/fake":   {may: "", std: true}, // as Zendesk's
	"connectors/zendesk":           {may: "connector connectorkit flow fault batch connectors/manifest"},
	"connectors/zendesk/fake":      {may: "", std: true}, // written from the vendor's pages, never from our code
	"connectors/s3":                {may: "connector flow fault batch blob format"},
	"connectors/custom":            {may: "connector connectorkit flow fault batch format"},
	"connectorkit":                 {may: "connector flow fault batch format connectorkit"},
	"api":                          {may: "api"},
	"internal/gen":                 {may: "internal/gen"},
	"internal/gen/docs":            {may: "connector connectors flow"},
	"internal/metadata":            {may: "flow fault connector internal/store"},
	"internal/profile":             {may: "flow fault connector connectorkit batch blob internal/store"},
	"internal/notify":              {may: "flow fault connectorkit/egress internal/plan internal/store"},
	"internal/catalog":             {may: "flow fault internal/plan internal/land"},
	"internal/plan":                {may: "flow fault connector"},
	"internal/schedule":            {may: "flow fault", std: true},
	"internal/transform":           {may: "batch flow fault internal/plan internal/transform"},
	"internal/land":                {may: "internal/plan connector batch format blob fault flow"},
	"internal/engine":              {may: "internal/plan connector internal/transform format internal/land batch blob fault flow"},
	"internal/store":               {may: "flow fault internal/store"},
	"internal/vault":               {may: "fault"},
	"internal/access":              {may: "fault internal/store internal/server/sigv4"},
	"internal/access/policy":       {may: "", std: true},
	"internal/telemetry":           {may: ""},
	"internal/durable":             {may: "flow fault internal/plan internal/schedule internal/engine internal/land internal/store internal/durable connector blob batch"},
	"internal/listen":              {may: "flow fault connector connectorkit/rest batch blob format internal/durable internal/store"},
	"internal/durable/temporal":    {may: "flow fault connector internal/durable internal/engine internal/store"},
	"internal/server":              {may: "api/wire flow fault connector internal/access/policy internal/metadata internal/schedule internal/store internal/server"},
	"internal/server/sigv4":        {may: "", std: true},
	"internal/secretserver":        {may: "connectors/custom fault internal/server/sigv4"},
	"internal/handlerhost":         {may: "fault"},
	"internal/trial":               {may: "flow fault connector batch"},
	"internal/imports":             {may: ""},
	"internal/app":                 {may: "*"},
	"internal/cli":                 {may: "*"},
	"cmd":                          {may: "internal/app internal/cli"},
	"test":                         {may: "*"},
	"bench":                        {may: "*"},
	"internal/durable/durabletest": {may: "*"},
}

// testKits may be imported by tests only.
var testKits = []string{"connector/connectortest", "connectors/custom/customtest", "connectorkit/oauth/oauthtest", "blob/blobtest", "blob/memblob", "connector/memory", "format/formattest", "internal/store/storetest", "internal/durable/durabletest", "test"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-json=ImportPath,Imports", module+"...") // with a profile every package is listed twice
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

func TestImports_KeepToTheirRooms(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		folder := strings.TrimPrefix(p.ImportPath, module)
		room := folder
		rule, ok := rooms[room]
		for !ok && room != "." {
			if path.Dir(room) == "connectors" {
				rule, ok = rooms["connectors/*"]
				break
			}
			room = path.Dir(room)
			rule, ok = rooms[room]
		}
		if !ok {
			t.Errorf("%s has no rule in this test; say what the room may import", folder)
			continue
		}
		for _, imp := range p.Imports {
			ours, isOurs := strings.CutPrefix(imp, module)
			switch {
			case isOurs && !allowed(rule.may, room, ours):
				t.Errorf("%s imports %s; the room %s may import only: %s", folder, ours, room, rule.may)
			case !isOurs && rule.std && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("%s imports %s; the room %s keeps to the standard library", folder, imp, room)
			}
		}
	}
}

func allowed(may, room, imp string) bool {
	if may == "*" || within(imp, room) {
		return true
	}
	for _, m := range strings.Fields(may) {
		if within(imp, m) {
			return true
		}
	}
	return false
}

func within(imp, folder string) bool { return imp == folder || strings.HasPrefix(imp, folder+"/") }

func TestImports_TestKitsStayOutOfTheBinary(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-pgo=off", "-deps", module+"cmd/weir")
	out, err := cmd.Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.NotEmpty(t, deps)
	imports := map[string][]string{}
	for _, p := range list(t) {
		imports[p.ImportPath] = p.Imports
	}
	for _, d := range deps {
		ours, isOurs := strings.CutPrefix(d, module)
		for _, imp := range imports[d] { // Temporal's SDK links it for its own test suite; we do not
			require.NotContains(t, imp, "stretchr/testify", d)
		}
		for _, kit := range testKits {
			require.False(t, isOurs && within(ours, kit), "cmd/weir links %s", ours)
		}
	}
}
