// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/vedette-dev/vedette/internal/store"
)

// Fault is what is wrong at one place of a log.
type Fault string

// The faults.
const (
	// FaultChanged means that the entry is not the one that was written.
	FaultChanged Fault = "Changed"
	// FaultMissing means that there is no entry of that number.
	FaultMissing Fault = "Missing"
	// FaultMoved means that another entry stands in the place.
	FaultMoved Fault = "Moved"
	// FaultUnchained means that the entry is whole but does not continue the one before: one of them was put there later.
	FaultUnchained Fault = "Unchained"
	// FaultForeign means that an object is in the log that is no entry.
	FaultForeign Fault = "Foreign"
	// FaultTruncated means that the log ends before a head that is known.
	FaultTruncated Fault = "Truncated"
	// FaultRewritten means that the entry of a known head has another hash now.
	FaultRewritten Fault = "Rewritten"
)

// Finding is one fault.
type Finding struct {
	Sequence uint64 `json:"seq"`
	Fault    Fault  `json:"fault"`
	Detail   string `json:"detail"`
}

// Report is what Verify found.
type Report struct {
	// Entries is how many entries were read, First the number of the first, Head the end.
	Entries uint64 `json:"entries"`
	First   uint64 `json:"first"`
	Head    Head   `json:"head"`
	// Repeated counts changes that were entered twice; that is no fault.
	Repeated int `json:"repeated,omitempty"`
	// Findings are the faults, in the order of the entries; the first of them where there are very many.
	Findings []Finding `json:"findings,omitempty"`
}

// Intact says whether nothing is wrong.
func (r Report) Intact() bool { return len(r.Findings) == 0 }

// maxFindings bounds a report.
const maxFindings = 1000

// verifyChunk is how many entries are held at once.
const verifyChunk = 256

// Expect is what a verifier knows from elsewhere.
type Expect struct {
	// First is the number of the first entry that must be there, for a log whose beginning was let go; 1 when it is 0.
	First uint64
	// Heads are ends of the log that were seen before, such as those that the manager publishes. Without any, a log that was cut
	// at its end, or written anew as a whole, cannot be told from a whole one.
	Heads []Head
}

// Verify reads the whole log of a cluster and finds every change in it. The error tells that it could not be read.
func Verify(ctx context.Context, b *store.Bucket, cluster string, expect Expect) (Report, error) {
	v := verifier{seen: map[string]bool{}}
	var last uint64
	for item, err := range b.List(ctx, store.AuditPrefix(cluster)) {
		if err != nil {
			return v.report, err
		}
		n, ok := store.ParseAuditEntry(cluster, item.Key)
		if !ok {
			v.find(0, FaultForeign, "the object "+item.Key+" is no entry")
			continue
		}
		last = max(last, n)
	}
	first := max(expect.First, 1)
	v.report.First = first
	for from := first; from <= last; from += verifyChunk {
		for _, r := range readAll(ctx, b, cluster, from, min(from+verifyChunk-1, last)) {
			if err := v.see(r); err != nil {
				return v.report, err
			}
			v.compare(r, expect.Heads)
		}
	}
	for _, h := range expect.Heads {
		if h.Sequence > last {
			v.find(h.Sequence, FaultTruncated, fmt.Sprintf("entry %d was the end once, and the log ends with entry %d", h.Sequence, last))
		}
	}
	return v.report, nil
}

type verifier struct {
	report Report
	// previous is the hash of the entry before; empty where that is unknown, as it is at first.
	previous string
	seen     map[string]bool
}

func (v *verifier) find(n uint64, f Fault, detail string) {
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, Finding{Sequence: n, Fault: f, Detail: detail})
	}
}

func (v *verifier) see(r result) error {
	switch {
	case errors.Is(r.err, store.ErrNotFound):
		v.find(r.number, FaultMissing, fmt.Sprintf("entry %d is missing", r.number))
	case errors.Is(r.err, errMoved):
		v.find(r.number, FaultMoved, fmt.Sprintf("in the place of entry %d stands entry %d", r.number, r.entry.Sequence))
	case errors.Is(r.err, ErrChanged), errors.Is(r.err, store.ErrTooLarge):
		v.find(r.number, FaultChanged, fmt.Sprintf("entry %d: %v", r.number, r.err))
	case r.err != nil:
		return r.err
	default:
		v.report.Entries++
		v.chain(r)
		return nil
	}
	v.previous = ""
	return nil
}

// chain checks that a whole entry continues the one before.
func (v *verifier) chain(r result) {
	if r.number == 1 {
		v.previous = genesis
	}
	if v.previous != "" && r.entry.Previous != v.previous {
		v.find(r.number, FaultUnchained, fmt.Sprintf("entry %d does not continue entry %d: one of them was put there later", r.number, r.number-1))
	}
	if v.seen[r.entry.ID] {
		v.report.Repeated++
	}
	v.seen[r.entry.ID] = true
	v.previous = r.entry.Hash
	v.report.Head = Head{Sequence: r.number, Hash: r.entry.Hash}
}

// compare holds an entry against the heads that are known.
func (v *verifier) compare(r result, heads []Head) {
	for _, h := range heads {
		if h.Sequence == r.number && r.err == nil && (h.Hash == "" || !strings.HasPrefix(r.entry.Hash, h.Hash)) {
			v.find(r.number, FaultRewritten, fmt.Sprintf("entry %d had the hash %s once, and has %s now", r.number, h.Hash, r.entry.Hash))
		}
	}
}
