// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/wire"
)

// The names of the types of f and p, as error messages show them.
const (
	featuresType   = "features"
	predictionType = "prediction"
)

// provider adds the types of f and p to those of CEL, so that a name that is not declared is an error at compile time.
type provider struct {
	types.Provider
	objects map[string]map[string]*types.FieldType
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.objects[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := p.objects[name]; ok {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := p.objects[name]; ok {
		f, ok := fields[field]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, field)
}

// NewValue refuses to make values: expressions read instances.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.objects[name]; ok {
		return types.NewErr("%s cannot be made", name)
	}
	return p.Provider.NewValue(name, fields)
}

// adapter keeps CEL from looking into an Input by reflection.
type adapter struct{ types.Adapter }

func (a adapter) NativeToValue(v any) ref.Val {
	if _, ok := v.(*Input); ok {
		return types.NewErr("f and p are used with the name of a field")
	}
	return a.Adapter.NativeToValue(v)
}

// errMissing means that an instance has no such value, or none of the declared type.
var errMissing = errors.New("the value is missing or invalid")

// objects are the fields of f and p. All read an *Input.
func objects(schema wire.Schema) map[string]map[string]*types.FieldType {
	features := map[string]*types.FieldType{}
	for i, f := range schema.Features {
		typ, kind := cel.StringType, feature.String
		switch f.Type {
		case wire.Numeric:
			typ, kind = cel.DoubleType, feature.Number
		case wire.Boolean:
			typ, kind = cel.BoolType, feature.Bool
		}
		features[f.Name] = field("f."+f.Name, typ, func(in *Input) (any, bool) {
			if i >= len(in.Features) || in.Features[i].Kind != kind {
				return nil, false
			}
			switch v := &in.Features[i]; kind {
			case feature.Number:
				return v.Num, true
			case feature.Bool:
				return v.Num != 0, true
			default:
				return v.Str, true
			}
		})
	}
	number := func(name string, of func(*Input) float64) *types.FieldType {
		return field(name, cel.DoubleType, func(in *Input) (any, bool) {
			v := of(in)
			return v, !math.IsNaN(v)
		})
	}
	return map[string]map[string]*types.FieldType{
		featuresType: features,
		predictionType: {
			"score":      number("p.score", func(in *Input) float64 { return in.Score }),
			"confidence": number("p.confidence", func(in *Input) float64 { return in.Confidence }),
			"entropy":    number("p.entropy", func(in *Input) float64 { return in.Entropy }),
			"margin":     number("p.margin", func(in *Input) float64 { return in.Margin }),
			"label": field("p.label", cel.StringType, func(in *Input) (any, bool) {
				return in.Label, in.Label != ""
			}),
		},
	}
}

func field(name string, typ *types.Type, get func(*Input) (any, bool)) *types.FieldType {
	missing := fmt.Errorf("%s: %w", name, errMissing) // made once: it is frequent
	return &types.FieldType{
		Type: typ,
		IsSet: func(target any) bool {
			in, ok := target.(*Input)
			if !ok {
				return false
			}
			_, ok = get(in)
			return ok
		},
		GetFrom: func(target any) (any, error) {
			if in, ok := target.(*Input); ok {
				if v, ok := get(in); ok {
					return v, nil
				}
			}
			return nil, missing
		},
	}
}
