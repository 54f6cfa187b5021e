// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Folder is a kind of hive-partitioned files of a monitor.
type Folder string

// The folders with files below version, day and hour.
const (
	Predictions Folder = "predictions"
	Records     Folder = "records"
	Profiles    Folder = "profiles"
)

// Pairs is the folder of the answers of a primary and its shadow. Its files are below rollout, revision, day and hour.
const Pairs Folder = "pairs"

// Layout says where the objects of one monitor are. No value can leave its folder: what is not a letter, a digit, a
// dot, a dash or an underscore is percent-encoded, as hive does, and readers such as DuckDB decode it.
type Layout struct {
	Cluster, Namespace, Monitor string
}

// Partition is one hive-partitioned file.
type Partition struct {
	Folder  Folder
	Version string
	// Hour is when the file was begun, in whole hours UTC. Its rows may be later by the flush interval.
	Hour time.Time
	// Name is the file's name without its extension.
	Name string
}

const (
	dayFormat    = "2006-01-02"
	hourFormat   = "15"
	windowFormat = "20060102T150405Z"
	extension    = ".parquet"
	// emptyValue is how hive spells a value that is empty.
	emptyValue = "__HIVE_DEFAULT_PARTITION__"
)

// Prefix is the folder of the monitor, with a slash at its end.
func (l Layout) Prefix() string {
	return escape(l.Cluster) + "/" + escape(l.Namespace) + "/" + escape(l.Monitor) + "/"
}

// Rows is the key of a file of rows or profiles that was begun at t.
func (l Layout) Rows(folder Folder, version string, t time.Time, name string) string {
	return l.hour(folder, escape(version), t) + escape(name) + extension
}

// Pairs is the key of a file of pairs that was begun at t: of what a revision answered as the shadow in a rollout.
func (l Layout) Pairs(rollout, revision string, t time.Time, name string) string {
	return l.pairs(rollout, revision) + below(t) + escape(name) + extension
}

func (l Layout) pairs(rollout, revision string) string {
	return l.versions(Pairs) + "rollout=" + escape(rollout) + "/revision=" + escape(revision)
}

func (l Layout) versions(folder Folder) string { return l.Prefix() + string(folder) + "/" }

func (l Layout) hour(folder Folder, escapedVersion string, t time.Time) string {
	return l.versions(folder) + "version=" + escapedVersion + below(t)
}

// below is the folder of an hour, with a slash at each end.
func below(t time.Time) string {
	t = t.UTC()
	return "/dt=" + t.Format(dayFormat) + "/hh=" + t.Format(hourFormat) + "/"
}

