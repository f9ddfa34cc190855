package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const startTimeout = time.Minute

// programs finds the folder of initdb and postgres: on the PATH, else where Debian keeps its newest version.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no initdb on the PATH or in /usr/lib/postgresql")
	}
	slices.SortFunc(found, func(a, b string) int { return majorVersion(a) - majorVersion(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

func majorVersion(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// cluster is a folder with data and a socket, and the server running on it.
type cluster struct {
	folder   string
	programs string
	settings string              // arguments of the server
	owner    *syscall.Credential // nil: this process's user
	running  *supervised
}

type supervised struct {
	leash io.WriteCloser // the supervisor ends the server when this closes, by itself or with this process
	done  chan error
}

// unsafe are the settings of clusters whose data need not survive the machine.
const unsafe = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"

func start(settings string) (*cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "weir-pg-") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	c := &cluster{folder: folder, programs: bin, settings: settings}
	if err := c.giveAway(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := c.up(); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// giveAway makes the folder another user's where this is root, whom PostgreSQL refuses to run for.
func (c *cluster) giveAway() error {
	if os.Geteuid() != 0 {
		return nil
	}
	owner, err := ordinaryUser()
	if err != nil {
		return err
	}
	c.owner = owner
	return os.Chown(c.folder, int(owner.Uid), int(owner.Gid))
}

func ordinaryUser() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// supervise creates the data unless it is there, and runs the server until standard input closes. Only the end of the
// test process, or stop, closes that; it works after kill -9 as well. Arguments: the programs' folder, the cluster's,
// and settings.
const supervise = `
cd "$2" || exit 1
if [ ! -e data ]; then
	"$1/initdb" --pgdata data --username weir --auth trust --encoding UTF8 --locale C --no-sync --no-instructions \
		</dev/null >log 2>&1 || exit 1
fi
"$1/postgres" -D data -k "$2" -c listen_addresses= $3 \
	-c max_connections=200 -c shared_buffers=64MB </dev/null >>log 2>&1 &
server=$!
read -r end
kill -QUIT $server
wait $server
[ "$end" = keep ] || rm -rf "$2"
true
`

// up starts the server and waits until it answers.
func (c *cluster) up() error {
	command := exec.Command("/bin/sh", "-c", supervise, "sh", c.programs, c.folder, c.settings)
	// A group of its own: an interrupt at the terminal is for the test process, and ends the server by way of the leash.
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Setpgid: true}
	leash, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	running := &supervised{leash, make(chan error, 1)}
	go func() { running.done <- command.Wait() }()
	c.running = running
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case err := <-running.done:
			running.done <- err // for stop
			return c.failed(err)
		case <-ctx.Done():
			return c.failed(err)
		case <-time.After(20 * time.Millisecond): // the server has no way to say that it is up
		}
	}
}

func (c *cluster) failed(err error) error {
	log, _ := os.ReadFile(filepath.Join(c.folder, "log"))
	return fmt.Errorf("starting PostgreSQL: %w: %s", err, log)
}

// stop ends the server and keeps its folder.
func (c *cluster) stop() error {
	if c.running == nil {
		return nil
	}
	running := c.running
	c.running = nil
	_, _ = io.WriteString(running.leash, "keep\n") // fails when the server has ended by itself
	_ = running.leash.Close()
	return <-running.done
}

// remove ends the server and deletes its folder. Nothing is left to report to.
func (c *cluster) remove() {
	_ = c.stop()
	_ = os.RemoveAll(c.folder)
}

func (c *cluster) url() string {
	u := url.URL{Scheme: "postgres", User: url.User("weir"), Path: "/postgres"}
	u.RawQuery = url.Values{"host": {c.folder}, "sslmode": {"disable"}}.Encode()
	return u.String()
}
