// SPDX-License-Identifier: Apache-2.0

// Package config builds the ConfigMap with the configuration document of a monitor. It is pure.
package config

import (
	"fmt"

	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Build builds the ConfigMap from an encoded document.
func Build(m *v1alpha1.ModelMonitor, document []byte) *corev1.ConfigMapApplyConfiguration {
	return corev1.ConfigMap(naming.Config(m.Name), m.Namespace).
		WithLabels(owner.Labels(m, naming.RoleCapture)).
		WithOwnerReferences(owner.Reference(m)).
		WithData(map[string]string{naming.ConfigFile: string(document)})
}

// Encode renders the document and returns its revision beside it.
func Encode(c wire.Config) (document []byte, revision string, err error) {
	document, err = wire.Encode(c)
	if err != nil {
		return nil, "", err
	}
	decoded, _, err := wire.Decode(document)
	if err != nil {
		return nil, "", fmt.Errorf("reading back the configuration: %w", err)
	}
	return document, decoded.Revision, nil
}
