package flow_test

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

var rewrite = flag.Bool("rewrite", false, "write the messages that come out into testdata")

// TestValidate_RefusedTasks reads testdata/refused.txt: cases of a title line "== …", lines "source X" and "destination X"
// where they are not S3, one task a line, a line "----", and the problems, one a line.
//
// Run with -rewrite after a change that is meant, and read the diff.
func TestValidate_RefusedTasks(t *testing.T) {
	t.Parallel()
	const file = "testdata/refused.txt"
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var all strings.Builder
	for _, c := range strings.Split("\n"+strings.TrimSpace(string(raw)), "\n== ")[1:] {
		script, _, _ := strings.Cut(c+"\n", "----\n")
		name, tasks, _ := strings.Cut(script, "\n")
		d := definition(t, tasks)
		if all.Len() > 0 {
			all.WriteString("\n")
		}
		all.WriteString("== " + name + "\n" + tasks + "----\n")
		problems := d.Validate()
		require.NotEmpty(t, problems, name)
		for _, p := range problems {
			all.WriteString(p.String() + "\n")
			require.True(t, strings.HasPrefix(p.Text, "Task Validation Error: "), p.Text)
		}
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(file, []byte(all.String()), 0o600))
		return
	}
	require.Equal(t, string(raw), all.String(), "if this is meant, run with -rewrite")
}

func definition(t *testing.T, script string) *flow.Definition {
	t.Helper()
	d := s3()
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case "source":
			d.Source = flow.Source{Connector: flow.ConnectorType(rest), ProfileName: ptr("p")}
		case "destination":
			d.Destinations[0] = flow.Destination{Connector: flow.ConnectorType(rest), ProfileName: ptr("p")}
		default:
			var task flow.Task
			require.NoError(t, json.Unmarshal([]byte(line), &task), line)
			d.Tasks = append(d.Tasks, task)
		}
	}
	return d
}

// Every message that the code can give about tasks stands in refused.txt, so none can change unseen.
func TestValidate_EveryRuleHasACase(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/refused.txt")
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), "validatetask.go", nil, 0)
	require.NoError(t, err)
	rules := 0
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		callee, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || callee.Sel.Name != "fail" && callee.Sel.Name != "add" && callee.Sel.Name != "quote" && callee.Sel.Name != "noFields" {
			return true
		}
		for _, arg := range call.Args {
			lit, ok := arg.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				continue
			}
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			if !strings.Contains(text, " ") || strings.HasPrefix(text, "Task Validation Error: %s") {
				continue // a path, or what all messages share
			}
			rules++
			pattern := regexp.MustCompile(`%[\\.0-9]*[a-z]`).ReplaceAllString(regexp.QuoteMeta(text), `.*`)
			require.Regexp(t, regexp.MustCompile(pattern), string(raw), "a rule without a case in testdata/refused.txt")
		}
		return true
	})
	require.Greater(t, rules, 35)
	require.Contains(t, string(raw), "You must specify a projection task or a MAP_ALL task")
}

