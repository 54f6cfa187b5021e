// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// kinds are our kinds, in the plural.
var kinds = []string{"modelmonitors", "monitorclasses", "annotationqueues", "shadowrollouts"}

// patterns are the patterns of our fields, with values that match and values that do not.
var patterns = map[string]struct{ accept, reject []string }{
	// Decimal
	`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$`: {
		accept: []string{"0", "-1.5", "999999999.999999999"},
		reject: []string{"1e3", "01", ".5", "1.", "NaN", "Inf", "1,5", "1234567890"},
	},
	// Percent
	`^(100(\.0{1,9})?|[1-9]?[0-9](\.[0-9]{1,9})?)$`: {
		accept: []string{"0", "0.001", "99.9", "100", "100.0"},
		reject: []string{"-1", "100.1", "101", "5%", "007"},
	},
	// Duration
	`^[1-9][0-9]{0,4}(s|m|h|d)$`: {
		accept: []string{"30s", "5m", "24h", "90d"},
		reject: []string{"0s", "30", "1h30m", "1w", "1.5h", "-5m"},
	},
	// Age
	`^[1-9][0-9]{0,3}d$`: {
		accept: []string{"1d", "90d", "3660d"},
		reject: []string{"0d", "90", "24h", "1w", "-5d"},
	},
	// ObjectName
	`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`: {
		accept: []string{"a", "fraud-2", "my.secret"},
		reject: []string{"Fraud", "-a", "a-", "a_b", "a..b"},
	},
	// ItemName, and names of ports
	`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`: {
		accept: []string{"a", "long-haul"},
		reject: []string{"ATL", "a.b", "a-", "a b"},
	},
	// FeatureName
	`^[a-z][a-z0-9_]*$`: {
		accept: []string{"hour", "origin_delay_2h"},
		reject: []string{"Hour", "2h", "_a", "a-b", "a.b"},
	},
	// FieldPath
	`^(request|response)([.\[].*)?$`: {
		accept: []string{"request", "request.a.b", "response['output-0'][1]"},
		reject: []string{"a.b", "requests.a", "$.request"},
	},
	// Weight
	`^(1000(\.0{1,9})?|(0|[1-9][0-9]{0,2})(\.[0-9]{1,9})?)$`: {
		accept: []string{"0", "0.5", "12", "999.999999999", "1000"},
		reject: []string{"-1", "1000.1", "01", ".5", "1e3", "NaN", "2000"},
	},
	// HeaderName
	`^[A-Za-z][A-Za-z0-9-]*$`: {
		accept: []string{"X-Forwarded-User", "Remote"},
		reject: []string{"X User", "x_user", "-x", "X:Y", "1x"},
	},
	// PrometheusTenant.value
	`^[!-~]+$`: {
		accept: []string{"team-a", "a|b", "(prod)!"},
		reject: []string{"a b", "a\n", "ä"},
	},
	// DatasetStatus.digest
	`^[0-9a-f]{64}$`: {
		accept: []string{strings.Repeat("0af9", 16)},
		reject: []string{strings.Repeat("0AF9", 16), strings.Repeat("g", 64)},
	},
	// Revision
	`^[0-9a-f]{10}$`: {
		accept: []string{"0af9d1c3b7", "0123456789"},
		reject: []string{"0AF9D1C3B7", "0af9d1c3bg", "v1.2.3-rc1"},
	},
	// ErrorProbability
	`^0\.[0-4][0-9]{0,8}$`: {
		accept: []string{"0.05", "0.499999999", "0.1"},
		reject: []string{"0.5", "1.0", "-0.1", ".05", "5e-2"},
	},
	// CandidateParameter.annotation
	`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`: {
		accept: []string{"model", "example.com/model_uri", "A"},
		reject: []string{"/model", "example.com/", "a/b/c", "-model", "a b"},
	},
	// ParameterEnv.name
	`^[A-Za-z_][A-Za-z0-9_]*$`: {
		accept: []string{"MODEL_URI", "_x"},
		reject: []string{"1X", "MODEL-URI", "a.b", "a=b"},
	},
	// ParameterArg.name
	`^--?[A-Za-z0-9][-A-Za-z0-9_.]*$`: {
		accept: []string{"--model", "-m", "--model.uri"},
		reject: []string{"model", "--", "---model", "--model=a", "--a b"},
	},
	// RolloutMirror.modelName
	`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`: {
		accept: []string{"fraud-v2", "fraud_2.1"},
		reject: []string{"../fraud", "a/b", "-a", "a b"},
	},
	// RejectedRevision.reason
	`^[A-Z][A-Za-z]*$`: {accept: []string{"AnalysisFailed"}, reject: []string{"failed", "Analysis failed", "1"}},
	// JSONPaths.path
	`^/`: {accept: []string{"/", "/classify"}, reject: []string{"classify", "http://model/"}},
}

// foreign are the patterns of types that are not ours: conditions and quantities.
var foreign = []string{
	`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`,
	`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`,
	`^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`,
}