// Parse is the inverse of Rows. It reports false for keys of any other form.
func (l Layout) Parse(key string) (Partition, bool) {
	rest, ok := strings.CutPrefix(key, l.Prefix())
	if !ok {
		return Partition{}, false
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 5 {
		return Partition{}, false
	}
	version, ok1 := strings.CutPrefix(parts[1], "version=")
	day, ok2 := strings.CutPrefix(parts[2], "dt=")
	hour, ok3 := strings.CutPrefix(parts[3], "hh=")
	name, ok4 := strings.CutSuffix(parts[4], extension)
	t, err := time.Parse(dayFormat+hourFormat, day+hour)
	if !ok1 || !ok2 || !ok3 || !ok4 || err != nil {
		return Partition{}, false
	}
	p := Partition{Folder: Folder(parts[0]), Hour: t}
	if p.Version, ok = unescape(version); !ok {
		return Partition{}, false
	}
	if p.Name, ok = unescape(name); !ok {
		return Partition{}, false
	}
	return p, true
}

// Name is the name of a file: unique to the pod, the start of the container in it, and the file's number in that.
func Name(podUID string, start time.Time, sequence uint64) string {
	return fmt.Sprintf("%s-%d-%06d", podUID, start.UnixNano(), sequence)
}

// Reports is the folder of the reports of a kind, with a slash at its end; below it is one folder for each window.
func (l Layout) Reports(kind string) string { return l.Prefix() + "reports/" + escape(kind) + "/" }

// ParseWindow reads the name of a window's folder. It reports false for any other.
func ParseWindow(name string) (from, to time.Time, ok bool) {
	start, end, _ := strings.Cut(name, "_")
	from, err1 := time.Parse(windowFormat, start)
	to, err2 := time.Parse(windowFormat, end)
	return from, to, err1 == nil && err2 == nil
}

// Address is the URL of a key in the store at rawURL, without the parameters that say how to reach it.
func Address(rawURL, key string) string {
	root, _, _ := strings.Cut(rawURL, "?")
	return strings.TrimSuffix(root, "/") + "/" + key
}

// Report is the key of one file of the report of a run over the window [from, to).
func (l Layout) Report(kind string, from, to time.Time, run, file string) string {
	window := from.UTC().Format(windowFormat) + "_" + to.UTC().Format(windowFormat)
	return l.Reports(kind) + window + "/" + escape(run) + "/" + escape(file)
}

// Baseline is the key of one file of a baseline, such as "summary.json".
func (l Layout) Baseline(name, file string) string {
	return l.Prefix() + "baselines/" + escape(name) + "/" + escape(file)
}

// Labels is the key of a file of labels that were received at t.
func (l Layout) Labels(t time.Time, name string) string {
	return l.labels(t.UTC()) + escape(name) + extension
}

func (l Layout) labels(t time.Time) string { return l.AllLabels() + "dt=" + t.Format(dayFormat) + "/" }

// AllLabels is the folder of all labels, with a slash at its end.
func (l Layout) AllLabels() string { return l.Prefix() + "labels/" }

// Inbox is the folder in which others leave files of a kind, such as "labels", with a slash at its end.
func (l Layout) Inbox(kind string) string { return l.Prefix() + "inbox/" + escape(kind) + "/" }

// InboxResult is the key of what came of a file of the inbox, such as "done" or "rejected". The take tells apart files that
// had the same name one after the other.
func (l Layout) InboxResult(result, take, name string) string {
	return l.Inbox(result) + escape(take) + "-" + escape(name)
}

// LabelsBetween yields the files of labels that were received on the days of [from, to].
func (b *Bucket) LabelsBetween(ctx context.Context, l Layout, from, to time.Time) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for t := from.UTC().Truncate(24 * time.Hour); !t.After(to.UTC()); t = t.AddDate(0, 0, 1) {
			for item, err := range b.List(ctx, l.labels(t)) {
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}
}

// Dataset is the key of a dataset whose path is relative to the monitor's prefix.
func (l Layout) Dataset(rel string) (string, error) {
	if !fs.ValidPath(rel) || rel == "." || path.Clean(rel) != rel {
		return "", fmt.Errorf("dataset %.200q: want a path below the monitor's folder in the store, such as datasets/train.parquet, without \"..\" or a slash at either end", rel)
	}
	return l.Prefix() + rel, nil
}

// DatasetFile is the key of a file of a version of a dataset, such as "manifest.json".
func (l Layout) DatasetFile(digest, file string) string {
	return l.DatasetFolder(digest) + escape(file)
}

// DatasetFolder is the folder of a version of a dataset, with a slash at its end.
func (l Layout) DatasetFolder(digest string) string { return l.AllDatasets() + escape(digest) + "/" }

// AllDatasets is the folder of all versions of datasets, with a slash at its end.
func (l Layout) AllDatasets() string { return l.Prefix() + "datasets/" }

// AuditPrefix is the folder of a cluster's audit log. It is below the root of a store, which may be one of its own.
func AuditPrefix(cluster string) string { return "audit/" + escape(cluster) + "/" }

// AuditEntry is the key of an entry of a cluster's audit log. Keys sort as the entries do.
func AuditEntry(cluster string, number uint64) string {
	return fmt.Sprintf("%s%020d.json", AuditPrefix(cluster), number)
}

// ParseAuditEntry is the inverse of AuditEntry. It reports false for keys of any other form.
func ParseAuditEntry(cluster, key string) (uint64, bool) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(key, AuditPrefix(cluster)), ".json")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && err == nil && n > 0 && key == AuditEntry(cluster, n)
}

// Between yields the files of a folder, of all versions, whose rows may be in [from, to): those begun in the hours of
// the window, and in the hour before it.
func (b *Bucket) Between(ctx context.Context, l Layout, folder Folder, from, to time.Time) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for name, err := range b.Folders(ctx, l.versions(folder)) {
			if err != nil {
				yield(Item{}, err)
				return
			}
			version, ok := strings.CutPrefix(name, "version=")
			if !ok {
				continue
			}
			if !b.hours(ctx, l.versions(folder)+"version="+version, from, to, yield) {
				return
			}
		}
	}
}

// PairsBetween yields the files of pairs of what a revision answered as the shadow in a rollout, whose rows may be in [from, to).
func (b *Bucket) PairsBetween(ctx context.Context, l Layout, rollout, revision string, from, to time.Time) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) { b.hours(ctx, l.pairs(rollout, revision), from, to, yield) }
}

// hours yields the files of the hours of a folder that may have rows in [from, to), and says whether to go on.
func (b *Bucket) hours(ctx context.Context, folder string, from, to time.Time, yield func(Item, error) bool) bool {
	for t := from.UTC().Truncate(time.Hour).Add(-time.Hour); t.Before(to); t = t.Add(time.Hour) {
		for item, err := range b.List(ctx, folder+below(t)) {
			if !yield(item, err) || err != nil {
				return false
			}
		}
	}
	return true
}

// maxValue bounds an escaped value: file systems take names of up to 255 bytes.
const maxValue = 160

// escape makes of any value one element of a path, different for different values. What is too long is cut, and told
// apart by a hash; the rows hold the whole value.
func escape(value string) string {
	if value == "" {
		return emptyValue
	}
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-',
			c == '.' && i > 0,                         // "." and ".." are folders
			c == '_' && (i == 0 || value[i-1] != '_'): // "__0x" is special to the library below us
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() <= maxValue {
		return b.String()
	}
	sum := sha256.Sum256([]byte(value))
	short := b.String()[:maxValue-21]
	if i := strings.LastIndexByte(short, '%'); i >= len(short)-2 && i >= 0 {
		short = short[:i] // Not in the middle of an escape.
	}
	return short + "-sha-" + hex.EncodeToString(sum[:8])
}

func unescape(s string) (string, bool) {
	if s == emptyValue {
		return "", true
	}
	v, err := url.PathUnescape(s)
	return v, err == nil
}
