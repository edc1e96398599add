// Package atomicfile writes files that are either whole or not there.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Write is a placeholder until the package lands.
func Write(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".w2s-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
