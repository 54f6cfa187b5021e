// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

const healthKey = "resource.customizations.health.vedette.dev_"

// health is what Argo CD makes of an object.
type health struct{ status, message string }

// The words of Argo CD.
const (
	healthy     = "Healthy"
	progressing = "Progressing"
	degraded    = "Degraded"
)

// checks are the health checks by kind, as Argo CD has them once the component is in its kustomization.
func checks(t *testing.T) map[string]string {
	t.Helper()
	objects := build(t, "testdata/argocd")
	cm := &corev1.ConfigMap{}
	convert(t, objects[0], cm)
	if len(objects) != 1 || cm.Namespace != "argocd" || cm.Data["application.resourceTrackingMethod"] != "annotation" {
		t.Fatalf("%d objects, the first %+v", len(objects), cm)
	}
	byKind := map[string]string{}
	for key, script := range cm.Data {
		if kind, ok := strings.CutPrefix(key, healthKey); ok {
			byKind[kind] = script
		}
	}
	return byKind
}

// TestArgoCDChecksEveryKind wants a health check for every kind that the operator installs.
func TestArgoCDChecksEveryKind(t *testing.T) {
	var installed []string
	for _, o := range build(t, "crd") {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		convert(t, o, crd)
		installed = append(installed, crd.Spec.Names.Kind)
	}
	slices.Sort(installed)
	if got := slices.Sorted(maps.Keys(checks(t))); !slices.Equal(got, installed) {
		t.Errorf("there are checks of %q, and the kinds %q", got, installed)
	}
}

// check runs a health check as Argo CD does: with few libraries, and the object as a table.
func check(t *testing.T, script string, obj client.Object) health {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer l.Close()
	for name, open := range map[string]lua.LGFunction{lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	l.SetContext(t.Context())
	l.SetGlobal("obj", table(l, fields))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the check returned %s", l.Get(-1))
	}
	return health{lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))}
}

func table(l *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		t := l.NewTable()
		for key, item := range v {
			t.RawSetString(key, table(l, item))
		}
		return t
	case []any:
		t := l.NewTable()
		for _, item := range v {
			t.Append(table(l, item))
		}
		return t
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}

// statusOf are the parts of an object's status that all kinds have.
type statusOf struct {
	conditions *[]metav1.Condition
	observed   *int64
}

// kinds are an object of each kind, and its status.
func kinds() map[string]func() (client.Object, statusOf) {
	return map[string]func() (client.Object, statusOf){
		"MonitorClass": func() (client.Object, statusOf) {
			o := wrappers.MakeClass("default")
			return o, statusOf{&o.Status.Conditions, &o.Status.ObservedGeneration}
		},
		"ModelMonitor": func() (client.Object, statusOf) {
			o := wrappers.MakeMonitor("payments", "fraud").Obj()
			return o, statusOf{&o.Status.Conditions, &o.Status.ObservedGeneration}
		},
		"AnnotationQueue": func() (client.Object, statusOf) {
			o := wrappers.MakeQueue("payments", "fraud").Obj()
			return o, statusOf{&o.Status.Conditions, &o.Status.ObservedGeneration}
		},
		"ShadowRollout": func() (client.Object, statusOf) {
			o := wrappers.MakeRollout("payments", "fraud").Obj()
			return o, statusOf{&o.Status.Conditions, &o.Status.ObservedGeneration}
		},
	}
}

// TestArgoCDHealth lets the code of the controllers sum up what happened to an object of each kind, and asks what Argo CD makes
// of that: the same as others that read conditions, but for an object that nobody has looked at, which they take for a good one.
func TestArgoCDHealth(t *testing.T) {
	scripts := checks(t)
	stalled := reconcileerr.NewStalled("InvalidExpression", "the expression cannot be read: correct it")
	waiting := reconcileerr.NewWaiting("ClassNotFound", "there is no MonitorClass: create one")
	for name, tt := range map[string]struct {
		problems []error
		reason   string
		// unseen says that nobody has looked at it, behind how many changes came since.
		unseen  bool
		behind  int64
		want    health
		kstatus kstatus.Status
	}{
		"nobody has looked at it":                      {unseen: true, want: health{progressing, "the object is new or was changed, and is not reconciled yet"}, kstatus: kstatus.Current},
		"all is well":                                  {want: health{healthy, "the spec is in effect"}, kstatus: kstatus.Current},
		"its mode is Suspended, and no sync waits":     {reason: vedettev1alpha1.ReasonSuspended, want: health{healthy, "the spec is in effect"}, kstatus: kstatus.Current},
		"a person must correct it":                     {problems: []error{stalled}, want: health{degraded, "the expression cannot be read: correct it"}, kstatus: kstatus.Failed},
		"something is waited for":                      {problems: []error{waiting}, want: health{progressing, "there is no MonitorClass: create one"}, kstatus: kstatus.InProgress},
		"the API server is overloaded":                 {problems: []error{errors.New("timeout")}, want: health{progressing, "the last attempt failed and is repeated; the manager's log says more"}, kstatus: kstatus.InProgress},
		"a change that was not looked at yet":          {behind: 1, want: health{progressing, "the object is new or was changed, and is not reconciled yet"}, kstatus: kstatus.InProgress},
		"a correction does not fail with what was bad": {behind: 1, problems: []error{stalled}, want: health{progressing, "the object is new or was changed, and is not reconciled yet"}, kstatus: kstatus.InProgress},
	} {
		for kind, object := range kinds() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				obj, status := object()
				obj.SetGeneration(7)
				if set := (conditions.Writer{Conditions: status.conditions, Generation: 7 - tt.behind, Now: time.Unix(0, 0)}); !tt.unseen {
					if monitor.SumUp(set, tt.problems, cmp.Or(tt.reason, vedettev1alpha1.ReasonSucceeded)).Settled {
						*status.observed = set.Generation
					}
				}
				if got := check(t, scripts[kind], obj); got != tt.want {
					t.Errorf("Argo CD says %q, want %q", got, tt.want)
				}
				if got := kstatus.Of(7, *status.observed, *status.conditions); got != tt.kstatus {
					t.Errorf("others say %s, want %s", got, tt.kstatus)
				}
			})
		}
	}
}

