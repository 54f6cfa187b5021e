// SPDX-License-Identifier: Apache-2.0

// Command retrain is the training program of the demo: what a team would run in a retraining Job. It reads the version of the
// dataset that it is told of, checks it against its digest, moves the weights of the model in production by the labels in it,
// stores the new model, and names the new version in its termination message. It knows nothing of Kubernetes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/train/logistic"
)

// precision is how firmly the weights in production are believed, as if each had been seen with this much information.
const precision = 20

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "retrain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, env func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("retrain", flag.ContinueOnError)
	url := flags.String("store", "", "the `URL` of the store, as in the MonitorClass")
	credentials := flags.String("credentials", "/etc/store", "`folder` with the store's credentials, one file a key")
	message := flags.String("termination-message", "/dev/termination-log", "`file` to name the new version in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	bucket, err := store.Open(ctx, *url, *credentials)
	if err != nil {
		return err
	}
	defer bucket.Close()
	root, _, _ := strings.Cut(*url, "?")
	m, l, err := load(ctx, bucket, strings.TrimPrefix(env("VEDETTE_DATASET_URI"), root+"/"), env("VEDETTE_DATASET_DIGEST"))
	if err != nil {
		return fmt.Errorf("reading the dataset: %w", err)
	}
	trained, err := train(ctx, bucket, l, m)
	if err != nil {
		return err
	}
	document, err := json.MarshalIndent(trained, "", "  ")
	if err != nil {
		return err
	}
	key := l.Prefix() + "models/" + trained.Version + ".json"
	if err := bucket.Put(ctx, key, document); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d labels of %s, because %s: %s, in place of %s\n", m.Content.Rows, m.Digest, env("VEDETTE_REASON"), trained.Version, env("VEDETTE_BASE_VERSION"))
	out, err := json.Marshal(map[string]string{"version": trained.Version, "uri": store.Address(*url, key)})
	if err != nil {
		return err
	}
	return os.WriteFile(*message, out, 0o644)
}

// load reads the manifest in a folder, and says where its dataset is.
func load(ctx context.Context, b *store.Bucket, folder, digest string) (dataset.Manifest, store.Layout, error) {
	document, err := b.Get(ctx, strings.TrimSuffix(folder, "/")+"/"+dataset.ManifestFile, 16<<20)
	if err != nil {
		return dataset.Manifest{}, store.Layout{}, err
	}
	m, err := dataset.Decode(document)
	if err == nil && m.Digest != digest {
		err = fmt.Errorf("its digest is %s, and not %s", m.Digest, digest)
	}
	return m, store.Layout{Cluster: m.Content.Cluster, Namespace: m.Content.Namespace, Monitor: m.Content.Monitor}, err
}

// train moves the weights of the model in production.
func train(ctx context.Context, b *store.Bucket, l store.Layout, m dataset.Manifest) (*model.Model, error) {
	production, err := model.Load()
	if err != nil {
		return nil, err
	}
	var rows logistic.Design
	var terms []model.Term
	err = dataset.EachRow(ctx, b, l, m, func(r *dataset.Row) error {
		terms = production.Terms(terms[:0], features(m.Content.Features, r.Features))
		rows.Add(terms, r.Class == model.Late)
		return nil
	})
	if err != nil {
		return nil, err
	}
	weights, err := rows.Fit(func(term string) logistic.Prior {
		return logistic.Prior{Mean: production.Weights[term], Precision: precision}
	})
	if err != nil {
		return nil, err
	}
	trained := *production
	trained.Version = production.Version + "-" + m.Digest[:12]
	trained.Weights = maps.Clone(production.Weights)
	maps.Copy(trained.Weights, weights)
	return &trained, nil
}

// features are those of a flight; what a row lacks stays missing.
func features(columns []dataset.Feature, values []feature.Value) model.Features {
	f := model.Missing()
	for i, c := range columns {
		v := values[i]
		if v.Kind == feature.Missing {
			continue
		}
		switch c.Name {
		case "hour":
			f.Hour = v.Num
		case "weekday":
			f.Weekday = v.Str
		case "origin":
			f.Origin = v.Str
		case "destination":
			f.Destination = v.Str
		case "distance":
			f.Distance = v.Num
		case "origin_delay_2h":
			f.OriginDelay2h = v.Num
		}
	}
	return f
}
