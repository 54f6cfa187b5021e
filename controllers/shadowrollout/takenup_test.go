// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vedette-dev/vedette/internal/naming"
)

// TestAPrimaryThatIsTakenUpIsEnteredAsThat: it was in service before, and by no step of this rollout.
func TestAPrimaryThatIsTakenUpIsEnteredAsThat(t *testing.T) {
	f := newFixture(t)
	log := f.audited(t.TempDir())
	f.template()
	f.automatic()
	images := map[string]string{string(f.settle().Status.PrimaryRevision): "model:1"}
	f.leave()

	live, ok := f.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("%T cannot watch", f.Client)
	}
	f.Reconciler = f.with(interceptor.NewClient(live, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, obj, opts...)
			if key.Name == naming.Primary("fraud") { // the API server's clock has seconds, and this test does not take one
				obj.SetCreationTimestamp(metav1.NewTime(f.now.Add(-time.Hour)))
			}
			return err
		},
	}))
	f.automatic()
	f.settle()
	want := []string{"Bootstrapped model:1 vedette-manager", "TakenUp model:1 vedette-manager"}
	if diff := cmp.Diff(want, told(f.entered(log), images)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
