// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// margin is how much later than the runs the store's own rules delete: files are written anew when they are compacted, and
// the store counts from then.
const margin = Settled + 2*day

// lifecycle is the form of S3's PutBucketLifecycleConfiguration.
type lifecycle struct {
	Rules []lifecycleRule `json:"Rules"`
}

type lifecycleRule struct {
	ID         string            `json:"ID"`
	Status     string            `json:"Status"`
	Filter     map[string]string `json:"Filter"`
	Expiration *expiration       `json:"Expiration,omitempty"`
	// Without these, what is deleted lives on in a bucket that keeps versions.
	NoncurrentVersionExpiration    *noncurrent `json:"NoncurrentVersionExpiration,omitempty"`
	AbortIncompleteMultipartUpload *abort      `json:"AbortIncompleteMultipartUpload,omitempty"`
}

type expiration struct {
	Days int `json:"Days"`
}

type noncurrent struct {
	NoncurrentDays int `json:"NoncurrentDays"`
}

type abort struct {
	DaysAfterInitiation int `json:"DaysAfterInitiation"`
}

// WriteLifecycle writes the rules by which an S3 server deletes by itself what the retention of a monitor lets go, as a
// second line: some days later than the runs do. It knows neither bodies, which go earlier than their rows, nor legal holds.
func WriteLifecycle(w io.Writer, c wire.Config, root string) error {
	a, err := agesOf(c.Retention)
	if err != nil {
		return err
	}
	l := store.Layout{Cluster: c.Cluster, Namespace: c.Namespace, Monitor: c.Monitor}
	if root = strings.Trim(root, "/"); root != "" {
		root += "/"
	}
	id := fmt.Sprintf("vedette-%s-%s-%s", c.Cluster, c.Namespace, c.Monitor)
	var out lifecycle
	for _, tier := range []struct {
		folder store.Folder
		age    time.Duration
	}{
		{store.Predictions, a.predictions}, {store.Pairs, a.predictions}, {store.Records, a.features}, {store.Profiles, a.profiles}, {store.LabelFolder, a.labels},
	} {
		out.Rules = append(out.Rules, lifecycleRule{
			ID: id + "-" + string(tier.folder), Status: "Enabled", Filter: map[string]string{"Prefix": root + l.Prefix() + string(tier.folder) + "/"},
			Expiration: &expiration{Days: int(math.Ceil((tier.age + margin).Hours() / 24))},
		})
	}
	out.Rules = append(out.Rules, lifecycleRule{
		ID: id, Status: "Enabled", Filter: map[string]string{"Prefix": root + l.Prefix()},
		NoncurrentVersionExpiration: &noncurrent{NoncurrentDays: 1}, AbortIncompleteMultipartUpload: &abort{DaysAfterInitiation: 7},
	})
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("writing the lifecycle configuration: %w", err)
	}
	return nil
}
