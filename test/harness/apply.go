// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner owns what the harness applies.
const fieldOwner client.FieldOwner = "vedette-harness"

// establishTimeout is how long a CustomResourceDefinition may take until it is served.
const establishTimeout = 30 * time.Second

// Kustomize renders the kustomization in dir, a folder of the repository.
func (c *Cluster) Kustomize(ctx context.Context, dir string) ([]*unstructured.Unstructured, error) {
	out, err := c.run(ctx, nil, "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", dir)
	if err != nil {
		return nil, err
	}
	objects, err := decode([]byte(out))
	if err != nil {
		return nil, fmt.Errorf("reading what kustomize made of %s: %w", dir, err)
	}
	return objects, nil
}

// ReadModule reads the manifests that match pattern in a Go module which the module in dir, a folder of the
// repository, requires. Third parties' definitions thus come in the version that is tested, and are copied nowhere.
func (c *Cluster) ReadModule(ctx context.Context, dir, module, pattern string) ([]*unstructured.Unstructured, error) {
	// Where nothing was built from it yet, the module must come first: listing it would tell of no folder.
	out, err := run(ctx, c.Path(dir), nil, "go", "mod", "download", "-json", module)
	if err != nil {
		return nil, err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		return nil, fmt.Errorf("reading where module %s is: %w", module, err)
	}
	files, err := filepath.Glob(filepath.Join(downloaded.Dir, pattern))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("module %s, in %s, holds no file %s", module, downloaded.Dir, pattern)
	}
	var objects []*unstructured.Unstructured
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading manifests: %w", err)
		}
		more, err := decode(b)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		objects = append(objects, more...)
	}
	return objects, nil
}

func decode(b []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(b), 4096)
	for {
		var u unstructured.Unstructured
		if err := decoder.Decode(&u.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if len(u.Object) > 0 {
			objects = append(objects, &u)
		}
	}
}

// Apply applies objects server-side: definitions and namespaces first, and the others once the definitions are served.
// It leaves the objects as they are.
func (c *Cluster) Apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b *unstructured.Unstructured) int { return cmp.Compare(order(a), order(b)) })
	for _, o := range sorted {
		o := o.DeepCopy() // Apply writes the server's answer into it.
		if err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), fieldOwner, client.ForceOwnership); err != nil {
			return fmt.Errorf("applying %s: %w", describe(o), err)
		}
		if o.GetKind() == definitionKind {
			if err := c.established(ctx, o.GetName()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Delete deletes objects in the reverse of the order of Apply, and waits until they are gone.
func (c *Cluster) Delete(ctx context.Context, timeout time.Duration, objects []*unstructured.Unstructured) error {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b *unstructured.Unstructured) int { return cmp.Compare(order(b), order(a)) })
	for _, o := range sorted {
		// A kind that is not served any more has no objects.
		err := c.Client.Delete(ctx, o.DeepCopy(), client.PropagationPolicy("Foreground"))
		if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			return fmt.Errorf("deleting %s: %w", describe(o), err)
		}
	}
	for _, o := range sorted {
		err := Until(ctx, timeout, describe(o)+" to be gone", func(ctx context.Context) (bool, string, error) {
			err := c.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopy())
			if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
				return true, "", nil
			}
			return false, "it is still there", err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const definitionKind = "CustomResourceDefinition"

// order is the rank in which kinds are applied.
func order(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case definitionKind:
		return 0
	case "Namespace":
		return 1
	default:
		return 2
	}
}

func (c *Cluster) established(ctx context.Context, name string) error {
	return Until(ctx, establishTimeout, definitionKind+" "+name, func(ctx context.Context) (bool, string, error) {
		var d apiextensionsv1.CustomResourceDefinition
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &d); err != nil {
			return false, "", err
		}
		return slices.ContainsFunc(d.Status.Conditions, func(condition apiextensionsv1.CustomResourceDefinitionCondition) bool {
			return condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue
		}), "it is not established", nil
	})
}

func describe(o *unstructured.Unstructured) string {
	return o.GetKind() + " " + client.ObjectKeyFromObject(o).String()
}
