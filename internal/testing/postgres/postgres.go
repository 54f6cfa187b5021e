// SPDX-License-Identifier: Apache-2.0

// Package postgres runs tests against a real Postgres.
//
// A package that uses it hands its TestMain over to Main; the server starts with the first test that calls URL, and each
// such test gets an empty database of its own.
package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Environment names the variable that holds the folder of Postgres' programs. `make test` sets it.
const Environment = "VEDETTE_POSTGRES_BIN"

var (
	started   *server
	start     = sync.OnceValues(run)
	databases atomic.Int64
)

// tcp is where the server listens beside its socket; the zero value is nowhere.
var tcp struct{ host, network, port string }

// Listen makes the server, which must not run yet, listen on a port of a host as well, and let in whoever comes from a network.
func Listen(host, network string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // The port is free again, that is all.
	tcp.host, tcp.network = host, network
	_, tcp.port, err = net.SplitHostPort(l.Addr().String())
	return err
}

type server struct {
	dir    string
	cmd    *exec.Cmd
	output bytes.Buffer
	exited chan struct{}
}

// Main runs the tests of a package and stops the server, if one was started.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// Stop stops the server, if one was started.
func Stop() {
	if started != nil {
		started.stop()
	}
}

// RemoteURL is URL for those who come from the network that Listen lets in.
func RemoteURL(t testing.TB) string {
	t.Helper()
	local, err := url.Parse(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	return "postgres://postgres@" + net.JoinHostPort(tcp.host, tcp.port) + local.Path + "?sslmode=disable"
}

// URL is that of a new, empty database. Without Postgres' programs it skips the test, but fails it in CI.
func URL(t testing.TB) string {
	t.Helper()
	if os.Getenv(Environment) == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: run the tests with make test", Environment)
		}
		t.Skipf("%s is not set: run the tests with make test", Environment)
	}
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	name := "test" + strconv.FormatInt(databases.Add(1), 10)
	if err := s.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

func run() (*server, error) {
	bin := os.Getenv(Environment)
	dir, err := os.MkdirTemp("", "vedette-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, exited: make(chan struct{})}
	owner, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = owner, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-c", "listen_addresses="+tcp.host, "-c", "unix_socket_directories="+dir, "-c", "max_connections=200")
	if tcp.host != "" {
		s.cmd.Args = append(s.cmd.Args, "-c", "port="+tcp.port)
		if err := admit(filepath.Join(data, "pg_hba.conf"), tcp.network); err != nil {
			return nil, err
		}
	}
	s.cmd.SysProcAttr, s.cmd.Dir = owner, dir
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // Its output tells the rest.
	}()
	started = s
	return s, s.ready()
}

// unprivileged gives dir to a user that Postgres accepts: it refuses to run as root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT} // the server ends with a test binary that was killed
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, int(uid), int(gid))
}

func (s *server) url(database string) string {
	u := "postgres://postgres@/" + database + "?host=" + url.QueryEscape(s.dir)
	if tcp.port != "" {
		u += "&port=" + tcp.port // it is part of the socket's name
	}
	return u
}

// admit lets in whoever comes from a network.
func admit(file, network string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "host %[1]s %[1]s %[2]s trust\n", "all", network)
	return errors.Join(err, f.Close())
}

// ready waits until the server answers or ends.
func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("postgres ended before it answered:\n%s", s.output.String())
		case <-ctx.Done():
			return fmt.Errorf("postgres did not answer: %w", err)
		}
	}
}

func (s *server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // The statement's own error counts.
	_, err = db.ExecContext(ctx, statement)
	return err
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // at once: nobody wants the data
	<-s.exited
	_ = os.RemoveAll(s.dir)
}
