// SPDX-License-Identifier: Apache-2.0

// Package auditqueue owns the entries that wait in the status of an object for the audit log. An entry is written to status in
// one piece with what it tells of, and leaves it once it is in the log: so it is neither lost nor made twice, whenever the manager
// stops. What is worth an entry the packages monitor and rollout know, what the log is, package audit. It is pure.
package auditqueue

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Manager is who entries say has seen or done what nobody else did.
const Manager = "vedette-manager"

// kindEntriesLost is the kind of the entry that counts those that could not be kept, as package audit names it.
const kindEntriesLost = "EntriesLost"

const (
	// maxPending is how many entries wait in status for a log that is out of reach.
	maxPending = 32
	// busyPending is how many may wait before we do nothing more of our own accord that would have to be entered.
	busyPending = maxPending / 2
	// maxGrounds bounds the grounds of an entry that waits in status.
	maxGrounds = 4096
)

// Ready says whether something that must be entered may be begun: not while the log has been out of reach for so long that what
// happens by itself needs the room.
func Ready(s v1alpha1.AuditStatus) bool { return len(s.Pending) < busyPending }

// Queue is what waits for the log about one object.
type Queue struct {
	// Kind, Namespace and Name name the object. UID tells it from an earlier one of the same name.
	Kind, Namespace, Name string
	UID                   types.UID
	// Status is where the entries wait.
	Status *v1alpha1.AuditStatus
}

// Subject names the object in the log.
func (q Queue) Subject() string { return strings.Join([]string{q.Kind, q.Namespace, q.Name}, "/") }

// ID is the same for an entry, however often it is tried.
func (q Queue) ID(p v1alpha1.PendingAuditEntry) string {
	return fmt.Sprintf("%s/%d", q.UID, p.Sequence)
}

// Add adds an entry. When there is no room any more, the last place counts what could not be kept.
func (q Queue) Add(now time.Time, kind, actor string, grounds map[string]any) {
	text, err := json.Marshal(grounds)
	if err != nil {
		panic(fmt.Sprintf("encoding the grounds of an entry: %v", err)) // strings and numbers: always encodable
	}
	if len(text) > maxGrounds {
		// Texts from elsewhere made it long: what they said is told by its hash.
		sum := sha256.Sum256(text)
		text = fmt.Appendf(nil, `{"omitted":"grounds of %d bytes","sha256":"%s"}`, len(text), hex.EncodeToString(sum[:]))
	}
	s := q.Status
	if n := len(s.Pending); n == maxPending {
		lost := lostOf(s.Pending[n-1].Grounds)
		s.Pending[n-1].Grounds = fmt.Sprintf(`{"lost":%d}`, lost+1)
		return
	} else if n == maxPending-1 {
		kind, actor, text = kindEntriesLost, Manager, []byte(`{"lost":1}`)
	}
	s.Sequence++
	pending := slices.Clone(s.Pending)
	s.Pending = append(pending, v1alpha1.PendingAuditEntry{
		Sequence: s.Sequence, Kind: kind, Actor: cmp.Or(actor, Manager), Time: metav1.NewTime(now.Truncate(time.Second)), Grounds: string(text),
	})
}

// Entered takes the first n entries out: they are in the log.
func (q Queue) Entered(n int) {
	if n == len(q.Status.Pending) {
		q.Status.Pending = nil
		return
	}
	q.Status.Pending = q.Status.Pending[n:]
}

func lostOf(grounds string) int64 {
	var g struct {
		Lost int64 `json:"lost"`
	}
	_ = json.Unmarshal([]byte(grounds), &g) // our own text
	return g.Lost
}
