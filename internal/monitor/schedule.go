// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// fields of a Cron schedule, with the numbers that "H" chooses among. Days are left below 29, so that every month has them.
var fields = []struct{ first, count uint32 }{{0, 60}, {0, 24}, {1, 28}, {1, 12}, {0, 7}}

// ScheduleOf is the schedule of an analysis of a monitor, without "H".
func ScheduleOf(m *v1alpha1.ModelMonitor, a v1alpha1.Analysis) (string, error) {
	return Schedule(a.Schedule, m.Namespace+"/"+m.Name)
}

// Chore is a scheduled run that keeps the store in order, whether or not anything is analysed.
type Chore struct {
	// Kind is the kind of the run in status, Name that of its command and its CronJob.
	Kind v1alpha1.AnalysisRunKind
	Name string
	// Schedule is in the form of Cron, without "H".
	Schedule string
}

// Chores are those of a monitor: each once a day, at a time of its own.
func Chores(m *v1alpha1.ModelMonitor) []Chore {
	chores := []Chore{{Kind: v1alpha1.AnalysisRunRetention, Name: KindRetention}, {Kind: v1alpha1.AnalysisRunCompact, Name: KindCompact}}
	for i := range chores {
		seed := m.Namespace + "/" + m.Name + "/" + chores[i].Name
		chores[i].Schedule = fmt.Sprintf("%d %d * * *", hash(seed, 0)%fields[0].count, hash(seed, 1)%fields[1].count)
	}
	return chores
}

// Schedule replaces each "H" in a Cron schedule by a number derived from seed, and checks that it can be read. Seeds spread
// evenly, and a seed always gives the same schedule.
func Schedule(spec, seed string) (string, error) {
	if strings.Contains(spec, "TZ=") {
		return "", errors.New("a schedule must not name a time zone: it is in UTC")
	}
	parts := strings.Fields(spec)
	for i := range parts {
		if parts[i] == "H" && i < len(fields) {
			parts[i] = strconv.FormatUint(uint64(fields[i].first+hash(seed, i)%fields[i].count), 10)
		}
	}
	resolved := strings.Join(parts, " ")
	if _, err := cron.ParseStandard(resolved); err != nil {
		return "", fmt.Errorf("%w: write five fields, such as \"H 3 * * *\"", err)
	}
	return resolved, nil
}

// Gap is the longest time between two runs of a resolved schedule, looked for over a year at most.
func Gap(schedule string) time.Duration {
	s, err := cron.ParseStandard(schedule)
	if err != nil {
		return 0
	}
	var longest time.Duration
	// Any fixed year will do: the gap must not depend on when it is asked for.
	at := time.Date(2023, 12, 31, 0, 0, 0, 0, time.UTC)
	end := at.AddDate(1, 0, 0)
	for range 1000 {
		next := s.Next(at)
		if next.IsZero() || next.After(end) {
			break
		}
		longest, at = max(longest, next.Sub(at)), next
	}
	return longest
}

func hash(seed string, field int) uint32 {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%s/%d", seed, field)
	return h.Sum32()
}
