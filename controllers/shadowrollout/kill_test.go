// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/naming"
)

// kills is how often the manager is killed.
const kills = 200

var errKilled = errors.New("killed")

// killer is the client of a manager that dies at one of its writes: before it is sent, or when it was done.
type killer struct {
	left  int
	after bool
}

func (k *killer) write(do func() error) error {
	k.left--
	if k.left < 0 {
		return errKilled // it is dead: nothing of it reaches the server any more
	}
	if k.left > 0 {
		return do()
	}
	if !k.after {
		return errKilled
	}
	return errors.Join(do(), errKilled)
}

// deadly is the client of f that dies after some writes.
func (f *fixture) deadly(c client.WithWatch, k *killer) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return k.write(func() error { return c.Create(ctx, obj, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return k.write(func() error { return c.Delete(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return k.write(func() error { return f.watched(func() error { return c.Patch(ctx, obj, patch, opts...) }) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return k.write(func() error { return f.watched(func() error { return c.Apply(ctx, obj, opts...) }) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return k.write(func() error { return c.SubResource(sub).Patch(ctx, obj, patch, opts...) })
		},
	})
}

// watched does a write, and fails the test if it makes the primary run what was not found fit before, or was rejected.
func (f *fixture) watched(do func() error) error {
	before := f.revision()
	err := do()
	after := f.revision()
	if before == "" || after == before {
		return err
	}
	s := f.get().Status
	back := s.Bake.PreviousRevision == after && s.Bake.Revision == before && len(s.Rejected) > 0 && s.Rejected[0].Revision == before
	if !back && (s.Decision.Revision != after || s.Decision.Verdict != v1alpha1.VerdictPass) {
		f.t.Fatalf("revision %s takes over from %s, and what is on record is %+v", after, before, s.Decision)
	}
	return err
}

// revision is the one that the primary is told to run.
func (f *fixture) revision() v1alpha1.Revision {
	d := &appsv1.Deployment{}
	if !f.read(naming.Primary("fraud"), d) {
		return ""
	}
	return v1alpha1.Revision(d.Labels[naming.LabelRevision])
}

// TestKilledAtAnyPoint takes a rollout from its first primary through a promotion and a rejection, with a manager that is killed
// again and again. Wherever it dies, the end is the same: what was found fit serves, what was not does not, and nothing is
// promoted twice. The audit log tells of each step once.
func TestKilledAtAnyPoint(t *testing.T) {
	f := newFixture(t)
	f.requests.Mutating()
	live, ok := f.Client.(client.WithWatch)
	if !ok {
		t.Fatalf("%T cannot watch", f.Client)
	}
	r := rand.New(rand.NewPCG(7, 11))
	log := f.audited(t.TempDir())
	killed, images, rejections := 0, []string{"model:1"}, 0
	f.template()
	f.automatic()
	for n := 2; killed < kills; n++ {
		good := n%3 != 0
		killed += f.untilRest(live, r)
		f.push(imageOf(n))
		killed += f.untilRest(live, r)
		revision := string(f.get().Status.Candidate.Revision)
		if revision == "" {
			t.Fatalf("%s is not tried: %+v", imageOf(n), f.get().Status)
		}
		failed := int64(0)
		if !good {
			failed = 500
		}
		f.counted.evidence[revision] = answers(5000, failed, "")
		f.later(time.Minute)
		killed += f.untilRest(live, r)
		want := images[len(images)-1]
		if good {
			want = imageOf(n)
			images = append(images, want)
		} else {
			rejections++
		}
		if got := f.serving(); got != want {
			t.Fatalf("after %d kills %s serves, want %s: %+v", killed, got, want, f.get().Status)
		}
		f.later(time.Hour)
	}
	t.Logf("%d kills, %d promotions", killed, len(images)-1)
	killed += f.untilRest(live, r)
	n := map[audit.Kind]int{}
	for _, e := range f.entered(log) {
		n[e.Kind]++
	}
	if want := len(images) - 1; n[audit.KindRolloutApproved] != want || n[audit.KindRolloutPromoted] != want || n[audit.KindRolloutBaked] != want {
		t.Errorf("after %d kills and %d promotions the audit log has %v", killed, want, n)
	}
	if tries := len(images) - 1 + rejections; n[audit.KindRolloutStarted] != tries || n[audit.KindRolloutDecided] != tries || n[audit.KindRolloutBootstrapped] != 1 {
		t.Errorf("after %d kills and %d candidates the audit log has %v", killed, tries, n)
	}
}

func imageOf(n int) string { return fmt.Sprint("model:", n) }

// untilRest reconciles with managers that die, until one finds nothing to do. It says how often one died.
func (f *fixture) untilRest(live client.WithWatch, r *rand.Rand) (killed int) {
	f.t.Helper()
	for range 400 {
		k := &killer{left: 1 + r.IntN(6), after: r.IntN(2) == 0}
		f.Reconciler = f.with(f.deadly(live, k))
		f.requests.Mutating()
		_, err := f.Reconcile(f.t.Context(), f.get())
		switch {
		case errors.Is(err, errKilled):
			killed++
		case err != nil && k.left >= 0:
			f.t.Fatal(err)
		}
		moved := f.workloads()
		if err == nil && len(f.requests.Mutating()) == 0 && !moved {
			return killed
		}
	}
	f.t.Fatalf("it does not come to rest: %+v", f.get().Status)
	return killed
}