// TestArgoCDHealthOfRollouts wants a rollout to be healthy whatever becomes of a candidate, so that no sync waits for one, and
// the message to tell.
func TestArgoCDHealthOfRollouts(t *testing.T) {
	script := checks(t)["ShadowRollout"]
	trial := rollout.Observed{
		Primary: "aaaaaaaaaa", PrimarySettled: true, Template: "bbbbbbbbbb", Shadow: "bbbbbbbbbb", ShadowAvailable: true,
		Record: rollout.Record{Candidate: "bbbbbbbbbb"},
	}
	for name, tt := range map[string]struct {
		action rollout.Action
		serves bool
		status vedettev1alpha1.ShadowRolloutStatus
		want   health
	}{
		"it is tried": {rollout.Evaluate, true, vedettev1alpha1.ShadowRolloutStatus{
			Candidate: vedettev1alpha1.CandidateStatus{Revision: "bbbbbbbbbb"},
		}, health{healthy, "revision bbbbbbbbbb is being tried"}},
		"it waits for its approval": {rollout.AwaitApproval, true, vedettev1alpha1.ShadowRolloutStatus{
			Decision: vedettev1alpha1.RolloutDecision{Message: "errors: 0.001"},
		}, health{healthy, "revision bbbbbbbbbb has passed: put it into spec.promotion.approvedRevision. errors: 0.001"}},
		"it was rejected": {rollout.Shelve, true, vedettev1alpha1.ShadowRolloutStatus{
			Rejected: []vedettev1alpha1.RejectedRevision{{Revision: "bbbbbbbbbb", Reason: vedettev1alpha1.ReasonAnalysisFailed, Message: "errors in segment big: 0.2"}},
		}, health{healthy, "revision bbbbbbbbbb is not to serve: errors in segment big: 0.2"}},
		"nothing serves yet": {
			rollout.Bootstrap, false, vedettev1alpha1.ShadowRolloutStatus{}, health{progressing, "there is no primary yet"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := wrappers.MakeRollout("payments", "fraud").Obj()
			r.Generation, r.Status = 7, tt.status
			set := conditions.Writer{Conditions: &r.Status.Conditions, Generation: r.Generation, Now: time.Unix(0, 0)}
			rollout.Report{Rollout: r, Observed: trial, Action: tt.action}.Conditions(set)
			if tt.serves {
				set.True(vedettev1alpha1.ConditionAvailable, vedettev1alpha1.ReasonPrimaryAvailable, "the primary serves")
			}
			monitor.SumUp(set, nil, vedettev1alpha1.ReasonSucceeded)
			r.Status.ObservedGeneration = r.Generation
			if got := check(t, script, r); got != tt.want {
				t.Errorf("Argo CD says %q, want %q", got, tt.want)
			}
		})
	}
}

// TestArgoCDHealthOfMonitors wants a threshold that is violated to be no fault of a sync.
func TestArgoCDHealthOfMonitors(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").Obj()
	m.Generation, m.Status.ObservedGeneration = 7, 7
	set := conditions.Writer{Conditions: &m.Status.Conditions, Generation: 7, Now: time.Unix(0, 0)}
	monitor.SumUp(set, nil, vedettev1alpha1.ReasonSucceeded)
	set.False(vedettev1alpha1.ConditionWithinThresholds, vedettev1alpha1.ReasonViolated, "violated: errors")
	if got, want := check(t, checks(t)["ModelMonitor"], m), (health{healthy, "violated: errors"}); got != want {
		t.Errorf("Argo CD says %q, want %q", got, want)
	}
}