// The table of behaviour: which operators tasks of a flow may use, by source. Written down apart from the code, from
// https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ConnectorOperator.html.
func TestOperators_OfEverySource(t *testing.T) {
	t.Parallel()
	const (
		transforms = " ADDITION SUBTRACTION MULTIPLICATION DIVISION MASK_ALL MASK_FIRST_N MASK_LAST_N VALIDATE_NON_NULL VALIDATE_NON_ZERO VALIDATE_NON_NEGATIVE VALIDATE_NUMERIC NO_OP"
		orderings  = " LESS_THAN LESS_THAN_OR_EQUAL_TO GREATER_THAN GREATER_THAN_OR_EQUAL_TO"
		all        = "PROJECTION EQUAL_TO NOT_EQUAL_TO BETWEEN CONTAINS" + orderings + transforms
		equal      = "PROJECTION EQUAL_TO" + transforms
		between    = "PROJECTION BETWEEN EQUAL_TO" + transforms
	)
	sources := map[flow.ConnectorType]string{
		flow.Salesforce: all, flow.ServiceNow: all, flow.SAPOData: all, flow.Veeva: all, flow.CustomConnector: all,
		flow.S3:      "PROJECTION EQUAL_TO NOT_EQUAL_TO BETWEEN" + orderings + transforms,
		flow.Slack:   "PROJECTION EQUAL_TO BETWEEN" + orderings + transforms,
		flow.Marketo: "PROJECTION LESS_THAN GREATER_THAN BETWEEN" + transforms,
		flow.Zendesk: "PROJECTION GREATER_THAN" + transforms,
		flow.Datadog: between, flow.Dynatrace: between, flow.InforNexus: between,
		flow.Singular: equal, flow.Trendmicro: equal, flow.Pardot: equal,
		flow.GoogleAnalytics: "PROJECTION BETWEEN", flow.Amplitude: "BETWEEN",
		flow.Redshift: "", flow.Snowflake: "", flow.EventBridge: "", flow.LookoutMetrics: "", flow.Upsolver: "", flow.Honeycode: "", flow.CustomerProfiles: "",
	}
	require.Len(t, sources, 24)
	for source, list := range sources {
		require.Equal(t, flow.TraitsOf(source).IsSource, list != "", source)
		if list == "" {
			require.Empty(t, flow.OperatorsOf(source), source)
			continue
		}
		has := strings.Fields(list)
		for _, op := range strings.Fields(all) {
			kind, properties := taskOf(flow.Operator(op))
			task := flow.Task{Type: kind, SourceFields: []string{"a"}, Operators: map[string]flow.Operator{source.Member(): flow.Operator(op)}, Properties: properties}
			switch kind {
			case flow.TaskMap:
				task.DestinationField = ptr("x")
			case flow.TaskArithmetic:
				task.SourceFields = []string{"a", "b"}
			}
			d := s3(task)
			d.Source = flow.Source{Connector: source, ProfileName: ptr("p")}
			if kind != flow.TaskMap {
				d.Tasks = append(d.Tasks, flow.Task{Type: flow.TaskMap, SourceFields: []string{"a"}, DestinationField: ptr("a")})
			}
			if op != "PROJECTION" && source != flow.Amplitude {
				d.Tasks = append(d.Tasks, flow.Task{Type: flow.TaskFilter, SourceFields: []string{"a"}, Operators: map[string]flow.Operator{source.Member(): flow.OpProjection}})
			}
			problems := d.Validate().String()
			if strings.Contains(" "+list+" ", " "+op+" ") {
				require.Empty(t, problems, "%s %s", source, op)
			} else {
				require.Contains(t, problems, "operator "+op+" is not available for source "+string(source), "%s %s", source, op)
			}
		}
		var given []string
		for _, op := range flow.OperatorsOf(source) {
			given = append(given, string(op))
		}
		require.ElementsMatch(t, has, given, source)
	}
}

// taskOf is a task that an operator is for, with the properties it needs.
func taskOf(op flow.Operator) (flow.TaskType, map[string]string) {
	switch op {
	case flow.OpProjection:
		return flow.TaskFilter, nil
	case flow.OpBetween:
		return flow.TaskFilter, map[string]string{"DATA_TYPE": "long", "LOWER_BOUND": "1", "UPPER_BOUND": "2"}
	case flow.OpAddition, flow.OpSubtraction, flow.OpMultiplication, flow.OpDivision:
		return flow.TaskArithmetic, map[string]string{"MATH_OPERATION_FIELDS_ORDER": "a,b"}
	case flow.OpMaskAll, flow.OpMaskFirstN, flow.OpMaskLastN:
		return flow.TaskMask, map[string]string{"MASK_LENGTH": "3"}
	case flow.OpValidateNonNull, flow.OpValidateNonZero, flow.OpValidateNonNegative, flow.OpValidateNumeric:
		return flow.TaskValidate, map[string]string{"VALIDATION_ACTION": "DropRecord"}
	case flow.OpNoOp:
		return flow.TaskMap, nil
	}
	return flow.TaskFilter, map[string]string{"DATA_TYPE": "string", "VALUE": "x"}
}
