package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGenerated_IsFresh(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	require.NoError(t, err)
	files, err := generate(filepath.Join(root, "api", "model"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	dir := filepath.Join(root, "api", "wire")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		if string(got) != string(want) {
			t.Errorf("%s is stale: run go generate ./api/wire", name)
		}
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	require.NoError(t, err)
	for _, path := range entries {
		require.Contains(t, files, filepath.Base(path), "a generated file that the generator does not write")
	}
}

func TestGenerate_IsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	require.NoError(t, err)
	first, err := generate(filepath.Join(root, "api", "model"))
	require.NoError(t, err)
	second, err := generate(filepath.Join(root, "api", "model"))
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestLoadModel_RefusesAChangedModel(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{modelFile, modelFile + ".sha256"} {
		data, err := os.ReadFile(filepath.Join(root, "api", "model", name))
		require.NoError(t, err)
		if name == modelFile {
			data = append(data, ' ')
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	_, err = generate(dir)
	require.ErrorContains(t, err, "hash")
}

func TestParseShape_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown trait":     `{"type": "string", "traits": {"smithy.api#mediaType": "text/plain"}}`,
		"unknown on member": `{"type": "structure", "members": {"a": {"target": "x#B", "traits": {"smithy.api#jsonName": "b"}}}}`,
		"trait on an item":  `{"type": "list", "member": {"target": "x#B", "traits": {"smithy.api#length": {"min": 1}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseShape("A", []byte(text))
			require.Error(t, err)
		})
	}
}

func TestOverlay_RefusesAMemberTheModelHas(t *testing.T) {
	t.Parallel()
	root, err := moduleRoot()
	require.NoError(t, err)
	m, err := loadModel(filepath.Join(root, "api", "model"))
	require.NoError(t, err)
	require.NoError(t, m.overlay())
	require.ErrorContains(t, m.overlay(), "codeVerifier")
}

func TestParsePlain(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`^\S+$`:                          true,
		`^\d{3}$`:                        true,
		`^(?!aws:)[a-z]+$`:               true,
		`^(upsolver-appflow)\S*$`:        true,
		`^[\uD800\uDC00-\uDBFF\uDFFF]*$`: true,
		`\S+`:                            false, // not anchored
		`^[^a]+$`:                        false, // negated set
		`^(a|b)+$`:                       false,
		`^(ab)?c$`:                       false,
		`^[a-z]+[0-9]+$`:                 false, // two repetitions
		`^[z-a]$`:                        false,
		`^[a`:                            false,
		`^[\uD800]$`:                     false,
		`^[\p]$`:                         false,
	} {
		_, err := parsePlain(text)
		require.Equal(t, ok, err == nil, "%s: %v", text, err)
	}
}

func TestEnumConst(t *testing.T) {
	t.Parallel()
	require.Equal(t, "TaskTypeMapAll", enumConst("TaskType", "Map_all"))
	require.Equal(t, "OperatorNoOp", enumConst("Operator", "NO_OP"))
	require.Equal(t, "ConnectorTypeSAPOData", enumConst("ConnectorType", "SAPOData"))
	require.Equal(t, "ConnectorTypeS3", enumConst("ConnectorType", "S3"))
	require.True(t, strings.HasPrefix(enumConst("FileType", "CSV"), "FileType"))
}
