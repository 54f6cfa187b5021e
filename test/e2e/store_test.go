// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/duckdb"
	"github.com/vedette-dev/vedette/test/harness"
)

const (
	// storeNamespace holds the tests' S3 server.
	storeNamespace = "e2e-store"
	bucketName     = "vedette"
	// maxObject bounds what is read of an object.
	maxObject = 256 << 20
)

// storeURL is the URL of the bucket of an S3 server, for a MonitorClass; service is its <name>.<namespace>.
func storeURL(service string) string {
	return "s3://" + bucketName + "?region=us-east-1&endpoint=http://" + service + ".svc:7070"
}

// setUpStore brings the S3 server that all tests share, each in a folder of its own.
func setUpStore(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: storeNamespace}}
	if err := client.IgnoreAlreadyExists(cluster.Create(ctx, namespace)); err != nil {
		return fmt.Errorf("making the namespace of the store: %w", err)
	}
	objects, err := s3Server(ctx, storeNamespace)
	if err != nil {
		return err
	}
	if err := cluster.Apply(ctx, objects); err != nil {
		return err
	}
	if err := cluster.Rolled(ctx, startTimeout, types.NamespacedName{Namespace: storeNamespace, Name: "s3"}); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vedette-e2e-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the forward
	bucket, err := openStore(ctx, storeNamespace, dir)
	if err != nil {
		return err
	}
	return bucket.Close()
}

// s3Server renders the demo's S3 server for another namespace.
func s3Server(ctx context.Context, namespace string) ([]*unstructured.Unstructured, error) {
	dir := "test/demo/manifests/surroundings"
	if !cluster.Local {
		dir = "test/demo/manifests/registry"
	}
	all, err := cluster.Kustomize(ctx, dir)
	var objects []*unstructured.Unstructured
	for _, o := range all {
		if o.GetName() == "s3" {
			o.SetNamespace(namespace)
			objects = append(objects, o)
		}
	}
	return objects, err
}

// openStore reaches the S3 server of a namespace from here, until ctx ends, and makes its bucket.
func openStore(ctx context.Context, namespace, dir string) (*store.Bucket, error) {
	key := types.NamespacedName{Namespace: namespace, Name: "s3"}
	address, err := cluster.Forward(ctx, key, "s3")
	if err != nil {
		return nil, err
	}
	var secret corev1.Secret
	if err := cluster.Get(ctx, key, &secret); err != nil {
		return nil, err
	}
	server := harness.S3{
		Endpoint: "http://" + address, AccessKey: string(secret.Data["ROOT_ACCESS_KEY"]), Secret: string(secret.Data["ROOT_SECRET_KEY"]),
	}
	if err := server.CreateBucket(ctx, bucketName); err != nil {
		return nil, err
	}
	return server.Open(ctx, bucketName, dir)
}

// bucket opens the bucket that the scene's class names.
func (s *scene) bucket() *store.Bucket {
	s.Helper()
	namespace := storeNamespace
	if strings.Contains(s.class.Spec.Store.URL, "."+s.namespace+".") {
		namespace = s.namespace
	}
	b, err := openStore(s.Context(), namespace, s.TempDir())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { b.Close() })
	return b
}

// object is what identifies the content of an object.
type object struct {
	digest   string
	modified time.Time
}

// download copies the objects below a prefix to a folder of this machine, and returns it, with what is in it by key.
func (s *scene) download(prefix string) (dir string, objects map[string]object) {
	s.Helper()
	b := s.bucket()
	dir, objects = s.TempDir(), map[string]object{}
	for item, err := range b.List(s.Context(), prefix) {
		if err != nil {
			s.Fatal(err)
		}
		content, err := b.Get(s.Context(), item.Key, maxObject)
		if err != nil {
			s.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(item.Key, prefix)))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			s.Fatal(err)
		}
		sum := sha256.Sum256(content)
		objects[item.Key] = object{hex.EncodeToString(sum[:]), item.Modified}
	}
	return dir, objects
}

// table is a table function of DuckDB over the files of one folder of a monitor's download.
func table(dir string, folder store.Folder) string {
	return fmt.Sprintf("read_parquet('%s/%s/**/*.parquet', hive_partitioning = true, union_by_name = true)", dir, folder)
}

// query asks DuckDB for one row.
func (s *scene) query(sql string) map[string]any {
	s.Helper()
	rows := duckdb.Query(s, sql)
	if len(rows) != 1 {
		s.Fatalf("%s gives %d rows, want 1", sql, len(rows))
	}
	return rows[0]
}
