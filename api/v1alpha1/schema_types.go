// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Schema declares the model's features and its prediction.
//
// +kubebuilder:validation:MinProperties=1
type Schema struct {
	// features are the inputs of the model. When unset, data signals are not computed.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Features []Feature `json:"features,omitempty"`

	// labelKey finds the business key under which ground truth arrives later. When unset, records carry none.
	// +optional
	LabelKey LabelKey `json:"labelKey,omitempty,omitzero"`

	// prediction finds the model's answer. When unset, predictions are neither recorded nor scored.
	// +optional
	Prediction Prediction `json:"prediction,omitempty,omitzero"`
}

// FeatureType is the type of a feature.
//
// +kubebuilder:validation:Enum=Numeric;Categorical;Boolean;Text
type FeatureType string

const (
	// FeatureTypeNumeric is a number.
	FeatureTypeNumeric FeatureType = "Numeric"
	// FeatureTypeCategorical is one of a limited number of strings.
	FeatureTypeCategorical FeatureType = "Categorical"
	// FeatureTypeBoolean is true or false.
	FeatureTypeBoolean FeatureType = "Boolean"
	// FeatureTypeText is free text, watched by its length.
	FeatureTypeText FeatureType = "Text"
)

// Presence says whether a feature may be missing.
//
// +kubebuilder:validation:Enum=Optional;Required
type Presence string

const (
	// PresenceOptional means that the feature may be missing.
	PresenceOptional Presence = "Optional"
	// PresenceRequired means that a prediction without the feature violates the schema.
	PresenceRequired Presence = "Required"
)

// Feature is one input of the model.
//
// +kubebuilder:validation:XValidation:rule="!has(self.range) || self.type == 'Numeric'",message="range may only be set when type is Numeric",fieldPath=".range"
// +kubebuilder:validation:XValidation:rule="!has(self.values) || self.type == 'Categorical'",message="values may only be set when type is Categorical",fieldPath=".values"
// +kubebuilder:validation:XValidation:rule="!has(self.origin) || self.type == 'Numeric'",message="origin may only be set when type is Numeric",fieldPath=".origin"
type Feature struct {
	// name names the feature.
	// +required
	// +kubebuilder:validation:XValidation:rule="!(self in ['prediction', 'score'])",message="name must not be 'prediction' or 'score': they stand for the model's answer"
	Name FeatureName `json:"name,omitempty"`

	// type is the type of its values.
	// +required
	Type FeatureType `json:"type,omitempty"`

	// path finds its value in the request. When unset, "request.<name>".
	// +optional
	Path FieldPath `json:"path,omitempty"`

	// presence says whether it may be missing. Defaults to Optional.
	// +optional
	// +default="Optional"
	Presence Presence `json:"presence,omitempty"`

	// range bounds a Numeric feature; a value outside violates the schema. When unset, any number is valid.
	// +optional
	Range Range `json:"range,omitempty,omitzero"`

	// values are all valid values of a Categorical feature. When unset, any string is valid.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Values []string `json:"values,omitempty"`

	// origin is subtracted from a Numeric feature whose spread is small beside its size, such as a year, before it is
	// counted, so that its distribution is resolved. Defaults to zero.
	// +optional
	Origin Decimal `json:"origin,omitempty"`
}

// Range bounds a number.
//
// +kubebuilder:validation:AtLeastOneOf=min;max
// +kubebuilder:validation:XValidation:rule="!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",message="min must be less than or equal to max"
type Range struct {
	// min is the least valid value. When unset, there is none.
	// +optional
	Min Decimal `json:"min,omitempty"`

	// max is the greatest valid value. When unset, there is none.
	// +optional
	Max Decimal `json:"max,omitempty"`
}

// LabelKeyStore says how a label key is stored.
//
// +kubebuilder:validation:Enum=Plain;KeyedHash
type LabelKeyStore string

const (
	// LabelKeyPlain stores the key as it is.
	LabelKeyPlain LabelKeyStore = "Plain"
	// LabelKeyKeyedHash stores its HMAC-SHA-256 under the key of the class's hashKey.
	LabelKeyKeyedHash LabelKeyStore = "KeyedHash"
)

// LabelKey finds the business key under which ground truth arrives, such as a transaction id.
type LabelKey struct {
	// path finds the key in the request or the response.
	// +required
	Path FieldPath `json:"path,omitempty"`

	// store says how the key is stored. Defaults to Plain.
	// +optional
	// +default="Plain"
	Store LabelKeyStore `json:"store,omitempty"`
}

// PredictionKind is what the model answers.
//
// +kubebuilder:validation:Enum=BinaryClassification;MulticlassClassification;Regression
type PredictionKind string

const (
	// PredictionBinaryClassification is one of two classes, with the positive class's probability.
	PredictionBinaryClassification PredictionKind = "BinaryClassification"
	// PredictionMulticlassClassification is one of several classes, with their probabilities.
	PredictionMulticlassClassification PredictionKind = "MulticlassClassification"
	// PredictionRegression is a number.
	PredictionRegression PredictionKind = "Regression"
)

// Prediction finds the model's answer.
//
// +kubebuilder:validation:XValidation:rule="!has(self.scores) || self.kind == 'MulticlassClassification'",message="scores may only be set when kind is MulticlassClassification",fieldPath=".scores"
// +kubebuilder:validation:XValidation:rule="!has(self.score) || self.kind != 'MulticlassClassification'",message="score may not be set when kind is MulticlassClassification: set scores",fieldPath=".score"
// +kubebuilder:validation:XValidation:rule="!has(self.label) || self.kind != 'Regression'",message="label may not be set when kind is Regression",fieldPath=".label"
// +kubebuilder:validation:XValidation:rule="!has(self.classes) || self.kind != 'Regression'",message="classes may not be set when kind is Regression",fieldPath=".classes"
// +kubebuilder:validation:XValidation:rule="!has(self.classes) || self.kind != 'BinaryClassification' || self.classes.size() == 2",message="classes must have two items when kind is BinaryClassification",fieldPath=".classes"
type Prediction struct {
	// kind is what the model answers.
	// +required
	Kind PredictionKind `json:"kind,omitempty"`

	// score finds the probability of the positive class, or the value of a Regression. When unset, the field or tensor
	// "score", else the answer itself where it is a number.
	// +optional
	Score FieldPath `json:"score,omitempty"`

	// label finds the predicted class. When unset, the class of the greatest probability.
	// +optional
	Label FieldPath `json:"label,omitempty"`

	// scores finds the probabilities of all classes. When unset, the field or tensor "scores", else the answer itself
	// where it is a list of numbers.
	// +optional
	Scores FieldPath `json:"scores,omitempty"`

	// classes names the classes in the order of scores; for a BinaryClassification the negative, then the positive one.
	// When unset, classes are named by their index, "0", "1" and so on.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=2
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Classes []string `json:"classes,omitempty"`
}
