// SPDX-License-Identifier: Apache-2.0

package erasure_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/store"
)

var (
	layout = store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}
	asked  = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
)

func TestARequestNamesItsSubjectByADigestOnly(t *testing.T) {
	t.Parallel()
	b := store.Wrap(memblob.OpenBucket(nil))
	r := erasure.NewRequest(layout, erasure.LabelKey, "customer-4711", asked)
	if err := erasure.Ask(t.Context(), b, layout, r); err != nil {
		t.Fatal(err)
	}
	for item, err := range b.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		body, err := b.Get(t.Context(), item.Key, 1<<20)
		if err != nil || strings.Contains(item.Key+string(body), "4711") {
			t.Errorf("%s names the subject: %s (%v)", item.Key, body, err)
		}
	}
	other := layout
	other.Monitor = "other"
	if erasure.NewRequest(other, erasure.LabelKey, "customer-4711", asked).Digest == r.Digest {
		t.Error("digests of two monitors tell that the subject is the same")
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	b, ctx := store.Wrap(memblob.OpenBucket(nil)), t.Context()
	byKey := erasure.NewRequest(layout, erasure.LabelKey, "customer-1", asked)
	byKey.Records, byKey.Requests = []string{"record-1"}, []string{"request-1"}
	byID := erasure.NewRequest(layout, erasure.RecordID, "record-9", asked)
	for _, r := range []erasure.Request{byKey, byID} {
		if err := erasure.Ask(ctx, b, layout, r); err != nil {
			t.Fatal(err)
		}
	}
	set, err := erasure.Load(ctx, b, layout)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ record, key, request, want string }{
		"by label key":                     {"x", "customer-1", "", byKey.ID},
		"by a record that was found":       {"record-1", "", "", byKey.ID},
		"by a request that was found":      {"", "", "request-1", byKey.ID},
		"by record id":                     {"record-9", "customer-2", "", byID.ID},
		"a label key is no record id":      {"customer-1", "record-9", "", ""},
		"another subject":                  {"record-2", "customer-2", "request-2", ""},
		"what has no name matches nothing": {"", "", "", ""},
	} {
		if got := set.Match(tc.record, tc.key, tc.request); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	if (&erasure.Set{}).Match("record-1", "customer-1", "") != "" || !erasure.NewSet(layout).Empty() {
		t.Error("an empty set matches")
	}
}

func TestPartsSayWhenTheyAreDone(t *testing.T) {
	t.Parallel()
	b, ctx := store.Wrap(memblob.OpenBucket(nil)), t.Context()
	r := erasure.NewRequest(layout, erasure.LabelKey, "k", asked)
	pending := func(step string, want ...string) {
		t.Helper()
		var ids []string
		all, err := erasure.Pending(ctx, b, layout, "queue-desk")
		for _, r := range all {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" || err != nil {
			t.Errorf("%s: pending (-want +got):\n%s%v", step, diff, err)
		}
	}
	pending("before anybody asked")
	if err := erasure.Ask(ctx, b, layout, r); err != nil {
		t.Fatal(err)
	}
	pending("asked", r.ID)
	if err := erasure.PutDone(ctx, b, layout, r.ID, "store", asked, nil); err != nil {
		t.Fatal(err)
	}
	pending("another part is done", r.ID)
	if _, err := erasure.GetDone(ctx, b, layout, r.ID, "queue-desk"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("GetDone = %v, want ErrNotFound", err)
	}
	if err := erasure.PutDone(ctx, b, layout, r.ID, "queue-desk", asked.Add(time.Minute), map[string]int64{"items": 2}); err != nil {
		t.Fatal(err)
	}
	pending("done")
	d, err := erasure.GetDone(ctx, b, layout, r.ID, "queue-desk")
	if err != nil || d.Removed["items"] != 2 {
		t.Errorf("GetDone = %+v, %v", d, err)
	}
	r.Asked = asked.Add(time.Hour)
	if err := erasure.Ask(ctx, b, layout, r); err != nil {
		t.Fatal(err)
	}
	pending("asked again", r.ID)
}

func TestADocumentThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no JSON": "x", "of another kind": `{"id":"a","of":"name","digest":"d"}`, "misplaced": `{"id":"b","of":"label_key","digest":"d"}`} {
		b := store.Wrap(memblob.OpenBucket(nil))
		if err := b.Put(t.Context(), erasure.Folder(layout)+"a.json", []byte(body)); err != nil {
			t.Fatal(err)
		}
		if _, err := erasure.Load(t.Context(), b, layout); err == nil {
			t.Errorf("%s: no error: a subject would be kept silently", name)
		}
	}
}
