package deploy

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// inImage makes a command run as in the image: its root folder, its user, its variables.
func inImage(cmd *exec.Cmd, dir string) {
	cmd.Path = "/weir"
	cmd.Dir = "/"
	cmd.Env = []string{"WEIR_DATA=/data", "WEIR_LOG_FORMAT=json"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
}

// readUntil reads lines until one has the words.
func readUntil(r io.Reader, words string) (string, error) {
	var all strings.Builder
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fmt.Fprintln(&all, lines.Text())
		if strings.Contains(lines.Text(), words) {
			return all.String(), nil
		}
	}
	return all.String(), fmt.Errorf("the program ended without saying %q", words)
}

// drained waits for a command that has been asked to end.
func drained(cmd *exec.Cmd, output io.Reader) error {
	if _, err := io.Copy(io.Discard, output); err != nil {
		return err
	}
	return cmd.Wait()
}
