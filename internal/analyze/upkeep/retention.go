// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Folders that have no rows.
const (
	reports   store.Folder = "reports"
	datasets  store.Folder = "datasets"
	inbox     store.Folder = "inbox"
	checks    store.Folder = "checks"
	erasures  store.Folder = "erasures"
	probeLife              = day
)

// Retention deletes what has been kept long enough, hour by hour, and takes the bodies from rows that are kept longer than
// those.
func Retention(ctx context.Context, e *Env) (*Report, wire.Verdict, error) {
	ages, err := agesOf(e.Config.Retention)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	r, err := begin(ctx, e, KindRetention)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	defer r.end(ctx)
	for _, tier := range []struct {
		folder store.Folder
		age    time.Duration
	}{
		{store.Predictions, ages.predictions}, {store.Pairs, ages.predictions}, {store.Records, ages.features}, {store.Profiles, ages.profiles}, {store.LabelFolder, ages.labels},
	} {
		if err := r.expire(ctx, tier.folder, tier.age); err != nil {
			return nil, wire.Verdict{}, err
		}
	}
	if err := r.stripBodies(ctx, ages); err != nil {
		return nil, wire.Verdict{}, err
	}
	if err := r.expireOthers(ctx, ages); err != nil {
		return nil, wire.Verdict{}, err
	}
	return r.finish(ctx, fmt.Sprintf("%d files were deleted, and the bodies of %d rows",
		r.total(func(t *Tally) int64 { return int64(t.FilesDeleted - t.FilesWritten) }), r.total(func(t *Tally) int64 { return t.BodiesRemoved })))
}

// ages are how long each tier is kept.
type ages struct{ predictions, features, bodies, profiles, labels time.Duration }

func agesOf(w wire.Retention) (ages, error) {
	a := ages{
		predictions: wire.Seconds(w.PredictionsSeconds), features: wire.Seconds(w.FeaturesSeconds), bodies: wire.Seconds(w.BodiesSeconds),
		profiles: wire.Seconds(w.ProfilesSeconds), labels: wire.Seconds(w.LabelsSeconds),
	}
	if min(a.predictions, a.features, a.bodies, a.profiles, a.labels) < time.Hour {
		return a, analyze.InvalidConfig(errors.New("retention must name an age of at least an hour for every tier: was it rendered by an older manager?"))
	}
	return a, nil
}

// longest is the age at which nothing of any tier is left.
func (a ages) longest() time.Duration {
	return max(a.predictions, a.features, a.bodies, a.profiles, a.labels)
}

// expire deletes the hours of a tier that ended longer ago than the age.
func (r *run) expire(ctx context.Context, folder store.Folder, age time.Duration) error {
	before := r.Now.Add(-age)
	return r.partitions(ctx, folder, func(start time.Time) bool { return start.Before(before) }, func(ctx context.Context, p *partition) error {
		if p.to.After(before) {
			return nil
		}
		return r.expirePartition(ctx, p)
	})
}

func (r *run) expirePartition(ctx context.Context, p *partition) error {
	from := p.from
	if p.folder == store.LabelFolder {
		from = time.Time{} // Labels speak of what was before them.
	}
	if r.holds.time(from, p.to) != nil {
		r.count(p.folder, func(t *Tally) { t.FilesHeld += len(p.items) })
		return nil
	}
	if r.holds.nameRows() && p.folder != store.Profiles {
		return r.expireButHeld(ctx, p)
	}
	for _, item := range append(p.items, p.strays...) {
		if err := r.delete(ctx, p.folder, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// expireButHeld leaves of each file the rows that a hold names.
func (r *run) expireButHeld(ctx context.Context, p *partition) error {
	if err := r.settle(ctx, p); err != nil {
		return err
	}
	for _, item := range p.items {
		err := r.rewrite(ctx, p, []store.Item{item}, false, func(v view, row parquet.Row) fate {
			if r.holds.row(text(row, v.record), text(row, v.key), v.time(row)) == nil {
				return expired
			}
			return held
		})
		if err := r.damaged(p.folder, err, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// stripBodies takes the bodies from records that are past the age of bodies.
func (r *run) stripBodies(ctx context.Context, a ages) error {
	before := r.Now.Add(-a.bodies)
	return r.partitions(ctx, store.Records, func(start time.Time) bool { return start.Before(before) }, func(ctx context.Context, p *partition) error {
		if p.to.After(before) || r.holds.time(p.from, p.to) != nil {
			return nil
		}
		return r.stripPartition(ctx, p)
	})
}

func (r *run) stripPartition(ctx context.Context, p *partition) error {
	look := false
	for _, item := range p.items {
		look = look || !isBare(item.Key)
	}
	if !look {
		return nil
	}
	if err := r.settle(ctx, p); err != nil {
		return err
	}
	for _, item := range p.items {
		if isBare(item.Key) {
			continue
		}
		err := r.rewrite(ctx, p, []store.Item{item}, false, func(v view, row parquet.Row) fate {
			if r.holds.row(text(row, v.record), text(row, v.key), v.time(row)) != nil {
				return keep
			}
			return keepWithoutBody
		})
		if err := r.damaged(p.folder, err, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// expireOthers deletes reports, probes, files of the inbox, and the documents of erasures, when they are old enough.
// Reports on single predictions show features, and go with those; the others go with the profiles that they are made of.
func (r *run) expireOthers(ctx context.Context, a ages) error {
	root := r.layout.Prefix() + string(reports) + "/"
	for kind, err := range r.Bucket.Folders(ctx, root) {
		if err != nil {
			return err
		}
		age := a.profiles
		if kind == analyze.KindOutliers {
			age = a.features
		}
		for window, err := range r.Bucket.Folders(ctx, root+kind+"/") {
			if err != nil {
				return err
			}
			from, to, ok := store.ParseWindow(window)
			if !ok || to.After(r.Now.Add(-age)) {
				continue
			}
			if r.holds.time(from, to) != nil {
				r.count(reports, func(t *Tally) { t.FilesHeld++ })
				continue
			}
			if err := r.deleteAll(ctx, reports, root+kind+"/"+window+"/", func(store.Item) bool { return true }); err != nil {
				return err
			}
		}
	}
	for folder, age := range map[store.Folder]time.Duration{checks: probeLife, inbox: a.labels, erasures: a.longest()} {
		// Whom files of others speak of is not looked into: while a hold names anybody, they stay.
		if folder != checks && r.holds.time(time.Time{}, r.Now.Add(-age)) != nil || folder == inbox && r.holds.nameRows() {
			continue
		}
		old := func(item store.Item) bool { return item.Modified.Add(age).Before(r.Now) }
		if err := r.deleteAll(ctx, folder, r.layout.Prefix()+string(folder)+"/", old); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) deleteAll(ctx context.Context, folder store.Folder, prefix string, which func(store.Item) bool) error {
	for item, err := range r.Bucket.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if !which(item) {
			continue
		}
		if err := r.delete(ctx, folder, item.Key); err != nil {
			return err
		}
	}
	return nil
}
