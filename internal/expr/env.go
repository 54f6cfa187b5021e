// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/types"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Bounds on expressions: what one takes to write, to parse, and to evaluate for one instance. A comparison costs
// about 3; reading a body of 256 KiB as text about 26,000.
const (
	maxExpressionBytes = 4096
	maxDepth           = 50
	maxCost            = 100_000
	maxMessageBytes    = 1000
)

// Env compiles expressions over the instances of one schema. They see
//
//	f         the features by name: Numeric is double, Boolean bool, Categorical and Text string
//	p         the prediction: score, confidence, entropy, margin are double, label is string
//	request   the whole body of the request as JSON, of no declared type; response that of the answer
//	input     the text of an instance that is text
//
// Numbers of any type compare with one another. Env is safe for concurrent use.
type Env struct {
	cel      *cel.Env
	features []string
}

// NewEnv makes the environment of a schema.
func NewEnv(schema wire.Schema) (*Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("preparing expressions: %w", err)
	}
	env := &Env{}
	for _, f := range schema.Features {
		env.features = append(env.features, f.Name)
	}
	env.cel, err = cel.NewEnv(
		cel.CustomTypeProvider(&provider{Provider: registry, objects: objects(schema)}),
		cel.CustomTypeAdapter(adapter{registry}),
		cel.Variable("f", cel.ObjectType(featuresType)),
		cel.Variable("p", cel.ObjectType(predictionType)),
		cel.Variable("request", cel.DynType),
		cel.Variable("response", cel.DynType),
		cel.Variable("input", cel.StringType),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxExpressionBytes),
		cel.ParserRecursionLimit(maxDepth),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing expressions: %w", err)
	}
	return env, nil
}

// Compile checks an expression whose result is a bool. The error says where it fails, and which names there are.
func (e *Env) Compile(source string) (*Program, error) {
	if len(source) > maxExpressionBytes {
		return nil, fmt.Errorf("expression %.40q…: %d bytes are more than %d", source, len(source), maxExpressionBytes)
	}
	ast, issues := e.cel.Compile(source)
	if issues.Err() != nil {
		return nil, fmt.Errorf("expression %.100q: %s", source, e.explain(issues))
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("expression %.100q: it yields a value of type %s, want bool", source, t)
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	// Counting costs more than a comparison does. What cannot reach the limit is not counted.
	if worst, err := e.cel.EstimateCost(ast, sizes{}); err != nil || worst.Max > maxCost {
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := e.cel.Program(ast, options...)
	if err != nil {
		return nil, fmt.Errorf("expression %.100q: %w", source, err)
	}
	return &Program{cel: program, source: source}, nil
}

// sizes knows how large features can be. The size of a body is anybody's guess.
type sizes struct{}

// maxFeatureBytes is more than a sidecar keeps of one feature.
const maxFeatureBytes = 8192

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if path := node.Path(); len(path) == 2 && (path[0] == "f" || path[0] == "p") {
		return &checker.SizeEstimate{Max: maxFeatureBytes}
	}
	return nil
}

// EstimateCallCost implements checker.CostEstimator.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// explain renders issues on one line, with what helps against the usual mistakes.
func (e *Env) explain(issues *cel.Issues) string {
	var parts []string
	var unknown, overload bool
	for _, i := range issues.Errors() {
		parts = append(parts, fmt.Sprintf("at %d:%d: %s", i.Location.Line(), i.Location.Column()+1, i.Message))
		unknown = unknown || strings.Contains(i.Message, "undeclared reference") || strings.Contains(i.Message, "undefined field")
		overload = overload || strings.Contains(i.Message, "no matching overload")
	}
	text := strings.Join(parts, "; ")
	if len(text) > maxMessageBytes {
		text = strings.ToValidUTF8(text[:maxMessageBytes], "") + "…"
	}
	if unknown {
		text += "; there are " + e.names()
	}
	if overload {
		text += "; features that are Numeric and the numbers of p are doubles: write 3.0 for 3 in == and in sums"
	}
	return text
}

func (e *Env) names() string {
	names := slices.Clone(e.features)
	for i := range names {
		names[i] = "f." + names[i]
	}
	if len(names) > 40 {
		names = append(names[:40], fmt.Sprintf("%d more features", len(e.features)-40))
	}
	names = append(names, "p.score", "p.label", "p.confidence", "p.entropy", "p.margin", "request", "response", "input")
	return strings.Join(names, ", ")
}
