// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/store"
)

var layout = store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}

func TestLayout(t *testing.T) {
	t.Parallel()
	at := time.Date(2001, 5, 31, 23, 59, 0, 0, time.FixedZone("", -7*3600))
	for name, tc := range map[string]struct{ got, want string }{
		"a file of rows is below version, day and hour in UTC": {
			layout.Rows(store.Predictions, "v1.2", at, store.Name("pod-uid", time.Unix(1, 5), 7)),
			"eu/payments/fraud/predictions/version=v1.2/dt=2001-06-01/hh=06/pod-uid-1000000005-000007.parquet",
		},
		"an image reference is escaped as hive does": {
			layout.Rows(store.Profiles, "reg.io/m:v1@sha256:ab", at, "n"),
			"eu/payments/fraud/profiles/version=reg.io%2Fm%3Av1%40sha256%3Aab/dt=2001-06-01/hh=06/n.parquet",
		},
		"an empty version": {
			layout.Rows(store.Records, "", at, "n"),
			"eu/payments/fraud/records/version=__HIVE_DEFAULT_PARTITION__/dt=2001-06-01/hh=06/n.parquet",
		},
		"a label that climbs stays in its folder": {
			layout.Rows(store.Records, "../../other", at, "n"),
			"eu/payments/fraud/records/version=%2E.%2F..%2Fother/dt=2001-06-01/hh=06/n.parquet",
		},
		"a report": {
			layout.Report("drift", at, at.Add(time.Hour), "r1", "report.json"),
			"eu/payments/fraud/reports/drift/20010601T065900Z_20010601T075900Z/r1/report.json",
		},
		"a baseline": {layout.Baseline("may", "summary.json"), "eu/payments/fraud/baselines/may/summary.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.got != tc.want {
				t.Errorf("got  %s\nwant %s", tc.got, tc.want)
			}
		})
	}
}

func TestDataset(t *testing.T) {
	t.Parallel()
	if got, err := layout.Dataset("datasets/train.parquet"); err != nil || got != "eu/payments/fraud/datasets/train.parquet" {
		t.Errorf("Dataset = %q, %v", got, err)
	}
	for _, rel := range []string{"", ".", "/etc/passwd", "../other/x", "a/../../x", "a//b", "a/"} {
		if got, err := layout.Dataset(rel); err == nil {
			t.Errorf("Dataset(%q) = %q, want an error", rel, got)
		}
	}
}

func FuzzLayout(f *testing.F) {
	for _, s := range []string{"v1", "", ".", "..", "a/b", "__0x2f__", "%2F", "é\x00\xff", strings.Repeat("/", 300)} {
		f.Add(s, s)
	}
	at := time.Date(2001, 6, 1, 6, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, version, name string) {
		key := layout.Rows(store.Records, version, at, name)
		if strings.Count(key, "/") != 7 || strings.Contains(key, "/.") || len(key) > 600 {
			t.Fatalf("the key left its folder or its bounds: %q", key)
		}
		p, ok := layout.Parse(key)
		if !ok || p.Folder != store.Records || !p.Hour.Equal(at) {
			t.Fatalf("Parse(%q) = %+v, %v", key, p, ok)
		}
		// Long values are cut; the others come back as they were.
		if short := len(version) <= 50 && len(name) <= 50; short && (p.Version != version || p.Name != name) {
			t.Fatalf("Parse(%q) = %q, %q; want %q, %q", key, p.Version, p.Name, version, name)
		}
	})
}

func TestParseRefusesStrangers(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"", "eu/payments/fraud/", "eu/payments/fraud2/records/version=v/dt=2001-06-01/hh=06/n.parquet",
		"eu/payments/fraud/records/version=v/dt=2001-06-01/hh=06/n.parquet.tmp",
		"eu/payments/fraud/records/version=v/dt=2001-06-01/hh=66/n.parquet",
		"eu/payments/fraud/records/v=v/dt=2001-06-01/hh=06/n.parquet",
		"eu/payments/fraud/records/version=%zz/dt=2001-06-01/hh=06/n.parquet",
		"eu/payments/fraud/records/version=v/dt=2001-06-01/hh=06/x/n.parquet",
	} {
		if p, ok := layout.Parse(key); ok {
			t.Errorf("Parse(%q) = %+v, want false", key, p)
		}
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	b := store.Wrap(memblob.OpenBucket(nil))
	hour := func(h int) time.Time { return time.Date(2001, 6, 1, h, 30, 0, 0, time.UTC) }
	for h := range 6 {
		for _, version := range []string{"v1", "v/2"} {
			if err := b.Put(t.Context(), layout.Rows(store.Profiles, version, hour(h), "n"), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Neither another monitor, nor another folder, nor a stray file belongs to it.
	other := store.Layout{Cluster: "us", Namespace: "payments", Monitor: "fraud"}
	for _, key := range []string{
		other.Rows(store.Profiles, "v1", hour(3), "n"), layout.Rows(store.Records, "v1", hour(3), "n"),
		layout.Prefix() + "profiles/stray/x",
	} {
		if err := b.Put(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, item := range collect(t, b.Between(t.Context(), layout, store.Profiles, hour(3), hour(4).Add(-30*time.Minute))) {
		p, ok := layout.Parse(item.Key)
		if !ok {
			t.Fatalf("Between yields %q", item.Key)
		}
		got = append(got, p.Version+p.Hour.Format("@15"))
	}
	want := []string{"v/2@02", "v/2@03", "v1@02", "v1@03"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Between (-want +got):\n%s", diff)
	}
}

func TestDaysOfPairs(t *testing.T) {
	t.Parallel()
	b := store.Wrap(memblob.OpenBucket(nil))
	l := store.Layout{Cluster: "c", Namespace: "n", Monitor: "m"}
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	key := l.Pairs("fraud/x", "0123456789", at, "pod-1")
	if want := "c/n/m/pairs/rollout=fraud%2Fx/revision=0123456789/dt=2026-05-01/hh=10/pod-1.parquet"; key != want {
		t.Errorf("the key is %s, want %s", key, want)
	}
	for _, k := range []string{key, l.Pairs("fraud/x", "abcdef0123", at, "pod-1"), l.Prefix() + "pairs/a/b/c/dt=2026-05-01/too-deep"} {
		if err := b.Put(t.Context(), k, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	var days []string
	for d, err := range b.Days(t.Context(), l, store.Pairs) {
		if err != nil {
			t.Fatal(err)
		}
		days = append(days, strings.TrimPrefix(d.Prefix, l.Prefix()))
	}
	want := []string{"pairs/rollout=fraud%2Fx/revision=0123456789/dt=2026-05-01/", "pairs/rollout=fraud%2Fx/revision=abcdef0123/dt=2026-05-01/"}
	if d := cmp.Diff(want, days); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