// TestPatterns tries every field with a pattern, wherever it is.
func TestPatterns(t *testing.T) {
	for _, kind := range kinds {
		v := load(t, kind)
		for path, schema := range walk(v.schema, nil) {
			if schema.Pattern == "" || slices.Contains(foreign, schema.Pattern) {
				continue
			}
			rows, ok := patterns[schema.Pattern]
			if !ok {
				t.Errorf("%s: %s has the pattern %s, for which there are no values to try", kind, path, schema.Pattern)
			}
			for _, value := range rows.accept {
				if got := complaint(v.validate(t, path.object(value)), path, "should match"); fits(schema, value) && got != "" {
					t.Errorf("%s: %q is refused: %s", kind, value, got)
				}
			}
			for _, value := range rows.reject {
				if complaint(v.validate(t, path.object(value)), path, "should match") == "" {
					t.Errorf("%s: %s accepts %q", kind, path, value)
				}
			}
		}
	}
}

// fits says whether a value is within the length of its field: patterns are shared, lengths are not.
func fits(schema *apiextensions.JSONSchemaProps, value string) bool {
	return schema.MaxLength == nil || int64(len(value)) <= *schema.MaxLength
}

// TestEnums tries every field that chooses among words, with each of them and with another.
func TestEnums(t *testing.T) {
	for _, kind := range kinds {
		v := load(t, kind)
		for path, schema := range walk(v.schema, nil) {
			if len(schema.Enum) == 0 {
				continue
			}
			for _, value := range schema.Enum {
				if got := complaint(v.validate(t, path.object(value)), path, "Unsupported value"); got != "" {
					t.Errorf("%s: %v is refused: %s", kind, value, got)
				}
			}
			for _, value := range []string{"Nonsense", strings.ToLower(fmt.Sprint(schema.Enum[0]))} {
				if complaint(v.validate(t, path.object(value)), path, "Unsupported value") == "" {
					t.Errorf("%s: %s accepts %q", kind, path, value)
				}
			}
		}
	}
}

// TestEverythingIsBounded wants a bound for every string, list and map of a spec, so that the costs of rules are finite
// and no value grows without end.
func TestEverythingIsBounded(t *testing.T) {
	for _, kind := range kinds {
		v := load(t, kind)
		for path, schema := range walk(v.schema, nil) {
			if len(path) == 0 || path[0] != "spec" || apimachinery(path) {
				continue
			}
			switch {
			case schema.Type == "string" && schema.MaxLength == nil && len(schema.Enum) == 0,
				schema.Type == "array" && schema.MaxItems == nil,
				schema.AdditionalProperties != nil && schema.MaxProperties == nil:
				t.Errorf("%s: %s has no bound", kind, path)
			}
		}
	}
}

// apimachinery says whether a path is inside a type that is not ours.
func apimachinery(path schemaPath) bool {
	return slices.ContainsFunc(path, func(s string) bool {
		return s == "podSelector" || s == "namespaceSelector" || s == "allowedNamespaces" || s == "resources" || s == "{}"
	})
}

// schemaPath leads to a field: names of properties, "[]" for the items of a list, "{}" for the values of a map.
type schemaPath []string

func (p schemaPath) String() string {
	return strings.ReplaceAll(strings.Join(p, "."), ".[]", "[0]")
}

// object is the least object that has value at the path.
func (p schemaPath) object(value any) map[string]any {
	for _, name := range slices.Backward(p) {
		switch name {
		case "[]":
			value = []any{value}
		case "{}":
			value = map[string]any{"key": value}
		default:
			value = map[string]any{name: value}
		}
	}
	object := value.(map[string]any)
	object["metadata"] = map[string]any{"name": "m"}
	return object
}

// walk yields a schema and all schemas in it.
func walk(s *apiextensions.JSONSchemaProps, at schemaPath) iter.Seq2[schemaPath, *apiextensions.JSONSchemaProps] {
	return func(yield func(schemaPath, *apiextensions.JSONSchemaProps) bool) {
		if !yield(at, s) {
			return
		}
		inside := func(name string, of *apiextensions.JSONSchemaProps) bool {
			for path, schema := range walk(of, append(slices.Clone(at), name)) {
				if !yield(path, schema) {
					return false
				}
			}
			return true
		}
		for name := range s.Properties {
			if of := s.Properties[name]; !inside(name, &of) {
				return
			}
		}
		if s.Items != nil && s.Items.Schema != nil && !inside("[]", s.Items.Schema) {
			return
		}
		if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
			inside("{}", s.AdditionalProperties.Schema)
		}
	}
}

// complaint is the first error at a path that contains text; empty when there is none.
func complaint(errs field.ErrorList, path schemaPath, text string) string {
	for _, e := range errs {
		if e.Field == path.String() && strings.Contains(e.Error(), text) {
			return e.Error()
		}
	}
	return ""
}
