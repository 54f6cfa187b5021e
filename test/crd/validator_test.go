// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// validator does what the API server does with an object that is created.
type validator struct {
	schema     *apiextensions.JSONSchemaProps
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	cel        *cel.Validator
}

// load reads the definition of a kind, in the plural.
func load(t *testing.T, plural string) *validator {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "vedette.dev_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(b, &crd); err != nil {
		t.Fatal(err)
	}
	v := &validator{schema: &apiextensions.JSONSchemaProps{}}
	versioned := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(versioned, v.schema, nil); err != nil {
		t.Fatal(err)
	}
	if v.structural, err = structuralschema.NewStructural(v.schema); err != nil {
		t.Fatal(err)
	}
	if v.openAPI, _, err = validation.NewSchemaValidator(v.schema); err != nil {
		t.Fatal(err)
	}
	v.cel = cel.NewValidator(v.structural, true, celconfig.PerCallLimit)
	return v
}

// validate sets the defaults of an object and lists what is wrong with it.
func (v *validator) validate(t *testing.T, object map[string]any) field.ErrorList {
	t.Helper()
	defaulting.Default(object, v.structural)
	errs := validation.ValidateCustomResource(nil, object, v.openAPI)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, v.structural, object)...)
	more, _ := v.cel.Validate(t.Context(), nil, v.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, more...)
}
