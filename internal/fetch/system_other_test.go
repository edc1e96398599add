//go:build !linux

package fetch

import (
	"os/exec"
	"testing"
)

func smallDisk(t *testing.T) string {
	t.Skip("needs a small file system: Linux only")
	return ""
}

func openFolder(t *testing.T) string {
	t.Skip("needs another user: Linux only")
	return ""
}

func asNobody(*exec.Cmd) {}
