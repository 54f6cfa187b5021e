// SPDX-License-Identifier: Apache-2.0

// Command review runs an annotation queue: the page, the interface, and what brings items in and labels out. It has no
// permissions on the Kubernetes API: it reads a document, and works on a store and a database.
//
//	review serve --config review.v1.json --database sqlite:queue.db --users users
//	review backup --database sqlite:queue.db > backup.db
//	review migrate --from sqlite:queue.db --to postgres://…
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/internal/review/server"
)

// exitUsage is the exit code for arguments that cannot be understood.
const exitUsage = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

// commands are what review can do. The first is what it is there for.
var commands = map[string]func(ctx context.Context, args []string, stderr io.Writer) error{
	"serve":   serve,
	"migrate": migrate,
	"backup": func(ctx context.Context, args []string, stderr io.Writer) error {
		return backup(ctx, args, os.Stdout, stderr)
	},
}

// usageError is an error in the arguments.
type usageError struct{ error }

func run(ctx context.Context, args []string, stderr io.Writer) int {
	name, rest := "", args
	if len(args) > 0 {
		name, rest = args[0], args[1:]
	}
	command, ok := commands[name]
	if !ok {
		fmt.Fprintf(stderr, "review: no command %q; there are: %s\n", name, strings.Join(names(), ", "))
		return exitUsage
	}
	err := command(ctx, rest, stderr)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	slog.New(slog.NewJSONHandler(stderr, nil)).Error("review ended", "error", err)
	return 1
}

func serve(ctx context.Context, args []string, stderr io.Writer) error {
	o, err := parseServe(args, stderr)
	if err != nil {
		return err
	}
	o.Clock, o.Log = time.Now, slog.New(slog.NewJSONHandler(stderr, nil))
	return server.Run(ctx, o)
}

func parseServe(args []string, stderr io.Writer) (server.Options, error) {
	var o server.Options
	f := flag.NewFlagSet("review serve", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Listen, "listen", ":15281", "address to serve the page and the interface on")
	f.StringVar(&o.Metrics, "metrics", ":15291", "address to serve metrics, health and readiness on")
	f.StringVar(&o.Config, "config", "review.v1.json", "document of the queue")
	f.StringVar(&o.Credentials, "credentials", "", "directory with the store's credentials, one file a key")
	f.StringVar(&o.Database, "database", "sqlite:queue.db", "database: sqlite:FILE or postgres://…")
	f.StringVar(&o.DatabaseFile, "database-file", "", "file with the address of the database, instead of --database")
	f.StringVar(&o.HashKey, "hash-key", "", "file with the key of hashed label keys")
	f.StringVar(&o.Users, "users", "", "file with local users, name:bcrypt:role a line")
	f.StringVar(&o.Tokens, "tokens", "", "file with tokens of machines, name:sha256:role a line")
	f.StringVar(&o.ClientSecret, "oidc-client-secret", "", "file with the secret of the OpenID Connect client")
	f.StringVar(&o.ClientIssuer, "oidc-issuer", "", "file with the address of the provider that this secret may be sent to")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", 20*time.Second, "longest time from SIGTERM to the end")
	return o, parse(f, args)
}

// parse reads arguments that are all flags.
func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return usageError{err}
	case f.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q", f.Arg(0))}
	}
	return nil
}

func names() []string { return slices.Sorted(maps.Keys(commands)) }
